//! Validations as they are written, and how they are read again.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_adapter::fixtures::{attest, procedure};
use pocketune_adapter::{
    AskedBy, Digest, Envelope, JsonError, Predicate, Statement, StatementError, Validation,
};

/// From before procedures.
const WITHOUT: &str = r#"{"result":"PASSED","configuration":[{"name":"facts","sha256":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}],"baseModelSha256":"fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9","created":"2026-11-02T00:00:00Z","passedTests":["facts"],"warnedTests":[],"failedTests":[],"measurements":[{"suiteSha256":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","metric":"accuracy","value":0.9,"baseline":0.89,"threshold":0.8}]}"#;

const PROCEDURE: &str = r#"{"tool":"pocketune 0.1.0","adapterSha256":"baa5a0964d3320fbc0c6a922140453c8513ea24ab8fd0577034804a967248096","askedBy":["probability","generation"],"margin":0.05,"maxTokens":128,"contextTokens":2048,"kvCacheType":"f16"}"#;

fn with(procedure: &str) -> String {
    WITHOUT.replace(
        r#","threshold":0.8}]}"#,
        &format!(r#","threshold":0.8}}],"procedure":{procedure}}}"#),
    )
}

#[test]
fn a_validation_with_a_procedure_and_one_without_are_read() {
    let without = Validation::parse(WITHOUT.as_bytes()).unwrap();
    assert_eq!(without.procedure, None);
    assert_eq!(serde_json::to_string(&without).unwrap(), WITHOUT);
    let json = with(PROCEDURE);
    let read = Validation::parse(json.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    let procedure = read.procedure.as_ref().unwrap();
    assert_eq!(
        procedure.asked_by,
        [AskedBy::Probability, AskedBy::Generation]
    );
    assert_eq!(procedure.max_tokens, Some(128));
    // Only replies have a length.
    let read = with(&PROCEDURE.replace(r#""maxTokens":128,"#, ""));
    let read = Validation::parse(read.as_bytes()).unwrap();
    assert_eq!(read.procedure.unwrap().max_tokens, None);
}

#[test]
fn what_a_procedure_does_not_know_is_refused() {
    for (from, to) in [
        (r#""margin""#, r#""temperature":0.7,"margin""#),
        (r#""generation""#, r#""guess""#),
        (r#""margin":0.05,"#, ""),
        (r#""margin":0.05,"#, r#""margin":0.05,"margin":0.9,"#),
        (r#""maxTokens":128"#, r#""maxTokens":-1"#),
        ("baa5a0", "BAA5A0"),
    ] {
        let json = with(&PROCEDURE.replace(from, to));
        assert!(Validation::parse(json.as_bytes()).is_err(), "{to}");
    }
    let twice = with(&PROCEDURE.replace(r#""tool""#, r#""tool":"x","tool""#));
    let twice = Validation::parse(twice.as_bytes());
    let key = "tool".to_owned();
    assert_eq!(twice, Err(JsonError::DuplicateKey { key }));
}

/// Figures that are to be measured again to the last bit must survive the way through JSON.
#[test]
fn figures_and_procedure_come_through_a_statement_as_they_were() {
    let mut validation = Validation::parse(WITHOUT.as_bytes()).unwrap();
    let adapter = Digest::of(b"adapter");
    validation.procedure = Some(procedure(adapter));
    let figures = [0.1 + 0.2, -1.0 / 3.0, f64::MIN_POSITIVE, 1.0, -0.0];
    for value in figures {
        validation.measurements[0].value = value;
        validation.measurements[0].baseline = Some(value);
        let line = attest(
            adapter,
            Predicate::Validation(Box::new(validation.clone())),
            &[21],
        );
        let envelope = Envelope::parse(line.trim().as_bytes()).unwrap();
        let claimed: Vec<&str> = envelope.unverified_key_ids().collect();
        assert_eq!(claimed.len(), 1);
        let read = Statement::unverified(&envelope).unwrap().predicate;
        let Predicate::Validation(read) = read else {
            panic!("another predicate");
        };
        assert_eq!(*read, validation);
        assert_eq!(read.measurements[0].value.to_bits(), value.to_bits());
    }
    let strange = Predicate::Other {
        predicate_type: Validation::TYPE.to_owned(),
        predicate: serde_json::from_str(&with(&PROCEDURE.replace("tool", "tools"))).unwrap(),
    };
    let line = attest(adapter, strange, &[21]);
    let read = Statement::unverified(&Envelope::parse(line.trim().as_bytes()).unwrap());
    let named = matches!(
        read,
        Err(StatementError::Predicate {
            predicate: "validation",
            ..
        })
    );
    assert!(named, "{read:?}");
}
