//! Training data as tokens: control tokens in texts, turns and how they end, what is cut,
//! what is left out.

use std::fs::{self, File};
use std::path::Path;

use pocketune_base::Digest;
use pocketune_core::tuning::{
    Contradiction, DatasetError, EncodedDataset, Encoder, EncodingOptions, Form, Label,
    RecordFault, RecordKind, Reply, Sample, SampleCounts,
};
use pocketune_core::{Engine, EngineOptions};
use pocketune_gguf::fixtures::{CHATML, TinyModel};
use pocketune_tests::{engine, smollm2, written};
use serde_json::{Value, json};

const END: &str = "<|im_end|>";

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

fn tiny(change: impl FnOnce(&mut TinyModel)) -> Engine {
    let mut model = TinyModel::llama();
    change(&mut model);
    engine(written(&model).path(), &small())
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|it| format!("{it}\n")).collect()
}

fn read(
    engine: &Engine,
    kind: RecordKind,
    values: &[Value],
) -> Result<EncodedDataset, DatasetError> {
    Encoder::new(engine, 500).read(lines(values).as_bytes(), kind)
}

/// The one sample of a line.
fn sample(engine: &Engine, kind: RecordKind, value: Value) -> Sample {
    let mut samples = read(engine, kind, &[value]).unwrap().samples;
    assert_eq!(samples.len(), 1);
    samples.remove(0)
}

fn fault(engine: &Engine, kind: RecordKind, value: Value) -> RecordFault {
    match read(engine, kind, &[value]) {
        Err(DatasetError::Line { line: 1, fault }) => fault,
        other => panic!("{other:?}"),
    }
}

fn said(role: &str, content: &str) -> Value {
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

fn prompt() -> Value {
    json!([said("system", "Be brief."), said("user", "Is ice cold?")])
}

fn replies(content: &str) -> Value {
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
    let read =
        |line: &Value| encoder.read(lines(&[line.clone()]).as_bytes(), RecordKind::Completion);
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
        let read = encoder.read(lines(&[same.clone()]).as_bytes(), RecordKind::Completion);
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

#[test]
fn feedback_of_all_kinds_stands_in_one_file() {
    let engine = tiny(|_| {});
    let data = [
        json!({ "prompt": "q", "completion": "a", "label": true }),
        json!({ "prompt": "q", "completion": "b", "label": false }),
        json!({ "prompt": "q", "completion": "", "label": false }),
        json!({ "prompt": "q", "chosen": "a", "rejected": "b" }),
        json!({ "prompt": "q", "chosen": "a", "rejected": "" }),
        json!({ "prompt": "r", "chosen": "a", "rejected": "c", "edit": true }),
    ];
    let read = read(&engine, RecordKind::Feedback, &data).unwrap();
    let expected = SampleCounts {
        demonstrations: 0,
        thumbs_up: 1,
        thumbs_down: 2,
        pairs: 2,
        edits: 1,
    };
    assert_eq!(read.counts, expected);
    // An empty reply ends at once.
    assert_eq!(read.samples[2].replies[0].tokens, [2]);
    assert_eq!(read.samples[4].replies[1].tokens, [2]);
    let talk = json!({ "prompt": prompt(), "completion": replies(""), "label": false });
    let talk = sample(&engine, RecordKind::Thumb, talk);
    assert_eq!(talk.replies[0].tokens, [2]);
}

/// The table of forms in `rust/FORMATS.md`.
#[test]
fn the_lines_that_the_formats_show_are_read() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust/FORMATS.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Training data\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let engine = tiny(|_| {});
    let mut feedback = String::new();
    let mut read = 0;
    for row in section.lines().filter(|row| row.contains("| `{")) {
        let (objectives, line) = row.split_once("| `{").unwrap();
        let line = format!("{{{}\n", line.split_once("` |").unwrap().0);
        for (objective, kind) in [
            ("`sft`", RecordKind::Completion),
            ("`dpo`", RecordKind::Preference),
            ("`kto`", RecordKind::Thumb),
        ] {
            if objectives.contains(objective) {
                Encoder::new(&engine, 200)
                    .read(line.as_bytes(), kind)
                    .unwrap();
                read += 1;
            }
        }
        if objectives.contains("`auto`") {
            feedback += &line;
        }
    }
    assert_eq!(read, 6);
    let all = Encoder::new(&engine, 200).read(feedback.as_bytes(), RecordKind::Feedback);
    let counts = all.unwrap().counts;
    assert_eq!((counts.pairs, counts.edits, counts.thumbs_up), (1, 1, 1));
}

#[test]
fn replies_that_are_the_same_or_nothing_once_they_are_tokens_are_refused() {
    let engine = tiny(|_| {});
    let same = json!({ "prompt": "q", "chosen": "a", "rejected": format!("a{END}") });
    let same = fault(&engine, RecordKind::Preference, same);
    assert!(matches!(same, RecordFault::SameReplies), "{same}");
    for (line, kind, wanted) in [
        (json!({ "text": END }), RecordKind::Completion, "text"),
        (
            json!({ "prompt": "q", "completion": format!(" {END}"), "label": true }),
            RecordKind::Thumb,
            "completion",
        ),
        (
            json!({ "prompt": "q", "chosen": END, "rejected": "a" }),
            RecordKind::Preference,
            "chosen",
        ),
    ] {
        let RecordFault::EmptyReply { field } = fault(&engine, kind, line) else {
            panic!("{wanted}");
        };
        assert_eq!(field, wanted);
    }
}

#[test]
fn lines_that_contradict_each_other_are_named() {
    let engine = tiny(|_| {});
    let data = [
        json!({ "prompt": "q", "completion": "a", "label": true }),
        json!({ "prompt": "q", "chosen": "a", "rejected": "b" }),
        json!({ "prompt": "q", "chosen": "b", "rejected": "a", "edit": true }),
        json!({ "prompt": "q", "completion": "a", "label": false }),
    ];
    let refused = read(&engine, RecordKind::Feedback, &data).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "lines 2 and 3 contradict each other: the same two replies to the same prompt stand in \
         both orders"
    );
    let thumbs = [data[0].clone(), data[1].clone(), data[3].clone()];
    let refused = read(&engine, RecordKind::Feedback, &thumbs).unwrap_err();
    assert!(matches!(
        refused,
        DatasetError::Contradiction {
            earlier: 1,
            line: 3,
            contradiction: Contradiction::Thumbs
        }
    ));
}

