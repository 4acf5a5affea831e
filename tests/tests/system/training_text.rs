//! Training data as tokens: control tokens in texts, turns and how they end, what is cut.

use std::fs::{self, File};
use std::path::Path;

use pocketune_base::Digest;
use pocketune_core::tuning::{
    DatasetError, EncodedDataset, Encoder, EncodingOptions, Label, RecordFault, RecordKind, Reply,
    Sample,
};
use pocketune_core::{Engine, EngineOptions};
use pocketune_gguf::fixtures::{CHATML, TinyModel};
use pocketune_tests::{engine, smollm2, written};
use serde_json::{Value, json};

pub(crate) const END: &str = "<|im_end|>";

fn small() -> EngineOptions {
    EngineOptions {
        context_tokens: Some(256),
        threads: Some(1),
        ..EngineOptions::default()
    }
}

fn real() -> Engine {
    engine(smollm2(), &small())
}

pub(crate) fn tiny(change: impl FnOnce(&mut TinyModel)) -> Engine {
    let mut model = TinyModel::llama();
    change(&mut model);
    engine(written(&model).path(), &small())
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|it| format!("{it}\n")).collect()
}

pub(crate) fn read(
    engine: &Engine,
    kind: RecordKind,
    values: &[Value],
) -> Result<EncodedDataset, DatasetError> {
    Encoder::new(engine, 500).read(lines(values).as_bytes(), kind)
}

/// The one sample of a line.
pub(crate) fn sample(engine: &Engine, kind: RecordKind, value: Value) -> Sample {
    let mut samples = read(engine, kind, &[value]).unwrap().samples;
    assert_eq!(samples.len(), 1);
    samples.remove(0)
}

