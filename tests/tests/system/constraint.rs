//! Grammars and JSON Schemas with the real model.

use pocketune_core::{
    ChatOptions, Constraint, ConstraintError, Engine, EngineOptions, Error, GenerationOptions,
    GrammarError, Reply, Sampling, StopReason,
};
use pocketune_gguf::fixtures::{Shape, TinyModel, byte_character};
use pocketune_tests::{engine, smollm2, written};
use serde_json::Value;

fn model() -> Engine {
    engine(
        smollm2(),
        &EngineOptions {
            context_tokens: Some(512),
            ..EngineOptions::default()
        },
    )
}

fn reply(engine: &Engine, text: &str, constraint: Constraint) -> Result<Reply, Error> {
    reply_of(engine, text, constraint, 120)
}

fn reply_of(
    engine: &Engine,
    text: &str,
    constraint: Constraint,
    max_tokens: u32,
) -> Result<Reply, Error> {
    let options = GenerationOptions {
        max_tokens,
        constraint: Some(constraint),
        ..GenerationOptions::greedy()
    };
    engine
        .chat(ChatOptions::default())?
        .send(text, &options)?
        .finish()
}

#[test]
fn a_grammar_leaves_two_answers() {
    let engine = model();
    let grammar = Constraint::Gbnf("root ::= \"yes\" | \"no\"".to_owned());
    let reply = reply(&engine, "Is the sky green?", grammar).unwrap();
    assert!(
        ["yes", "no"].contains(&reply.text.as_str()),
        "{}",
        reply.text
    );
    assert_eq!(reply.stop_reason, StopReason::EndOfTurn);
}

#[test]
fn a_schema_makes_json_of_its_shape() {
    let engine = model();
    let schema = r#"{
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2}
        },
        "required": ["name", "age", "tags"],
        "additionalProperties": false
    }"#;
    let reply = reply(
        &engine,
        "Describe a person as JSON.",
        Constraint::JsonSchema(schema.to_owned()),
    )
    .unwrap();
    let value: Value = serde_json::from_str(&reply.text).expect(&reply.text);
    assert!(value["name"].is_string() && value["age"].is_u64() && value["tags"].is_array());
    assert_eq!(reply.stop_reason, StopReason::EndOfTurn);
}

#[test]
fn bad_grammars_and_schemas_are_refused_and_the_engine_goes_on() {
    let engine = model();
    let deep = format!("root ::= {}\"a\"{}", "(".repeat(5000), ")".repeat(5000));
    let gbnf = [
        "",
        "root := \"a\"",
        "root ::= undefined_rule",
        "no-root ::= \"a\"",
        "root ::= root \"a\" | \"b\"",
        "\0",
        deep.as_str(),
    ];
    for grammar in gbnf {
        let refused = reply(&engine, "Hi", Constraint::Gbnf(grammar.to_owned()));
        let short: String = grammar.chars().take(40).collect();
        assert!(
            matches!(refused, Err(Error::InvalidConstraint { .. })),
            "{short:?}: {refused:?}"
        );
    }
    let huge = format!("root ::= \"{}\"", "a".repeat(100_000));
    let refused = reply(&engine, "Hi", Constraint::Gbnf(huge));
    assert!(
        matches!(refused, Err(Error::InvalidConstraint { .. })),
        "{refused:?}"
    );
    for schema in [
        "{",
        "[]",
        r#"{"type": "nonsense"}"#,
        r##"{"$ref": "#/missing"}"##,
        "false",
    ] {
        let refused = reply(&engine, "Hi", Constraint::JsonSchema(schema.to_owned()));
        assert!(
            matches!(refused, Err(Error::InvalidConstraint { .. })),
            "{schema}: {refused:?}"
        );
    }
    let fine = reply(
        &engine,
        "Hi",
        Constraint::Gbnf("root ::= \"ok\"".to_owned()),
    )
    .unwrap();
    assert_eq!(fine.text, "ok");
}

