//! The attacks, each as a change of an honest delivery.

use pocketune_adapter::{
    BaseModelRef, Digest, Envelope, Halt, Predicate, Stage, Stages, Statement, SubjectKind,
    TestResult,
};
use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::TinyModel;

use pocketune_adapter::fixtures::{at, key, name, procedure};

use crate::scene::{Scene, SignedPolicy, lora_of, overlap, policy, small_adapter};

macro_rules! attacks {
    ($($(#[$doc:meta])* $name:ident => $reason:literal, $scene:expr;)*) => {
        /// Names and makers of all scenes.
        pub(crate) fn all() -> Vec<(&'static str, fn() -> Scene)> {
            vec![$((stringify!($name), || $scene)),*]
        }

        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                crate::check(stringify!($name), $reason);
            }
        )*
    };
}

/// An honest delivery after `change`.
fn with(change: impl FnOnce(&mut Scene)) -> Scene {
    let mut scene = Scene::honest();
    change(&mut scene);
    scene
}

/// The adapter's data changed by `change`, under signatures of the changed bytes.
fn with_adapter(change: impl FnOnce(&mut TinyModel)) -> Scene {
    with(|scene| change(&mut scene.adapter))
}

/// The first policy and a next one, signed by old and new roots, after `change`.
fn rotated(change: impl FnOnce(&mut SignedPolicy)) -> Scene {
    with(|scene| {
        let mut next = policy();
        next.document.version = 2;
        change(&mut next);
        scene.policies.push(next);
    })
}

fn with_policy(change: impl FnOnce(&mut SignedPolicy)) -> Scene {
    with(|scene| change(&mut scene.policies[0]))
}

/// Replaces root 2 by key 3.
fn other_root(next: &mut SignedPolicy) {
    let (old, new) = (key(2).public().id(), key(3).public());
    let mut entry = next.document.keys.remove(&old).unwrap();
    entry.public = new;
    next.document.keys.insert(new.id(), entry);
    next.document.roles.root.keys[1] = new.id();
    next.keys = vec![key(1), key(2), key(3)];
}

/// The bundle, and what one of its lines says, after `change`, signed by these keys.
fn said_too(bundle: String, line: usize, keys: &[u8], change: fn(String) -> String) -> String {
    let said = Envelope::parse(bundle.lines().nth(line).unwrap().as_bytes()).unwrap();
    let json = String::from_utf8(said.unverified_payload().to_vec()).unwrap();
    let mut envelope = Envelope::new(said.payload_type(), change(json).into_bytes());
    for &number in keys {
        envelope.sign(&key(number));
    }
    bundle + &envelope.to_json() + "\n"
}

/// The bundle, and a halt of what it is about, after `change`, signed by these keys.
fn halt(bundle: String, keys: &[u8], change: fn(String) -> String) -> String {
    let said = Envelope::parse(bundle.lines().next().unwrap().as_bytes()).unwrap();
    let mut statement = Statement::unverified(&said).unwrap();
    statement.predicate = Predicate::Halt(Box::new(Halt {
        created: at("2026-11-20T00:00:00Z"),
        reason: "Answers are too short.".to_owned(),
    }));
    let halt = statement.envelope();
    let json = String::from_utf8(halt.unverified_payload().to_vec()).unwrap();
    let mut envelope = Envelope::new(halt.payload_type(), change(json).into_bytes());
    for &number in keys {
        envelope.sign(&key(number));
    }
    bundle + &envelope.to_json() + "\n"
}

/// A release in stages, on its way to an installation that has a place above `SHARE_BELOW`.
fn staged(stages: &[(f64, &str)]) -> Scene {
    let stage = |&(percent, from): &(f64, &str)| Stage {
        percent,
        from: at(from),
    };
    let stages: Vec<Stage> = stages.iter().map(stage).collect();
    with(|scene| {
        scene.release.stages = Some(Stages::try_from(stages).unwrap());
        scene.situation.installation = Some(Digest::of(b"an installation"));
    })
}

/// All signatures, each of a key with this name.
fn renamed(bundle: String, name: &str) -> String {
    let ids = [11, 12, 21].map(|number| key(number).public().id().to_string());
    ids.iter()
        .fold(bundle, |bundle, id| bundle.replace(id, name))
}

