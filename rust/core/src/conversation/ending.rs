//! The token that ends the model's turns.

use pocketune_llama::{Model, Token};

use crate::cancel::CancelToken;
use crate::conversation::{Message, Renderer};

/// No template writes it itself.
const REPLY: &str = "pocketune-reply";

impl Renderer {
    /// The token that ends a reply: of those that llama.cpp ends a generation at, the first
    /// that the template writes behind one; where it writes none, what llama.cpp takes for
    /// the end of a turn, or of a text.
    ///
    /// llama.cpp's own choice comes last: where a file does not name the token, it is any of
    /// those known by their text, whichever its table of tokens has first.
    pub(crate) fn end_of_turn(&self, model: &Model) -> Option<Token> {
        let special = model.special_tokens();
        let is_end = |token: &Token| model.is_end_of_generation(*token);
        self.written_end(is_end)
            .or(special.eot)
            .or_else(|| special.eos.filter(|&eos| is_special(eos, model)))
    }

    fn written_end(&self, is_end: impl Fn(&Token) -> bool) -> Option<Token> {
        let turns = [
            Message::user("u"),
            Message::assistant(REPLY),
            Message::user("u"),
        ];
        // Some templates refuse a system prompt, or the want of one.
        let mut prompts = [None, Some("s")]
            .into_iter()
            .filter_map(|system| self.render(system, &turns, &CancelToken::new()).ok());
        prompts.find_map(|prompt| {
            let text = |at: usize| prompt.input().get(at);
            let reply = (0..prompt.input().len()).find(|&at| {
                text(at).is_some_and(|it| prompt.as_str().get(it.clone()) == Some(REPLY))
            })?;
            let (start, end) = (text(reply)?.end, text(reply + 1)?.start);
            let behind = prompt.own_markers().into_iter();
            behind
                .filter(|(range, _)| start <= range.start && range.end <= end)
                .map(|(_, marker)| marker.token)
                .find(&is_end)
        })
    }
}

/// Whether llama.cpp finds the token by its text. Where a file names no end of text, it
/// takes an id that may be any token's.
pub(crate) fn is_special(token: Token, model: &Model) -> bool {
    let kind = model.token_kind(token);
    kind.is_some_and(|kind| kind.is_found_by_text())
}