fn refusal(engine: &Engine, constraint: Constraint) -> ConstraintError {
    match reply(engine, "Hi", constraint) {
        Err(Error::InvalidConstraint { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// Runs `work` on 512 KiB of stack, as a thread of an app may have.
fn on_a_small_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(512 * 1024);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap();
    });
}

#[test]
fn grammars_that_would_end_llama_cpp_are_refused_or_followed_on_a_small_stack() {
    let engine = model();
    let chain = |count: usize, rule: &dyn Fn(usize) -> String| {
        let rules: String = (0..count)
            .map(|i| format!("r{i} ::= {}\n", rule(i + 1)))
            .collect();
        format!("root ::= r0\n{rules}r{count} ::= \"ok\"")
    };
    let forks = "root ::= \"a\" root \"x\" | \"a\" root \"y\" | \"a\" root \"z\"".to_owned();
    on_a_small_stack(|| {
        use GrammarError as Fault;
        type Expected = fn(&Fault) -> bool;
        let refused: [(&str, Expected); 6] = [
            // llama.cpp#23108
            ("root ::= \"a\"{5,0}", |fault| {
                matches!(fault, Fault::ReversedRepetition { .. })
            }),
            ("root ::= ((\"a\"{1000}){1000}){1000}", |fault| {
                matches!(fault, Fault::RepetitionProduct { .. })
            }),
            ("root ::= \"a\"{0,100000}", |fault| {
                matches!(fault, Fault::TooManyRepetitions { .. })
            }),
            (
                "root ::= b root \"x\" | \"y\"\nb ::= c\nc ::= \"a\" | ",
                |fault| matches!(fault, Fault::LeftRecursion { .. }),
            ),
            ("root ::= \"\\uD83D\\uDE00\"", |fault| {
                matches!(fault, Fault::NoCharacter { .. })
            }),
            ("root ::= <nothing-like-it>", |fault| {
                matches!(fault, Fault::UnknownToken { .. })
            }),
        ];
        for (gbnf, expected) in refused {
            match refusal(&engine, Constraint::Gbnf(gbnf.to_owned())) {
                ConstraintError::Grammar(fault) => assert!(expected(&fault), "{gbnf}: {fault}"),
                other => panic!("{gbnf}: {other}"),
            }
        }
        // llama.cpp#26602
        for gbnf in [
            chain(4_170, &|next| format!("r{next}")),
            chain(2_500, &|next| format!("r{next} | r{next}")),
            chain(2_500, &|next| format!("(r{next} \"!\"?)?")),
        ] {
            let text = reply_of(&engine, "Say ok.", Constraint::Gbnf(gbnf), 8)
                .unwrap()
                .text;
            assert!(text.chars().all(|c| "ok!".contains(c)), "{text}");
        }
        let nested = format!("root ::= {}\"a\"{}", "(".repeat(30_000), ")".repeat(30_000));
        assert!(matches!(
            refusal(&engine, Constraint::Gbnf(nested)),
            ConstraintError::Grammar(Fault::TooDeep { .. })
        ));
        // Ever more ways to go on, seen only while the reply is made.
        assert!(matches!(
            refusal(&engine, Constraint::Gbnf(forks)),
            ConstraintError::Grammar(Fault::TooAmbiguous | Fault::TooCostly)
        ));
    });
    let fine = reply(
        &engine,
        "Hi",
        Constraint::Gbnf("root ::= \"ok\"".to_owned()),
    )
    .unwrap();
    assert_eq!(fine.text, "ok");
}

#[test]
fn ambiguous_grammars_and_runs_of_spaces_take_no_longer_than_others() {
    let engine = model();
    for gbnf in [
        "root ::= ((((\" \" | \" \")*)*)*)* \"x\"",
        "root ::= (\" \" | \"  \" | \"    \")* \"x\"",
        "root ::= (\"-\" | \"-\" | \"--\" | \"=\"* | \"=\"?)* \"x\"",
        "root ::= ([a-z]* [a-z ]* [a-z]*)* \"x\"",
    ] {
        let constraint = Constraint::Gbnf(gbnf.to_owned());
        let reply = reply_of(&engine, "Draw a line.", constraint, 12).unwrap();
        assert!(reply.generated_tokens > 0);
    }
}

#[test]
fn a_control_token_is_no_text_that_a_grammar_allows() {
    let engine = model();
    let named = Constraint::Gbnf("root ::= \"a\" <|im_start|> \"b\"".to_owned());
    assert_eq!(reply(&engine, "Hi", named).unwrap().text, "ab");
    let spelled = Constraint::Gbnf("root ::= \"<|im_start|>\"".to_owned());
    assert_eq!(reply(&engine, "Hi", spelled).unwrap().text, "<|im_start|>");
    let ends = Constraint::Gbnf("root ::= \"a\" <|im_end|>".to_owned());
    let ended = reply(&engine, "Hi", ends).unwrap();
    assert_eq!(
        (ended.text.as_str(), ended.stop_reason),
        ("a", StopReason::EndOfTurn)
    );
}

/// xgrammar#412, vllm#38696: white space between two parts for as long as there are tokens.
#[test]
fn white_space_does_not_run_to_the_token_limit() {
    let engine = model();
    let schema = r#"{"type": "array", "items": {"type": "object", "properties": {
        "name": {"type": "string", "maxLength": 12}, "ripe": {"type": "boolean"}},
        "required": ["name", "ripe"], "additionalProperties": false}, "minItems": 1, "maxItems": 3}"#;
    for seed in 0..8 {
        let options = GenerationOptions {
            max_tokens: 200,
            sampling: Sampling {
                temperature: 1.0,
                seed: Some(seed),
                ..Sampling::default()
            },
            constraint: Some(Constraint::JsonSchema(schema.to_owned())),
            ..GenerationOptions::default()
        };
        let chat = engine.chat(ChatOptions::default()).unwrap();
        let reply = chat.send("List fruit as JSON.", &options).unwrap();
        let reply = reply.finish().unwrap();
        assert_eq!(reply.stop_reason, StopReason::EndOfTurn, "{}", reply.text);
        let fruit: Value = serde_json::from_str(&reply.text).expect(&reply.text);
        assert!(fruit[0]["name"].is_string());
    }
}

