//! Grammars and JSON Schemas with the real model.

use pocketune_core::{
    ChatOptions, Constraint, Engine, EngineOptions, Error, GenerationOptions, Reply, StopReason,
};
use pocketune_tests::{engine, smollm2};
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
    let options = GenerationOptions {
        max_tokens: 120,
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