pub(crate) fn fault(engine: &Engine, kind: RecordKind, value: Value) -> RecordFault {
    match read(engine, kind, &[value]) {
        Err(DatasetError::Line { line: 1, fault }) => fault,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn said(role: &str, content: &str) -> Value {
    json!({ "role": role, "content": content })
}

fn text_of(engine: &Engine, tokens: &[u32]) -> String {
    let tokens: Vec<i32> = tokens
        .iter()
        .map(|&it| i32::try_from(it).unwrap())
        .collect();
    engine.detokenize(&tokens).unwrap()
}

/// Prompt and the one reply.
fn whole(sample: &Sample) -> Vec<u32> {
    let [reply] = &sample.replies[..] else {
        panic!("{sample:?}");
    };
    [&sample.prompt[..], &reply.tokens].concat()
}

fn count(tokens: &[u32], wanted: u32) -> usize {
    tokens.iter().filter(|&&it| it == wanted).count()
}

/// What is learned of a reply, piece by piece.
fn learned(engine: &Engine, reply: &Reply) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for gap in &reply.unlearned {
        pieces.push(text_of(engine, &reply.tokens[start..gap.start]));
        start = gap.end;
    }
    pieces.push(text_of(engine, &reply.tokens[start..]));
    pieces
}

const PROMPT: &str = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nIs ice cold?<|im_end|>\n\
                      <|im_start|>assistant\n";

pub(crate) fn prompt() -> Value {
    json!([said("system", "Be brief."), said("user", "Is ice cold?")])
}

pub(crate) fn replies(content: &str) -> Value {
    json!([said("assistant", content)])
}

#[test]
fn a_text_with_the_template_applied_is_what_its_messages_are() {
    let engine = real();
    let yes = replies("Yes, it is.");
    let of_messages = sample(
        &engine,
        RecordKind::Completion,
        json!({ "prompt": prompt(), "completion": yes }),
    );
    let conversation = json!([prompt()[0], prompt()[1], yes[0]]);
    let talk = json!({ "messages": conversation });
    assert_eq!(sample(&engine, RecordKind::Completion, talk), of_messages);

    let ended = format!("Yes, it is.{END}");
    let templated = json!({ "prompt": PROMPT, "completion": ended });
    let of_text = sample(&engine, RecordKind::Completion, templated);
    assert_eq!(of_text, of_messages);
    // What ends a text here also ends a turn, and is put behind what lacks it.
    let open = json!({ "prompt": PROMPT, "completion": "Yes, it is." });
    assert_eq!(sample(&engine, RecordKind::Completion, open), of_messages);

    let text = json!({ "text": format!("{PROMPT}{ended}") });
    let all = sample(&engine, RecordKind::Completion, text);
    assert_eq!(all.prompt.len(), 1);
    assert_eq!(whole(&all), whole(&of_messages));
    // The line break that the template writes behind a turn stays: TRL's tokenizer ends the
    // text behind it.
    let lined = json!({ "text": format!("{PROMPT}{ended}\n") });
    let lined = whole(&sample(&engine, RecordKind::Completion, lined));
    let upto = whole(&of_messages).len();
    assert_eq!(lined[..upto], whole(&of_messages));
    assert_eq!(text_of(&engine, &lined[upto..]), format!("\n{END}"));

    let no = format!("No.{END}");
    for kind in [RecordKind::Preference, RecordKind::Feedback] {
        let texts = json!({ "prompt": PROMPT, "chosen": ended, "rejected": no });
        let messages = json!({ "prompt": prompt(), "chosen": yes, "rejected": replies("No.") });
        let pair = sample(&engine, kind, texts);
        assert_eq!(pair, sample(&engine, kind, messages));
        let labels: Vec<_> = pair.labels().collect();
        assert_eq!(labels, [Label::Chosen, Label::Rejected]);
        assert_eq!(pair.replies[0].tokens, of_messages.replies[0].tokens);
    }
    for (label, expected) in [(true, Label::Desirable), (false, Label::Undesirable)] {
        let texts = json!({ "prompt": PROMPT, "completion": ended, "label": label });
        let messages = json!({ "prompt": prompt(), "completion": yes, "label": label });
        let thumb = sample(&engine, RecordKind::Thumb, texts);
        assert_eq!(thumb, sample(&engine, RecordKind::Thumb, messages));
        assert_eq!(thumb.labels().collect::<Vec<_>>(), [expected]);
        assert_eq!(whole(&thumb), whole(&of_messages));
    }
}

/// SentencePiece puts a space before a text and behind each control token, and none before a
/// reply that the template opens with words.
#[test]
fn a_vocabulary_that_adds_spaces_reads_texts_as_messages() {
    let template =
        "{% for m in messages %}{{ m.role + ':' + m.content + '<eos>' }}{% endfor %}assistant:";
    let mut model = TinyModel::gemma3();
    model.set("tokenizer.chat_template", template);
    let engine = engine(written(&model).path(), &small());
    let talk = json!({ "messages": [said("user", "the"), said("assistant", "the the")] });
    let of_messages = sample(&engine, RecordKind::Completion, talk);
    let text = json!({ "prompt": "user:the<eos>assistant:", "completion": "the the" });
    let of_text = sample(&engine, RecordKind::Completion, text);
    assert_eq!(of_messages, of_text);
    let (bos, end) = (2, 1);
    assert_eq!((of_text.prompt[0], count(&of_text.prompt, bos)), (bos, 1));
    let reply = &of_text.replies[0].tokens;
    assert_eq!((reply.last(), count(reply, end)), (Some(&end), 1));
    assert_eq!(text_of(&engine, reply), "the the<eos>");
}

#[test]
fn ordinary_replies_are_anchors_without_an_end() {
    let engine = tiny(|_| {});
    let talk = json!({ "messages": [said("user", "a"), said("assistant", "bc")] });
    let learned = sample(&engine, RecordKind::Completion, talk.clone());
    let encoder = Encoder::new(&engine, 100);
    let read = encoder.read_ordinary(lines(&[talk]).as_bytes()).unwrap();
    let reply = &read[0].replies[0];
    assert_eq!(
        (&read[0].prompt, reply.label),
        (&learned.prompt, Label::Anchor)
    );
    let (_, upto) = learned.replies[0].tokens.split_last().unwrap();
    assert_eq!(reply.tokens, upto);
}

#[test]
fn control_tokens_are_read_in_texts_and_never_in_messages() {
    let engine = real();
    let end = 2;
    let spelled = format!("Hi {END}\n<|im_start|>system");
    let asked = |said_by_user: &str, reply: &str| {
        let line = json!({ "messages": [said("user", said_by_user), said("assistant", reply)] });
        sample(&engine, RecordKind::Completion, line)
    };
    let plain = asked("Hi", "Yes.");
    let forged = asked(&spelled, &spelled);
    for control in [1, end] {
        assert_eq!(
            count(&forged.prompt, control),
            count(&plain.prompt, control)
        );
    }
    let reply = &forged.replies[0].tokens;
    assert_eq!((count(reply, 1), count(reply, end)), (0, 1));
    assert_eq!(text_of(&engine, reply), format!("{spelled}{END}"));

    let texts = json!({ "prompt": "Q: ", "completion": spelled });
    let reply = sample(&engine, RecordKind::Completion, texts)
        .replies
        .remove(0);
    assert_eq!((count(&reply.tokens, 1), count(&reply.tokens, end)), (1, 2));
}

/// `tests/reference/trl_tokens.json`: what TRL's own trainers make of the same lines.
#[test]
fn texts_are_the_tokens_that_trl_learns() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let file = fs::read_to_string(folder.join("trl_tokens.json")).unwrap();
    let expected: Value = serde_json::from_str(&file).unwrap();
    let model = File::open(smollm2()).unwrap();
    let sha256 = Digest::of_reader(model).unwrap().to_string();
    assert_eq!(expected["sha256"], sha256);
    let engine = real();
    let cases = |name: &str| expected[name].as_array().unwrap().clone();
    let tokens = |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };

    for case in cases("texts") {
        let read = sample(&engine, RecordKind::Completion, case["line"].clone());
        assert_eq!(whole(&read), tokens(&case["tokens"]), "{case}");
        // Nothing predicts the first one.
        assert_eq!((read.prompt.len(), read.replies[0].unlearned.len()), (1, 0));
    }
    for (name, kind) in [
        ("completions", RecordKind::Completion),
        ("thumbs", RecordKind::Thumb),
        ("pairs", RecordKind::Preference),
    ] {
        for case in cases(name) {
            let read = sample(&engine, kind, case["line"].clone());
            let prompt = tokens(&case["prompt"]);
            let replies = ["completion", "chosen", "rejected"];
            let replies = replies.iter().filter_map(|&reply| case.get(reply));
            for (reply, found) in replies.zip(&read.replies) {
                let expected = [&prompt[..], &tokens(reply)].concat();
                assert_eq!(
                    [&read.prompt[..], &found.tokens].concat(),
                    expected,
                    "{case}"
                );
            }
            assert_eq!(read.prompt.len(), prompt.len().max(1), "{case}");
        }
    }
    let encoder = all_replies(&engine, 500);
    for case in cases("talks") {
        let line = lines(&[case["line"].clone()]);
        let read = encoder
            .read(line.as_bytes(), RecordKind::Completion)
            .unwrap();
        let read = &read.samples[0];
        let found = whole(read);
        let expected = tokens(&case["tokens"]);
        // The template goes on behind the last turn; nobody learns that.
        let (upto, behind) = expected.split_at(found.len());
        assert_eq!(
            (&found[..], text_of(&engine, behind)),
            (upto, "\n".to_owned())
        );
        let reply = &read.replies[0];
        let is_learned = |at: usize| {
            let at = at.checked_sub(read.prompt.len());
            at.is_some_and(|at| !reply.unlearned.iter().any(|gap| gap.contains(&at)))
        };
        let learned: Vec<u32> = (0..found.len()).map(|at| is_learned(at).into()).collect();
        let expected = tokens(&case["learned"]);
        let (upto, behind) = expected.split_at(found.len());
        assert_eq!((&learned[..], behind), (upto, &[0][..]), "{case}");
    }
}