fn skipping(engine: &Engine) -> Encoder<'_> {
    Encoder::with(
        engine,
        EncodingOptions {
            sequence_tokens: 40,
            skip_unusable: true,
            ..EncodingOptions::default()
        },
    )
}

#[test]
fn no_line_stops_a_file_when_asked_so() {
    let engine = tiny(|_| {});
    let thumb = |reply: &str, up: bool| {
        json!({ "prompt": "q", "completion": reply, "label": up }).to_string()
    };
    let lines = [
        thumb("a", true),
        "{\"prompt\": ".to_owned(),
        "no JSON".to_owned(),
        thumb(&"long ".repeat(40), true),
        "[1]".to_owned(),
        "x".repeat(3 << 20),
        thumb("b", true),
        "\u{0}".to_owned(),
        thumb("c", true),
        json!({ "prompt": "q", "completion": "a" }).to_string(),
        thumb("c", false),
        json!({ "prompt": "q", "chosen": "e", "rejected": "e" }).to_string(),
        String::new(),
        json!({ "prompt": "q", "chosen": "d", "rejected": "e" }).to_string(),
    ];
    let read = skipping(&engine).read(lines.join("\n").as_bytes(), RecordKind::Feedback);
    let read = read.unwrap();
    assert_eq!((read.counts.thumbs_up, read.counts.pairs), (2, 1));
    assert_eq!(read.samples.len(), 3);
    assert_eq!(read.skipped.count, 10);
    let told: Vec<usize> = read.skipped.first.iter().map(|it| it.0).collect();
    assert_eq!(told, [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
    for (line, fault) in &read.skipped.first {
        let sees = match line {
            2 | 3 | 5 | 6 | 8 => matches!(fault, RecordFault::Line(_)),
            4 => matches!(fault, RecordFault::TooManyTokens { .. }),
            9 => matches!(fault, RecordFault::Contradicts { line: 11, .. }),
            10 => matches!(fault, RecordFault::Unlabelled(RecordKind::Feedback)),
            11 => matches!(fault, RecordFault::Contradicts { line: 9, .. }),
            _ => matches!(fault, RecordFault::SameReplies),
        };
        assert!(sees, "line {line}: {fault}");
    }
}

#[test]
fn a_file_of_which_nothing_is_left_says_why() {
    let engine = tiny(|model| {
        model.remove("tokenizer.chat_template");
    });
    let talk = json!({ "messages": [said("user", "a"), said("assistant", "b")] }).to_string();
    let unusable = format!("\n{talk}\n{}\n", json!({ "prompt": "a" }));
    let refused = skipping(&engine).read(unusable.as_bytes(), RecordKind::Completion);
    let Err(DatasetError::NothingUsable { lines, line, fault }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((lines, line), (2, 2));
    assert!(fault.to_string().contains("no chat template"), "{fault}");
    // Texts need none.
    let some = format!("{talk}\n{}", json!({ "text": "ab" }));
    let read = skipping(&engine).read(some.as_bytes(), RecordKind::Completion);
    let read = read.unwrap();
    assert_eq!((read.samples.len(), read.skipped.count), (1, 1));
    let empty = skipping(&engine).read(&b"\n\n"[..], RecordKind::Completion);
    assert!(matches!(empty, Err(DatasetError::Empty)));
}

#[test]
fn thumbs_are_no_demonstrations_and_completions_no_thumbs() {
    let engine = tiny(|_| {});
    for label in [json!(true), json!(false), json!(1), json!("good")] {
        let line = json!({ "prompt": "a", "completion": "b", "label": label });
        let fault = fault(&engine, RecordKind::Completion, line);
        assert!(matches!(
            fault,
            RecordFault::Form {
                form: Form::Unpaired,
                kind: RecordKind::Completion
            }
        ));
    }
    let bare = json!({ "prompt": "a", "completion": "b", "label": null });
    sample(&engine, RecordKind::Completion, bare);
    let bare = json!({ "prompt": "a", "completion": "b" });
    for kind in [RecordKind::Thumb, RecordKind::Feedback] {
        let fault = fault(&engine, kind, bare.clone());
        assert!(matches!(fault, RecordFault::Unlabelled(_)), "{fault}");
    }
}
