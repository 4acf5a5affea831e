//! Signed deliveries for tests: keys that everybody knows, an honest policy, honest
//! statements. Nothing here may sign anything real.

#![allow(clippy::expect_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use crate::{
    AskedBy, BaseIdentity, BaseModelRef, CandidateAdapter, DeviceRole, Digest, KeyDocument,
    LAYER_WEIGHTS, Limits, Measurement, Name, POLICY_TYPE, PolicyDocument, Predicate, Procedure,
    Release, ReleaseRole, Requirement, Revoked, Roles, Scheme, SecretKey, Signers, Statement,
    Subject, SubjectKind, SuiteRef, TestResult, Timestamp, Validation, ValidationRole,
    attest::Envelope,
};

/// Keys by number: roots 1 and 2, releases 11 and 12, validation 21; 31 is a device's.
#[must_use]
pub fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

/// A moment.
///
/// # Panics
/// When the text is none.
#[must_use]
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

/// A name.
///
/// # Panics
/// When the text is none.
#[must_use]
pub fn name(text: &str) -> Name {
    Name::try_from(text).expect("a name")
}

/// The suite that the policy asks for.
#[must_use]
pub fn suite() -> SuiteRef {
    SuiteRef {
        name: "facts".to_owned(),
        sha256: Digest::of(b"the suite of facts"),
    }
}

/// Version 1 of a policy: thresholds of 2 for root and release; devices may make
/// adapters of half the size.
#[must_use]
pub fn policy() -> PolicyDocument {
    let listed = [1, 2, 11, 12, 21].map(|number| {
        let public = key(number).public();
        let scheme = Scheme::Ed25519;
        (public.id(), KeyDocument { scheme, public })
    });
    let ids = |numbers: &[u8]| numbers.iter().map(|&n| key(n).public().id()).collect();
    let limits = |scale: u32| Limits {
        max_bytes: u64::from(10_000 * scale),
        max_rank: u64::from(4 * scale),
        max_update_norm: 0.1 * f64::from(scale),
        targets: LAYER_WEIGHTS.map(str::to_owned).to_vec(),
    };
    PolicyDocument {
        format: PolicyDocument::FORMAT,
        name: "assistant".to_owned(),
        version: 1,
        created: at("2026-01-01T00:00:00Z"),
        expires: at("2028-01-01T00:00:00Z"),
        keys: BTreeMap::from(listed),
        roles: Roles {
            root: Signers {
                keys: ids(&[1, 2]),
                threshold: 2,
            },
            release: ReleaseRole {
                keys: ids(&[11, 12]),
                threshold: 2,
                limits: limits(2),
            },
            validation: ValidationRole {
                keys: ids(&[21]),
                threshold: 1,
                requirements: vec![Requirement {
                    suite: suite(),
                    metric: "accuracy".to_owned(),
                    at_least: Some(0.8),
                    at_most: None,
                }],
                ignore_failed: false,
            },
            device: Some(DeviceRole { limits: limits(1) }),
        },
        revoked: Revoked::default(),
    }
}

/// A policy in its envelope, signed by these keys.
#[must_use]
pub fn sign_policy(document: &PolicyDocument, keys: &[u8]) -> Vec<u8> {
    let payload = serde_json::to_vec(document).expect("a policy");
    let mut envelope = Envelope::new(POLICY_TYPE, payload);
    for &number in keys {
        envelope.sign(&key(number));
    }
    envelope.to_json().into_bytes()
}

/// An honest release of an adapter for this model: version 3 of the channel `stable`,
/// until November 2027.
#[must_use]
pub fn release(adapter: &[u8], base: &BaseIdentity) -> Release {
    let parsed = CandidateAdapter::parse(adapter, &base.shapes);
    Release {
        kind: SubjectKind::Adapter,
        name: name("brief"),
        channel: name("stable"),
        version: 3,
        created: at("2026-11-01T00:00:00Z"),
        expires: at("2027-11-01T00:00:00Z"),
        size_bytes: adapter.len() as u64,
        base_models: vec![BaseModelRef {
            name: "tiny".to_owned(),
            sha256: base.sha256,
            tokenizer_sha256: base.tokenizer_sha256,
        }],
        lora: parsed.ok().map(|adapter| adapter.lora_facts()),
        objective: "dpo".to_owned(),
        data_summary: "131 pairs of replies".to_owned(),
        changelog: "Answers are shorter.".to_owned(),
        device: None,
        stages: None,
    }
}

/// An honest validation under this model.
#[must_use]
pub fn validation(base: &BaseIdentity) -> Validation {
    Validation {
        result: TestResult::Passed,
        configuration: vec![suite()],
        base_model_sha256: base.sha256,
        created: at("2026-11-02T00:00:00Z"),
        passed_tests: vec!["facts".to_owned()],
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
        measurements: vec![Measurement {
            suite_sha256: suite().sha256,
            metric: "accuracy".to_owned(),
            value: 0.9,
            baseline: Some(0.89),
            threshold: Some(0.8),
        }],
        procedure: None,
    }
}

/// How an honest validation of this adapter was measured.
#[must_use]
pub fn procedure(adapter: Digest) -> Procedure {
    Procedure {
        tool: "pocketune 0.1.0".to_owned(),
        adapter_sha256: adapter,
        asked_by: vec![AskedBy::Probability, AskedBy::Generation],
        margin: 0.05,
        max_tokens: Some(128),
        context_tokens: 2_048,
        kv_cache_type: "f16".to_owned(),
    }
}

/// One line of a bundle.
#[must_use]
pub fn attest(sha256: Digest, predicate: Predicate, keys: &[u8]) -> String {
    let subject = Subject {
        name: "brief.gguf".to_owned(),
        sha256,
    };
    let statement = Statement {
        subjects: vec![subject],
        predicate,
    };
    let mut envelope = statement.envelope();
    for &number in keys {
        envelope.sign(&key(number));
    }
    envelope.to_json() + "\n"
}

/// The bundle of an honest delivery whose release `change` changed.
#[must_use]
pub fn bundle(adapter: &[u8], base: &BaseIdentity, change: impl FnOnce(&mut Release)) -> Vec<u8> {
    let sha256 = Digest::of(adapter);
    let mut release = release(adapter, base);
    change(&mut release);
    let (release_keys, validation_keys): (&[u8], &[u8]) = match release.device {
        Some(_) => (&[31], &[31]),
        None => (&[11, 12], &[21]),
    };
    let released = attest(sha256, Predicate::Release(Box::new(release)), release_keys);
    let validation = Predicate::Validation(Box::new(validation(base)));
    (released + &attest(sha256, validation, validation_keys)).into_bytes()
}