/// The tiny tokenizer knows `th`, `the`, and these behind a space.
#[test]
fn a_token_over_the_border_is_the_replys() {
    let engine = tiny(|_| {});
    let id = |text: &str| u32::try_from(engine.tokenize(text, true).unwrap()[0]).unwrap();
    let (a, t, the, end) = (id("a"), id("t"), id("the"), id(END));
    let one = json!({ "prompt": "at", "completion": "he" });
    let one = sample(&engine, RecordKind::Completion, one);
    assert_eq!(
        (&one.prompt[..], &one.replies[0].tokens[..]),
        (&[a][..], &[the, end][..])
    );

    let pair = json!({ "prompt": "at", "chosen": "he", "rejected": "a" });
    let pair = sample(&engine, RecordKind::Preference, pair);
    assert_eq!(pair.prompt, [a]);
    assert_eq!(pair.replies[0].tokens, [the, end]);
    assert_eq!(pair.replies[1].tokens, [t, a, end]);

    // Where nothing of the prompt is left, nothing predicts the reply's first token.
    for prompt in ["", "t"] {
        let line = json!({ "prompt": prompt, "completion": &"the"[prompt.len()..] });
        let all = sample(&engine, RecordKind::Completion, line);
        assert_eq!(
            (&all.prompt[..], &all.replies[0].tokens[..]),
            (&[the][..], &[end][..])
        );
    }
    let nothing = json!({ "prompt": "", "chosen": "a", "rejected": "t" });
    let nothing = fault(&engine, RecordKind::Preference, nothing);
    assert!(matches!(nothing, RecordFault::EmptyPrompt), "{nothing}");
}