/// The whole number of percent below that installation's place for the honest adapter (56.7).
const SHARE_BELOW: f64 = 56.0;
const VALIDATION: &str = "https://pocketune.dev/attestation/validation/v1";
const A: &str = "blk.0.attn_q.weight.lora_a";
const B: &str = "blk.0.attn_q.weight.lora_b";

attacks! {
    honest => "accepted", Scene::honest();
    honest_from_this_device => "accepted", Scene::made_by(31);
    honest_with_a_procedure => "accepted", with(|scene| {
        let adapter = Digest::of(&scene.adapter.build().unwrap());
        scene.validation.as_mut().unwrap().procedure = Some(procedure(adapter));
    });
    honest_after_rotation => "accepted", rotated(other_root);
    /// Recovery from a stolen release key that signed a version beyond all others: the
    /// rotation that takes the key away lets the channel begin anew (the store drops the
    /// mark, see `TrustPolicy::lost_release_keys`).
    fast_forward_recovery => "accepted", rotated(|next| {
        let (old, new) = (key(11).public().id(), key(13).public());
        let mut entry = next.document.keys.remove(&old).unwrap();
        entry.public = new;
        next.document.keys.insert(new.id(), entry);
        next.document.roles.release.keys[0] = new.id();
    }).released_by(&[12, 13]);

    // Who signed.
    arbitrary_adapter => "no_trusted_signature", with(|scene| {
        scene.release_keys = vec![key(99)];
        scene.validation_keys = vec![key(98)];
    });
    unsigned => "no_trusted_signature", with(|scene| {
        scene.release_keys.clear();
        scene.validation_keys.clear();
    });
    no_attestations => "no_trusted_signature", with(|scene| scene.spoil_bundle = Some(|_| String::new()));
    wrong_key => "below_release_threshold", with(|scene| scene.release_keys = vec![key(11), key(99)]);
    revoked_key => "key_revoked", with(|scene| {
        let revoked = [11, 12, 21].map(|number| key(number).public().id());
        scene.policies[0].document.revoked.keys = revoked.to_vec();
    });
    revoked_key_of_two => "below_release_threshold", with_policy(|policy| {
        policy.document.revoked.keys = vec![key(12).public().id()];
    });
    below_threshold => "below_release_threshold", with(|scene| scene.release_keys = vec![key(11)]);
    one_key_signs_twice => "below_release_threshold", with(|scene| {
        scene.release_keys = vec![key(11), key(11)];
    });
    duplicate_key_id => "below_release_threshold", with(|scene| {
        // The second signature claims the other key's name.
        scene.release_keys = vec![key(11), key(11)];
        scene.spoil_bundle = Some(|bundle| {
            let (own, other) = (key(11).public().id(), key(12).public().id());
            let at = bundle.find(&own.to_string()).unwrap();
            let mut bundle = bundle;
            bundle.replace_range(at..at + 64, &other.to_string());
            bundle
        });
    });
    validation_key_releases => "below_release_threshold", with(|scene| {
        scene.release_keys = vec![key(21), key(11)];
    });
    release_key_validates => "below_validation_threshold", with(|scene| {
        scene.validation_keys = vec![key(11), key(12)];
    });
    statement_of_another_device => "no_trusted_signature", Scene::made_by(32);
    another_device_in_a_release => "other_device", with(|scene| {
        scene.release.device = Some(key(32).public().id());
    });
    device_key_without_saying_so => "below_release_threshold", with(|scene| {
        scene.release_keys = vec![key(31)];
    });
    device_without_a_role => "device_role_missing", {
        let mut scene = Scene::made_by(31);
        scene.policies[0].document.roles.device = None;
        scene
    };
    device_key_revoked => "key_revoked", {
        let mut scene = Scene::made_by(31);
        scene.policies[0].document.revoked.keys = vec![key(31).public().id()];
        scene
    };
    /// Vouched for by somebody who is still trusted.
    device_key_revoked_beside_a_validation => "no_release", {
        let mut scene = Scene::made_by(31);
        scene.validation_keys = vec![key(21)];
        scene.policies[0].document.revoked.keys = vec![key(31).public().id()];
        scene
    };
    device_beyond_its_limits => "rank_beyond_limit", {
        let mut scene = Scene::made_by(31);
        scene.adapter = small_adapter(6);
        scene
    };

    // What was signed.
    other_payload_type => "statement_invalid", with(|scene| scene.spoil_bundle = Some(|bundle| {
        let mut envelope = Envelope::new(
            "application/json",
            Envelope::parse(bundle.lines().next().unwrap().as_bytes())
                .unwrap()
                .unverified_payload()
                .to_vec(),
        );
        envelope.sign(&key(11));
        envelope.sign(&key(12));
        envelope.to_json()
    }));
    payload_type_changed => "no_trusted_signature", with(|scene| {
        scene.spoil_bundle = Some(|bundle| bundle.replace("vnd.in-toto", "vnd.in-tutu"));
    });
    swapped_attestations => "other_subject", with(|scene| {
        scene.subject = Some(Digest::of(b"another adapter"));
    });
    validation_of_other_bytes => "other_bytes_validated", with(|scene| {
        scene.validated = Some(Digest::of(b"another adapter"));
    });
    validation_under_another_model => "other_bytes_validated", with(|scene| {
        let validation = scene.validation.as_mut().unwrap();
        validation.base_model_sha256 = Digest::of(b"another model");
    });
    missing_release => "no_release", with(|scene| scene.spoil_bundle = Some(|bundle| {
        bundle.lines().nth(1).unwrap().to_owned()
    }));
    missing_validation => "no_validation", with(|scene| scene.validation = None);
    failed_validation => "validation_failed", with(|scene| {
        scene.validation.as_mut().unwrap().result = TestResult::Failed;
    });
    passed_with_a_failed_test => "validation_failed", with(|scene| {
        scene.validation.as_mut().unwrap().failed_tests = vec!["injection".to_owned()];
    });
    metric_too_low => "metric_not_met", with(|scene| {
        scene.validation.as_mut().unwrap().measurements[0].value = 0.79;
    });
    /// The validator's own bar does not count.
    metric_with_a_lower_bar => "metric_not_met", with(|scene| {
        let measurement = &mut scene.validation.as_mut().unwrap().measurements[0];
        (measurement.value, measurement.threshold) = (0.5, Some(0.4));
    });
    metric_missing => "metric_missing", with(|scene| {
        scene.validation.as_mut().unwrap().measurements.clear();
    });
    metric_said_twice => "metric_missing", with(|scene| {
        let measurements = &mut scene.validation.as_mut().unwrap().measurements;
        let mut other = measurements[0].clone();
        other.value = 0.1;
        measurements.push(other);
    });
    release_of_something_else => "other_kind", with(|scene| {
        scene.release.kind = SubjectKind::RewardHead;
    });

    /// A suite's release beside an adapter, for all models as suites may be.
    suite_release_for_an_adapter => "other_kind", with(|scene| {
        scene.release.kind = SubjectKind::Suite;
        scene.release.base_models.clear();
        scene.describe = false;
        scene.release.lora = None;
    });
    /// Whoever found that it fails is not outvoted by whoever found that it passes.
    failed_validation_beside_a_passed_one => "validation_failed", with(|scene| {
        let mut failed = scene.validation.clone().unwrap();
        failed.result = TestResult::Failed;
        scene.second_validation = Some((failed, key(21)));
    });
    failed_test_beside_a_passed_validation => "validation_failed", with(|scene| {
        let mut failed = scene.validation.clone().unwrap();
        failed.failed_tests = vec!["injection".to_owned()];
        scene.second_validation = Some((failed, key(21)));
    });
    /// With a threshold of two one validator alone lets nothing pass, and stops it alone.
    failed_validation_below_the_threshold => "validation_failed", with(|scene| {
        let policy = &mut scene.policies[0].document;
        let public = key(22).public();
        let scheme = pocketune_adapter::Scheme::Ed25519;
        policy.keys.insert(public.id(), pocketune_adapter::KeyDocument { scheme, public });
        policy.roles.validation.keys.push(public.id());
        policy.roles.validation.threshold = 2;
        scene.validation_keys.push(key(22));
        let mut failed = scene.validation.clone().unwrap();
        failed.result = TestResult::Failed;
        scene.second_validation = Some((failed, key(22)));
    });
    failed_validation_by_this_device => "validation_failed", {
        let mut scene = Scene::made_by(31);
        let mut failed = scene.validation.clone().unwrap();
        failed.result = TestResult::Failed;
        scene.second_validation = Some((failed, key(31)));
        scene
    };
    failed_validation_that_the_policy_ignores => "accepted", with(|scene| {
        scene.policies[0].document.roles.validation.ignore_failed = true;
        let mut failed = scene.validation.clone().unwrap();
        failed.result = TestResult::Failed;
        scene.second_validation = Some((failed, key(21)));
    });
    failed_validation_by_a_stranger => "accepted", with(|scene| {
        let mut failed = scene.validation.clone().unwrap();
        failed.result = TestResult::Failed;
        scene.second_validation = Some((failed, key(99)));
    });
    failed_validation_under_another_model => "accepted", with(|scene| {
        let mut failed = scene.validation.clone().unwrap();
        failed.result = TestResult::Failed;
        failed.base_model_sha256 = Digest::of(b"another model");
        scene.second_validation = Some((failed, key(21)));
    });
    /// What another adapter did in suites, signed as if this one had done it.
    validation_with_figures_of_another_adapter => "other_bytes_validated", with(|scene| {
        let another = Digest::of(b"another adapter");
        scene.validation.as_mut().unwrap().procedure = Some(procedure(another));
    });

    // When, and for what.
    expired_release => "expired", with(|scene| scene.situation.now = at("2027-11-01T00:00:00Z"));
    expired_policy => "policy_expired", with(|scene| scene.situation.now = at("2028-01-01T00:00:00Z"));
    rollback => "rollback", with(|scene| {
        scene.situation.high_water.insert(name("stable"), (4, Digest::of(b"version 4")));
    });
    version_reused => "version_reused", with(|scene| {
        scene.situation.high_water.insert(name("stable"), (3, Digest::of(b"another version 3")));
    });
    base_model_mismatch => "other_base_model", with(|scene| {
        scene.situation.base_sha256 = Digest::of(b"another model");
    });
    tokenizer_mismatch => "other_tokenizer", with(|scene| {
        scene.situation.tokenizer_sha256 = Digest::of(b"another tokenizer");
    });
    no_base_model => "other_base_model", with(|scene| scene.release.base_models.clear());
    /// The right tokenizer of the wrong model does not help.
    tokenizer_of_another_model => "other_base_model", with(|scene| {
        scene.release.base_models = vec![BaseModelRef {
            name: "other".to_owned(),
            sha256: Digest::of(b"another model"),
            tokenizer_sha256: scene.situation.tokenizer_sha256,
        }];
    });
    revoked_adapter => "revoked", with(|scene| {
        let adapter = scene.adapter.build().unwrap();
        scene.policies[0].document.revoked.digests = vec![Digest::of(&adapter)];
    });

    // Bytes and limits.
    oversize_file => "too_large", with(|scene| {
        scene.spoil_adapter = Some(|bytes| bytes.resize(20_001, 0));
    });
    size_lie => "size_differs", with(|scene| {
        scene.describe = false;
        scene.release.size_bytes = 1;
        scene.release.lora = Some(lora_of(&scene.adapter.build().unwrap()));
    });
    shape_lie => "shape_differs", with(|scene| {
        let adapter = scene.adapter.build().unwrap();
        let mut lora = lora_of(&adapter);
        lora.rank = 1;
        scene.describe = false;
        scene.release.size_bytes = adapter.len() as u64;
        scene.release.lora = Some(lora);
    });
    rank_bomb => "rank_beyond_limit", with(|scene| {
        scene.adapter = small_adapter(9);
    });
    more_bytes_than_a_device_may_make => "bytes_beyond_limit", {
        let mut scene = Scene::made_by(31);
        scene.adapter.set("general.description", "x".repeat(10_000).as_str());
        scene
    };
    target_beyond_limit => "target_beyond_limit", with_policy(|policy| {
        policy.document.roles.release.limits.targets.retain(|kind| kind != "ffn_down");
        policy.document.roles.device = None;
    });
    not_a_number => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(A).unwrap().fill = Some(f32::NAN);
    });
    infinity => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(B).unwrap().fill = Some(f32::INFINITY);
    });
    huge_update_by_weights => "update_beyond_limit", with_adapter(|adapter| {
        for half in [A, B] {
            adapter.tensor_mut(half).unwrap().fill = Some(30.0);
        }
    });
    huge_update_by_alpha => "update_beyond_limit", with_adapter(|adapter| {
        adapter.set("adapter.lora.alpha", 1e6_f32);
    });
    /// Without alpha llama.cpp scales by 1.
    huge_update_without_alpha => "update_beyond_limit", with_adapter(|adapter| {
        adapter.remove("adapter.lora.alpha");
    });
    shape_mismatch_in_columns => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(A).unwrap().dims = vec![16, 4];
    });
    shape_mismatch_in_rows => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(B).unwrap().dims = vec![4, 16];
    });
    shape_mismatch_in_the_third_dimension => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(A).unwrap().dims.push(2);
    });
    shape_mismatch_in_the_fourth_dimension => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(B).unwrap().dims.extend([1, 2]);
    });
    unknown_tensor => "structure_invalid", with_adapter(|adapter| {
        adapter.push("blk.0.attn_q.weight.lora_c", GgmlType::F32, &[4]);
    });
    half_a_pair => "structure_invalid", with_adapter(|adapter| {
        adapter.tensors.retain(|tensor| tensor.name != B);
    });
    duplicate_names => "structure_invalid", with(|scene| {
        scene.spoil_adapter = Some(|file| {
            let at = file.windows(B.len()).position(|bytes| bytes == B.as_bytes()).unwrap();
            file[at..at + A.len()].copy_from_slice(A.as_bytes());
        });
    });
    overlapping_offsets => "structure_invalid", with(|scene| {
        scene.spoil_adapter = Some(overlap);
    });
    path_in_a_tensor_name => "structure_invalid", with_adapter(|adapter| {
        adapter.tensor_mut(A).unwrap().name = "../../blk.0.attn_q.weight.lora_a".to_owned();
    });

    // Formats.
    path_in_a_release_name => "statement_invalid", with(|scene| {
        scene.spoil_statement = Some(|json| json.replace(r#""name":"brief""#, r#""name":"../brief""#));
    });
    unknown_field_in_a_release => "statement_invalid", with(|scene| {
        scene.spoil_statement = Some(|json| json.replace(r#""kind":"#, r#""onlyFor":"me","kind":"#));
    });
    another_statement_version => "statement_invalid", with(|scene| {
        scene.spoil_statement = Some(|json| json.replace("Statement/v1", "Statement/v2"));
    });
    no_subject => "statement_invalid", with(|scene| {
        scene.spoil_statement = Some(|json| {
            let (start, end) = (json.find("\"subject\":[").unwrap() + 11, json.find("],").unwrap());
            format!("{}{}", &json[..start], &json[end..])
        });
    });
    duplicate_json_keys => "statement_invalid", with(|scene| {
        scene.spoil_statement = Some(|json| json.replace(r#""version":3"#, r#""version":3,"version":9"#));
    });
    duplicate_json_keys_in_an_envelope => "envelope_invalid", with(|scene| {
        scene.spoil_bundle = Some(|bundle| bundle.replace(r#""payload":"#, r#""payload":"","payload":"#));
    });
    deep_nesting => "statement_invalid", with(|scene| {
        scene.spoil_statement = Some(|json| {
            let deep = "[".repeat(500) + &"]".repeat(500);
            json.replace(r#""_type":"#, &format!(r#""x":{deep},"_type":"#))
        });
    });
    endless_bundle => "bundle_too_large", with(|scene| {
        scene.spoil_bundle = Some(|bundle| bundle + &"{}\n".repeat(8_192));
    });
    no_envelope => "envelope_invalid", with(|scene| {
        scene.spoil_bundle = Some(|bundle| bundle.replace('{', "hello "));
    });

    // Lines of others beside a good delivery: they refuse nothing.
    line_of_no_envelope => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| bundle + "hello\n");
    });
    line_of_sigstore => "accepted", with(|scene| scene.spoil_bundle = Some(|bundle| {
        let line = bundle.lines().nth(1).unwrap().to_owned();
        let media = r#""mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json""#;
        let material = r#""verificationMaterial":{"certificate":{"rawBytes":"MIIC"}}"#;
        format!("{{{media},{material},\"dsseEnvelope\":{line}}}\n{bundle}")
    }));
    own_statement_of_an_older_version => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| {
            said_too(bundle, 1, &[21], |json| json.replace("Statement/v1", "Statement/v0.1"))
        });
    });
    own_statement_about_a_commit => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| {
            said_too(bundle, 0, &[11, 12], |json| json.replace("\"sha256\":", "\"gitCommit\":"))
        });
    });
    own_statement_about_many_files => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| said_too(bundle, 1, &[21], |json| {
            let start = json.find('[').unwrap() + 1;
            let subject = &json[start..json.find(']').unwrap()];
            let many = vec![subject; 100].join(",");
            json.replacen(subject, &many, 1).replace(VALIDATION, "https://slsa.dev/provenance/v1")
        }));
    });
    own_payload_of_another_type => "accepted", with(|scene| scene.spoil_bundle = Some(|bundle| {
        let mut envelope = Envelope::new("application/json", b"{}".to_vec());
        envelope.sign(&key(11));
        envelope.to_json() + "\n" + &bundle
    }));
    signatures_of_strangers => "accepted", with(|scene| scene.spoil_bundle = Some(|bundle| {
        let strange = format!(r#"{{"keyid":"x","sig":"{}"}},{{"sig":"*"}},null,"#, "A".repeat(86));
        bundle.replace("\"signatures\":[", &format!("\"signatures\":[{}", strange.repeat(20)))
    }));
    names_of_keys_by_another_tool => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| renamed(bundle, "SHA256:5vPMa"));
    });
    keys_without_names => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| renamed(bundle, ""));
    });

    // What would count if it could be read is not passed over.
    own_validation_that_cannot_be_read => "statement_invalid", with(|scene| {
        scene.spoil_bundle = Some(|bundle| said_too(bundle, 1, &[21], |json| {
            json.replace("PASSED", "FAILED").replace(r#""result":"#, r#""unless":"you","result":"#)
        }));
    });
    own_release_that_cannot_be_read => "statement_invalid", with(|scene| {
        scene.spoil_bundle = Some(|bundle| said_too(bundle, 0, &[11, 12], |json| {
            json.replace(r#""kind":"#, r#""onlyFor":"me","kind":"#)
        }));
    });
    release_by_too_few_that_cannot_be_read => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| said_too(bundle, 0, &[11], |json| {
            json.replace(r#""kind":"#, r#""onlyFor":"me","kind":"#)
        }));
    });

    // Rollouts.
    turn_that_has_come => "accepted", staged(&[(57.0, "2026-11-02T00:00:00Z")]);
    turn_that_has_not_come => "not_yet", staged(&[
        (SHARE_BELOW, "2026-11-02T00:00:00Z"),
        (100.0, "2026-12-24T00:00:00Z"),
    ]);
    turn_that_never_comes => "not_yet", staged(&[(SHARE_BELOW, "2026-11-02T00:00:00Z")]);
    turn_of_nobody_yet => "not_yet", staged(&[(100.0, "2026-11-25T07:00:01Z")]);
    turn_that_has_not_come_to_what_is_here => "accepted", {
        let mut scene = staged(&[(SHARE_BELOW, "2026-11-02T00:00:00Z")]);
        scene.situation.kept = Some(true);
        scene
    };
    stages_that_fall => "statement_invalid", {
        let mut scene = staged(&[(1.0, "2026-11-02T00:00:00Z"), (100.0, "2026-11-03T00:00:00Z")]);
        scene.spoil_statement = Some(|json| json.replace(r#""percent":1.0"#, r#""percent":101"#));
        scene
    };
    halted => "halted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[11, 12], |json| json));
    });
    halted_in_its_turn => "halted", {
        let mut scene = staged(&[(100.0, "2026-11-02T00:00:00Z")]);
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[11, 12], |json| json));
        scene
    };
    halted_under_other_names_of_keys => "halted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| renamed(halt(bundle, &[11, 12], |json| json), ""));
    });
    halted_and_here_already => "accepted", with(|scene| {
        scene.situation.kept = Some(true);
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[11, 12], |json| json));
    });
    halt_by_too_few => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[11, 11], |json| json));
    });
    halt_by_another_role => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[21, 31], |json| json));
    });
    halt_by_strangers => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[98, 99], |json| json));
    });
    halt_of_another_file => "accepted", with(|scene| {
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[11, 12], |json| {
            let at = json.find("sha256\":\"").unwrap() + 9;
            format!("{}{}{}", &json[..at], "0".repeat(64), &json[at + 64..])
        }));
    });
    halt_that_cannot_be_read => "statement_invalid", with(|scene| {
        scene.spoil_bundle = Some(|bundle| halt(bundle, &[11, 12], |json| {
            json.replace(r#""reason":"#, r#""until":"Monday","reason":"#)
        }));
    });

    // Policies.
    policy_by_strangers => "policy_too_few_own_root_keys", with_policy(|policy| {
        policy.keys = vec![key(98), key(99)];
    });
    policy_below_threshold => "policy_too_few_own_root_keys", with_policy(|policy| {
        policy.keys = vec![key(1), key(1)];
    });
    rotation_with_too_few_old_keys => "policy_too_few_previous_root_keys", rotated(|next| {
        other_root(next);
        next.keys = vec![key(1), key(3)];
    });
    rotation_with_too_few_new_keys => "policy_too_few_own_root_keys", rotated(|next| {
        other_root(next);
        next.keys = vec![key(1), key(2)];
    });
    rotation_backwards => "policy_version_not_next", rotated(|next| next.document.version = 1);
    rotation_too_far => "policy_version_not_next", rotated(|next| next.document.version = 3);
    one_key_under_two_ids => "policy_key_named_wrongly", with_policy(|policy| {
        let entry = policy.document.keys[&key(11).public().id()].clone();
        policy.document.keys.insert(key(77).public().id(), entry);
    });
    one_key_in_two_roles => "policy_key_twice", with_policy(|policy| {
        policy.document.roles.validation.keys = vec![key(11).public().id()];
    });
    one_key_twice_in_a_role => "policy_key_twice", with_policy(|policy| {
        policy.document.roles.release.keys = vec![key(11).public().id(); 2];
    });
    role_of_an_unlisted_key => "policy_key_missing", with_policy(|policy| {
        policy.document.roles.release.keys.push(key(77).public().id());
    });
    threshold_of_zero => "policy_threshold", with_policy(|policy| {
        policy.document.roles.validation.threshold = 0;
    });
    threshold_beyond_the_keys => "policy_threshold", with_policy(|policy| {
        policy.document.roles.root.threshold = 3;
    });
    devices_may_more_than_releases => "policy_device_may_more", with_policy(|policy| {
        policy.document.roles.device.as_mut().unwrap().limits.max_rank = 99;
    });
    unknown_field_in_a_policy => "policy_invalid", with_policy(|policy| {
        policy.spoil = Some(|json| json.replace(r#""format":1"#, r#""format":1,"trustAll":true"#));
    });
    duplicate_json_keys_in_a_policy => "policy_invalid", with_policy(|policy| {
        policy.spoil = Some(|json| json.replace(r#""threshold":2"#, r#""threshold":2,"threshold":1"#));
    });
    weak_key_in_a_policy => "policy_invalid", with_policy(|policy| {
        // A point of order 1: its signatures fit any message.
        policy.spoil = Some(|json| {
            let key = serde_json::to_string(&key(11).public()).unwrap();
            json.replace(&key, &format!("\"AQ{}=\"", "A".repeat(41)))
        });
    });
    another_policy_format => "policy_format", with_policy(|policy| policy.document.format = 2);
    statement_as_a_policy => "policy_payload_type", with_policy(|policy| {
        policy.spoil_envelope = Some(|line| line.replace("vnd.pocketune.policy", "vnd.in-toto"));
    });
}
