//! The same attacks on what is no adapter: suites, reward heads, experiments. They are few and
//! go through the checks whose cases are committed as files, so they are made in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use pocketune_adapter::fixtures::{self, at, attest, key, name, sign_policy};
use pocketune_adapter::{
    BaseIdentity, BaseModel, BaseNorms, Digest, HighWaterMark, PolicyDocument, Predicate, Release,
    SubjectKind, Timestamp, TrustPolicy, Verifier, tokenizer_fingerprint,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;

const FILE: &[u8] = b"what is released";

/// Everything a verdict on a file depends on, honest until an attack changes it.
struct Delivery {
    base: BaseIdentity,
    bytes: Vec<u8>,
    used_as: SubjectKind,
    /// What the release is about.
    about: Digest,
    release: Release,
    keys: Vec<u8>,
    policy: PolicyDocument,
    now: Timestamp,
    seen: Option<HighWaterMark>,
}

impl Delivery {
    /// A file of this kind, for one model or, where that may be, for all.
    fn honest(kind: SubjectKind) -> Self {
        let model = TinyModel::llama().build().unwrap();
        let gguf = Gguf::parse(&model, model.len() as u64).unwrap();
        let base = BaseIdentity {
            shapes: Arc::new(BaseModel::of(&gguf).unwrap()),
            sha256: Digest::of(&model),
            tokenizer_sha256: tokenizer_fingerprint(&gguf),
            norms: Arc::new(BaseNorms::default()),
        };
        let mut release = fixtures::release(FILE, &base);
        release.kind = kind;
        release.channel = name("files");
        if kind != SubjectKind::RewardHead {
            release.base_models.clear();
        }
        Self {
            base,
            bytes: FILE.to_vec(),
            used_as: kind,
            about: Digest::of(FILE),
            release,
            keys: vec![11, 12],
            policy: fixtures::policy(),
            now: at("2026-11-25T07:00:00Z"),
            seen: None,
        }
    }

    fn verdict(self) -> &'static str {
        let policy = TrustPolicy::pinned(&sign_policy(&self.policy, &[1, 2])).unwrap();
        let high_water = { self.seen.into_iter() }
            .map(|mark| (name("files"), mark))
            .collect::<BTreeMap<_, _>>();
        let verifier = Verifier {
            policy: &policy,
            device: Some(&key(31).public()),
            now: self.now,
            base: &self.base,
            high_water: &high_water,
        };
        let predicate = Predicate::Release(Box::new(self.release));
        let bundle = attest(self.about, predicate, &self.keys);
        match verifier.verify_file(self.used_as, self.bytes.clone(), bundle.as_bytes()) {
            Ok(file) => {
                assert_eq!(**file.bytes(), *self.bytes);
                assert_eq!(file.kind(), self.used_as);
                "accepted"
            }
            Err(refusal) => refusal.reason(),
        }
    }
}

fn with(kind: SubjectKind, change: impl FnOnce(&mut Delivery)) -> Delivery {
    let mut delivery = Delivery::honest(kind);
    change(&mut delivery);
    delivery
}

macro_rules! attacks {
    ($($(#[$doc:meta])* $name:ident => $reason:literal, $delivery:expr;)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                assert_eq!($delivery.verdict(), $reason);
            }
        )*
    };
}

use SubjectKind::{Adapter, BaseModel as Model, Experiment, RewardHead, Suite};

attacks! {
    honest_suite => "accepted", Delivery::honest(Suite);
    honest_experiment => "accepted", Delivery::honest(Experiment);
    honest_reward_head => "accepted", Delivery::honest(RewardHead);
    honest_base_model => "accepted", Delivery::honest(Model);

    // To be used as something else.
    suite_as_an_experiment => "other_kind", with(Suite, |it| it.used_as = Experiment);
    experiment_as_a_suite => "other_kind", with(Experiment, |it| it.used_as = Suite);
    suite_as_a_reward_head => "other_kind", with(Suite, |it| it.used_as = RewardHead);
    reward_head_as_a_base_model => "other_kind", with(RewardHead, |it| it.used_as = Model);
    /// An adapter's own release must not spare it its limits and its validation.
    adapter_as_a_file => "other_kind", with(Adapter, |it| it.used_as = Adapter);
    adapter_as_a_suite => "other_kind", with(Adapter, |it| it.used_as = Suite);
    suite_with_the_shape_of_an_adapter => "other_kind", with(Suite, |it| {
        it.release.lora = Some(pocketune_adapter::LoraFacts {
            rank: 4,
            alpha: None,
            targets: Vec::new(),
        });
    });

    // Other bytes.
    other_suite => "other_subject", with(Suite, |it| it.bytes[0] ^= 1);
    statement_of_another_file => "other_subject", with(Suite, |it| {
        it.about = Digest::of(b"another suite");
    });
    longer_suite => "size_differs", with(Suite, |it| it.release.size_bytes += 1);
    revoked_suite => "revoked", with(Suite, |it| {
        it.policy.revoked.digests = vec![Digest::of(FILE)];
    });

    // When, and for what.
    expired_suite => "expired", with(Suite, |it| it.now = at("2027-11-01T00:00:00Z"));
    suite_under_an_expired_policy => "policy_expired", with(Suite, |it| {
        it.now = at("2028-01-01T00:00:00Z");
    });
    older_suite => "rollback", with(Suite, |it| {
        it.seen = Some(HighWaterMark { version: 4, sha256: Digest::of(b"version 4") });
    });
    suite_under_a_version_that_was_here => "version_reused", with(Suite, |it| {
        it.seen = Some(HighWaterMark { version: 3, sha256: Digest::of(b"version 3") });
    });
    reward_head_of_another_model => "other_base_model", with(RewardHead, |it| {
        it.release.base_models[0].sha256 = Digest::of(b"another model");
    });
    reward_head_of_another_tokenizer => "other_tokenizer", with(RewardHead, |it| {
        it.release.base_models[0].tokenizer_sha256 = Digest::of(b"another tokenizer");
    });
    reward_head_for_all_models => "other_base_model", with(RewardHead, |it| {
        it.release.base_models.clear();
    });
    suite_for_another_model => "other_base_model", with(Suite, |it| {
        it.release.base_models = Delivery::honest(RewardHead).release.base_models;
        it.release.base_models[0].sha256 = Digest::of(b"another model");
    });

    // Who signed.
    suite_by_one_key => "below_release_threshold", with(Suite, |it| it.keys = vec![11]);
    suite_by_the_validation_key => "below_release_threshold", with(Suite, |it| it.keys = vec![21]);
    suite_by_strangers => "no_trusted_signature", with(Suite, |it| it.keys = vec![98, 99]);
    suite_by_a_revoked_key => "below_release_threshold", with(Suite, |it| {
        it.policy.revoked.keys = vec![key(12).public().id()];
    });
    suite_by_this_device => "device_role_missing", with(Suite, |it| {
        it.release.device = Some(key(31).public().id());
        it.keys = vec![31];
    });
}