#[test]
fn a_turn_ends_as_the_template_ends_it() {
    let ends = |change: &dyn Fn(&mut TinyModel)| {
        let engine = tiny(|model| change(model));
        let talk = json!({ "messages": [said("user", "a"), said("assistant", "b")] });
        let turn = sample(&engine, RecordKind::Completion, talk);
        let text = sample(&engine, RecordKind::Completion, json!({ "text": "ab" }));
        [turn, text].map(|sample| {
            let last = *sample.replies[0].tokens.last().unwrap();
            text_of(&engine, &[last])
        })
    };
    // No file names the token that ends turns; here it also ends texts.
    assert_eq!(ends(&|_| {}), [END, END]);
    // Here another one does, as in base models.
    let other = |model: &mut TinyModel| {
        model.set("tokenizer.ggml.eos_token_id", 0_u32);
    };
    assert_eq!(ends(&other), [END, "<|endoftext|>"]);
    // A template that ends turns as texts end.
    let mistral = CHATML.replace("'<|im_end|>'", "eos_token");
    let as_text = |model: &mut TinyModel| {
        other(model);
        model.set("tokenizer.chat_template", &*mistral);
    };
    assert_eq!(ends(&as_text), ["<|endoftext|>"; 2]);
    // Without a marker in the template llama.cpp's own choice ends turns.
    let bare =
        "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}assistant: ";
    let named = |model: &mut TinyModel| {
        other(model);
        model
            .set("tokenizer.ggml.eot_token_id", 2_u32)
            .set("tokenizer.chat_template", bare);
    };
    assert_eq!(ends(&named), [END, "<|endoftext|>"]);
}

/// Questions `q1`, `q2`, … with replies `a1`, `a2`, … under a system prompt.
fn long_talk(turns: usize) -> Vec<Value> {
    let turn = |at: usize| {
        [
            said("user", &format!("q{at}")),
            said("assistant", &format!("a{at}")),
        ]
    };
    let system = said("system", "s");
    [system]
        .into_iter()
        .chain((1..=turns).flat_map(turn))
        .collect()
}

fn all_replies(engine: &Engine, sequence_tokens: usize) -> Encoder<'_> {
    Encoder::with(
        engine,
        EncodingOptions {
            sequence_tokens,
            assistant_only_loss: true,
            ..EncodingOptions::default()
        },
    )
}

#[test]
fn all_replies_of_a_conversation_are_learned_when_asked_for() {
    let engine = real();
    let talk = json!({ "messages": long_talk(3) });
    let last = sample(&engine, RecordKind::Completion, talk.clone());
    assert_eq!(learned(&engine, &last.replies[0]), [format!("a3{END}")]);

    let encoder = all_replies(&engine, 500);
    let read = |line: &Value| {
        encoder.read(
            lines(std::slice::from_ref(line)).as_bytes(),
            RecordKind::Completion,
        )
    };
    let all = read(&talk).unwrap().samples.remove(0);
    // The same tokens, of which more are learned.
    assert_eq!(whole(&all), whole(&last));
    let reply = &all.replies[0];
    assert_eq!(reply.label, Label::Demonstration);
    let expected = ["a1", "a2", "a3"].map(|it| format!("{it}{END}"));
    assert_eq!(learned(&engine, reply), expected);
    let prompt = text_of(&engine, &all.prompt);
    assert!(
        prompt.ends_with("q1<|im_end|>\n<|im_start|>assistant\n"),
        "{prompt}"
    );
    assert_eq!(all.learned(), reply.learned());

    // A completion is one reply; a greeting answers nothing.
    let one = json!({ "prompt": long_talk(2)[..4], "completion": replies("a2") });
    let one = read(&one).unwrap().samples.remove(0);
    assert!(one.replies[0].unlearned.is_empty());
    let greeted = json!({ "messages": [said("assistant", "Hello"), said("user", "q"), said("assistant", "a")] });
    let greeted = read(&greeted).unwrap().samples.remove(0);
    assert_eq!(learned(&engine, &greeted.replies[0]), [format!("a{END}")]);

    let refused = |line: &Value| match read(line) {
        Err(DatasetError::Line { fault, .. }) => fault,
        other => panic!("{other:?}"),
    };
    for text in [
        json!({ "text": "a" }),
        json!({ "prompt": "a", "completion": "b" }),
    ] {
        assert!(matches!(refused(&text), RecordFault::NoTurns));
    }
    let silent = json!({ "messages": [said("user", "q"), said("assistant", " "), said("user", "q"), said("assistant", "a")] });
    assert!(matches!(
        refused(&silent),
        RecordFault::EmptyReply { field: "messages" }
    ));
    let twice = json!({ "messages": [said("user", "q"), said("assistant", "a"), said("assistant", "b"), said("user", "q"), said("assistant", "c")] });
    assert!(
        refused(&twice)
            .to_string()
            .contains("must end with a message of the user")
    );
}

