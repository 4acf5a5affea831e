//! Tokens of a chat template, turns of a conversation that the model plays alone, and places
//! of a text template that nobody filled.
//!
//! Caught: the special tokens of the ChatML, Llama 2 and 3, Mistral, Gemma, Phi, DeepSeek,
//! Harmony, T5 and BERT families, Alpaca's headings, byte and space tokens of tokenizers, a
//! stray end of a thought, `User:` and `Assistant:` turns, `{{ name }}` and `{% if %}` outside
//! code. Not caught: any of it when the prompt or the context has it or is about it. A pair of
//! `<think>` and `</think>` is for the app to fold.

use super::Remark;
use super::reading::Reading;
use super::text::{Terms, words};

/// Tokens that no ordinary reply holds. `<|…|>` is matched by its form.
const TOKENS: Terms = Terms(
    "</s>|<s>|[INST]|[/INST]|<<SYS>>|<</SYS>>|<start_of_turn>|<end_of_turn>|<bos>|<eos>|<pad>|\
     <unk>|<mask>|<extra_id_|[PAD]|[UNK]|[CLS]|[SEP]|[MASK]|[BOS]|[EOS]|<tool_call>|</tool_call>|\
     <tool_response>|</tool_response>|<tools>|</tools>|[TOOL_CALLS]|[AVAILABLE_TOOLS]|\
     [/AVAILABLE_TOOLS]|[TOOL_RESULTS]|[SYSTEM_PROMPT]|[/SYSTEM_PROMPT]|<system>|</system>|\
     ### Instruction:|### Response:|### Input:|### Human:|### Assistant:|### User:|### System:|\
     <start_of_image>|<end_of_utterance>",
);

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let about_tokens = Terms(
        "token|tokens|tokenizer|chatml|template|templates|prompt format|html|xml|struck through|\
         strike*|special tokens|tag|tags|section",
    );
    let given = reading.sources().any(|source| special(source).is_some());
    if !given && !about_tokens.found_in(&reading.prompt_plain) {
        if special(reading.exchange.reply).is_some() {
            return Remark::new(0.0, "a special token of a chat template stands in the text");
        }
        if has_token_marks(reading.exchange.reply) {
            return Remark::new(0.1, "marks of a tokenizer stand in the text");
        }
    }
    turns(reading).or(places(reading))
}

/// The first special token of a text.
fn special(text: &str) -> Option<&str> {
    let struck = text.contains("<s>") && text.contains("</s>");
    let known = TOKENS
        .iter()
        .find(|&token| text.contains(token) && !(struck && matches!(token, "<s>" | "</s>")));
    let stray = text.contains("</think>") && !text.contains("<think>");
    known
        .or(stray.then_some("</think>"))
        .or_else(|| between_bars(text, "<|", "|>"))
        .or_else(|| between_bars(text, "<｜", "｜>"))
        .or_else(|| byte_token(text))
}

/// A token such as `<|im_end|>`: at most 40 bytes of a name between two signs.
fn between_bars<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.match_indices(open).find_map(|(at, _)| {
        let inner = text.get(at + open.len()..)?;
        let end = inner
            .char_indices()
            .take(40)
            .find(|&(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '▁' | '/')))?
            .0;
        let closed = end > 0 && inner.get(end..)?.starts_with(close);
        closed.then(|| inner.get(..end)).flatten()
    })
}

/// A byte that a tokenizer wrote out, such as `<0x0A>`.
fn byte_token(text: &str) -> Option<&str> {
    text.match_indices("<0x").find_map(|(at, _)| {
        let token = text.get(at..at + 6)?;
        let hex = token.get(3..5)?.bytes().all(|b| b.is_ascii_hexdigit());
        (hex && token.ends_with('>')).then_some(token)
    })
}

/// Signs that stand for spaces: `▁` of SentencePiece before letters, `Ġ` of byte-level BPE
/// between letters. Maltese begins words with Ġ.
fn has_token_marks(text: &str) -> bool {
    let (mut marks, mut before) = (0, ' ');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let letter = chars.peek().is_some_and(|next| next.is_alphabetic());
        let mark = match c {
            '▁' => letter,
            'Ġ' => letter && before.is_ascii_alphanumeric(),
            _ => false,
        };
        marks += usize::from(mark);
        before = c;
    }
    marks >= 3
}

/// Turns of a conversation that nobody asked to see.
fn turns(reading: &Reading<'_>) -> Remark {
    let wanted = Terms(
        "dialog*|conversation*|transcript*|script|scene|chat|interview|skit|gespräch*|roleplay|\
         role play|play|diálogo|theater*|log|config",
    );
    if wanted.found_in(&reading.prompt_plain) {
        return Remark::NONE;
    }
    let users = Terms("User:|Human:|Benutzer:|Nutzer:|**User:**|USER:");
    let models = Terms("Assistant:|AI:|Assistent:|**Assistant:**|ASSISTANT:|Bot:");
    let begins = |line: &str, roles: Terms| {
        let role = roles.iter().find(|role| line.starts_with(role))?;
        let rest = line.strip_prefix(role)?.trim();
        (!reading.given(role)).then(|| words(rest).count())
    };
    let mut asked = false;
    for (at, line) in reading.parts.outside.lines().map(str::trim).enumerate() {
        if let Some(length) = begins(line, users) {
            if length >= 3 {
                return Remark::new(0.1, "it plays a turn of the user");
            }
            asked = true;
        } else if begins(line, models).is_some() && (at == 0 || asked) {
            return Remark::new(0.3, "it marks its own turn");
        }
    }
    Remark::NONE
}

/// `{{ name }}` and `{% statement %}` outside code.
fn places(reading: &Reading<'_>) -> Remark {
    let about = Terms(
        "template*|jinja*|handlebars|mustache|vue|angular|helm|ansible|liquid|placeholder*|latex|\
         rust|brace*|curly|django|twig|platzhalter",
    );
    let prose = &reading.parts.prose;
    let unfilled = prose.match_indices("{{").any(|(at, _)| {
        let inner = prose.get(at + 2..).unwrap_or_default().trim_start();
        let name = inner.trim_start_matches(|c: char| {
            c.is_alphanumeric() || matches!(c, '_' | '.' | '|' | ' ' | '-')
        });
        name.len() < inner.len() && name.starts_with("}}")
    });
    let statement = prose.contains("{%") && prose.contains("%}");
    let given = reading.given("{{") || reading.given("{%");
    if (unfilled || statement) && !given && !about.found_in(&reading.prompt_plain) {
        return Remark::new(0.2, "a place of a template is not filled");
    }
    Remark::NONE
}