#[test]
fn a_pattern_that_cannot_be_used_is_named() {
    let engine = model();
    let schema = r#"{"type": "object", "properties": {"code": {"type": "string", "pattern": "^(?=.*[0-9])[a-z]+$"}}}"#;
    let reason = refusal(&engine, Constraint::JsonSchema(schema.to_owned()));
    let ConstraintError::Pattern { path, pattern, .. } = &reason else {
        panic!("{reason}")
    };
    assert_eq!(path, "#/properties/code/pattern");
    assert_eq!(pattern, "^(?=.*[0-9])[a-z]+$");
}

/// A model whose vocabulary ends with the texts of `more`.
fn tiny_with(more: &[String]) -> TinyModel {
    let vocabulary = 263 + u32::try_from(more.len()).unwrap();
    let mut model = TinyModel::llama_of(&Shape {
        vocabulary,
        ..Shape::default()
    });
    let mut tokens: Vec<String> = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        .map(str::to_owned)
        .into();
    tokens.extend((0..=u8::MAX).map(|byte| byte_character(byte).to_string()));
    tokens.extend(["th", "the", "Ġt", "Ġthe"].map(str::to_owned));
    tokens.extend(more.iter().cloned());
    model.set("tokenizer.ggml.tokens", tokens.as_slice());
    model
}

#[test]
fn tokens_of_thousands_of_bytes_do_not_end_the_engine() {
    for length in [1_023, 1_024, 1_025, 4_096] {
        let more: Vec<String> = ["a", "Ġ", "x"]
            .iter()
            .map(|c| c.repeat(length / c.len()))
            .collect();
        let file = written(&tiny_with(&more));
        let engine = engine(file.path(), &EngineOptions::default());
        let options = |constraint| GenerationOptions {
            max_tokens: 30,
            constraint: Some(constraint),
            ..GenerationOptions::greedy()
        };
        for constraint in [
            Constraint::JsonSchema(r#"{"type": "string", "maxLength": 4}"#.to_owned()),
            Constraint::Gbnf("root ::= [ax ]{1,4}".to_owned()),
            Constraint::JsonSchema(r#"{"enum": [true, 17]}"#.to_owned()),
        ] {
            let chat = engine.chat(ChatOptions::default()).unwrap();
            let reply = chat.send("Hi", &options(constraint)).unwrap();
            reply.finish().unwrap();
        }
    }
}