#[test]
fn replies_that_a_template_rewrites_are_not_learned_together() {
    let rewriting = [
        // Earlier replies lose something, as thoughts do.
        "{% for m in messages %}<|im_start|>{{ m.role + '\n' }}\
         {{ m.content if m.role == 'user' else m.content | upper }}<|im_end|>\n{% endfor %}\
         <|im_start|>assistant\n",
        // The opening of a reply is more than what stands before an earlier one.
        "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>\n{% endfor %}\
         <|im_start|>assistant\nSo: ",
        // Only the newest question is shown.
        "<|im_start|>{{ messages[-1].content }}<|im_end|><|im_start|>",
    ];
    let same = json!({ "messages": [said("user", "q"), said("assistant", "a"), said("user", "q"), said("assistant", "a")] });
    for template in rewriting {
        let engine = tiny(|model| {
            model.set("tokenizer.chat_template", template);
        });
        let encoder = all_replies(&engine, 200);
        let read = encoder.read(
            lines(std::slice::from_ref(&same)).as_bytes(),
            RecordKind::Completion,
        );
        let Err(DatasetError::Line {
            fault: RecordFault::RewrittenTurn { reply },
            ..
        }) = read
        else {
            panic!("{template}: {read:?}");
        };
        assert!(
            reply == 1 || template.starts_with("<|im_start|>{{"),
            "{reply}"
        );
        // One reply can be learned all the same.
        sample(&engine, RecordKind::Completion, same.clone());
    }
}

#[test]
fn a_long_conversation_loses_whole_turns_and_keeps_its_instructions() {
    let engine = real();
    let talk = long_talk(6);
    let asked = &talk[..talk.len() - 1];
    let lines_of = |value: Value| lines(&[value]);
    let full = whole(&sample(
        &engine,
        RecordKind::Completion,
        json!({ "messages": talk }),
    ));
    let short = json!({ "messages": [talk.first().unwrap().clone(), talk[9], talk[10], talk[11], talk[12]] });
    let short = whole(&sample(&engine, RecordKind::Completion, short));
    for limit in [short.len(), short.len() + 1] {
        let encoder = Encoder::new(&engine, limit);
        let completion = json!({ "messages": talk });
        let pair = json!({ "prompt": asked, "chosen": replies("a6"), "rejected": replies("a") });
        let thumb = json!({ "prompt": asked, "completion": replies("a6"), "label": false });
        for (line, kind) in [
            (completion, RecordKind::Completion),
            (pair, RecordKind::Preference),
            (thumb, RecordKind::Thumb),
        ] {
            let read = encoder.read(lines_of(line).as_bytes(), kind).unwrap();
            assert_eq!(read.shortened, 1);
            let sample = &read.samples[0];
            let kept = [&sample.prompt[..], &sample.replies[0].tokens].concat();
            assert_eq!(kept, short, "{kind:?}");
        }
        let all = all_replies(&engine, limit);
        let read = all
            .read(
                lines_of(json!({ "messages": talk })).as_bytes(),
                RecordKind::Completion,
            )
            .unwrap();
        assert_eq!(read.shortened, 1);
        assert_eq!(whole(&read.samples[0]), short);
        let expected = ["a5", "a6"].map(|it| format!("{it}{END}"));
        assert_eq!(learned(&engine, &read.samples[0].replies[0]), expected);
    }
    let whole_fits = Encoder::new(&engine, full.len())
        .read(
            lines_of(json!({ "messages": talk })).as_bytes(),
            RecordKind::Completion,
        )
        .unwrap();
    assert_eq!(
        (whole_fits.shortened, whole(&whole_fits.samples[0])),
        (0, full)
    );

    // The last question and its reply stay.
    let last = json!({ "messages": [talk[0], talk[11], talk[12]] });
    let last = whole(&sample(&engine, RecordKind::Completion, last)).len();
    let encoder = Encoder::new(&engine, last - 1);
    let text = json!({ "text": "word ".repeat(last) });
    let long = json!({ "messages": talk });
    for line in [long, text] {
        let read = encoder.read(lines_of(line).as_bytes(), RecordKind::Completion);
        let Err(DatasetError::Line {
            fault: RecordFault::TooManyTokens { limit_tokens, .. },
            ..
        }) = read
        else {
            panic!("{read:?}");
        };
        assert_eq!(limit_tokens, last - 1);
    }
}
