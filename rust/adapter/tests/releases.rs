//! Releases of what is no adapter.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use pocketune_adapter::fixtures::{at, attest, name, policy, release, sign_policy};
use pocketune_adapter::{
    BaseIdentity, BaseModel, BaseNorms, Digest, Envelope, Predicate, Release, Released,
    STATEMENT_TYPE, Statement, SubjectKind, TrustPolicy, VerifiedRelease, Verifier,
    tokenizer_fingerprint,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;

const SUITE: &[u8] = b"questions and answers";

fn base() -> BaseIdentity {
    let bytes = TinyModel::llama().build().unwrap();
    let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
    BaseIdentity {
        shapes: Arc::new(BaseModel::of(&gguf).unwrap()),
        sha256: Digest::of(&bytes),
        tokenizer_sha256: tokenizer_fingerprint(&gguf),
        norms: Arc::new(BaseNorms::default()),
    }
}

/// A suite for all models, released after `change`, to be used as `kind`.
fn verdict(
    kind: SubjectKind,
    keys: &[u8],
    change: impl FnOnce(&mut Release),
) -> Result<VerifiedRelease, &'static str> {
    let base = base();
    let mut statement = release(SUITE, &base);
    statement.kind = SubjectKind::Suite;
    statement.name = name("facts");
    statement.channel = name("suites");
    statement.base_models.clear();
    change(&mut statement);
    let sha256 = Digest::of(SUITE);
    let bundle = attest(sha256, Predicate::Release(Box::new(statement)), keys);
    let policy = TrustPolicy::pinned(&sign_policy(&policy(), &[1, 2])).unwrap();
    let verifier = Verifier {
        policy: &policy,
        device: None,
        now: at("2026-11-25T07:00:00Z"),
        base: &base,
        high_water: &BTreeMap::new(),
    };
    let subject = Released {
        kind,
        sha256,
        size_bytes: SUITE.len() as u64,
    };
    let verified = verifier.verify_release(subject, bundle.as_bytes());
    verified.map_err(|refusal| refusal.reason())
}

#[test]
fn a_suite_is_released_by_those_who_release() {
    let accepted = verdict(SubjectKind::Suite, &[11, 12], |_| ()).unwrap();
    assert_eq!(accepted.release().name, name("facts"));
    assert_eq!(accepted.signers().len(), 2);
    let by_one = verdict(SubjectKind::Suite, &[11], |_| ());
    assert_eq!(by_one, Err("below_release_threshold"));
    let by_strangers = verdict(SubjectKind::Suite, &[98, 99], |_| ());
    assert_eq!(by_strangers, Err("no_trusted_signature"));
}

#[test]
fn a_suite_is_nothing_else() {
    for kind in [
        SubjectKind::BaseModel,
        SubjectKind::RewardHead,
        SubjectKind::Experiment,
        SubjectKind::Adapter,
    ] {
        assert_eq!(verdict(kind, &[11, 12], |_| ()), Err("other_kind"));
    }
}

#[test]
fn a_reward_head_belongs_to_a_model() {
    let head = |change: &dyn Fn(&mut Release)| {
        verdict(SubjectKind::RewardHead, &[11, 12], |release| {
            release.kind = SubjectKind::RewardHead;
            change(release);
        })
    };
    assert_eq!(head(&|_| ()), Err("other_base_model"));
    let models = release(SUITE, &base()).base_models;
    assert!(head(&|release| release.base_models = models.clone()).is_ok());
}

#[test]
fn expiry_and_size_count_here_too() {
    let early = |release: &mut Release| release.expires = at("2026-11-25T07:00:00Z");
    assert_eq!(
        verdict(SubjectKind::Suite, &[11, 12], early),
        Err("expired")
    );
    let longer = |release: &mut Release| release.size_bytes += 1;
    assert_eq!(
        verdict(SubjectKind::Suite, &[11, 12], longer),
        Err("size_differs")
    );
}

/// Found by the fuzz target `statement`: a figure that came back one bit off.
#[test]
fn figures_are_read_to_the_last_bit() {
    let json = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"brief.gguf","digest":{"sha256":"ae1eae1d76e5b7c865c4122ce366a08025842566d2d96c75cc13e6353a73db0d"}}],"predicateType":"other/v1","predicate":[66666666.66666668888866,68886666688868888866]}"#;
    let envelope = Envelope::new(STATEMENT_TYPE, json.as_bytes().to_vec());
    let statement = Statement::unverified(&envelope).unwrap();
    let again = Statement::unverified(&statement.envelope()).unwrap();
    assert_eq!(again, statement);
}
