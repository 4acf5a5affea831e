//! Everything a verdict depends on, honest until an attack changes it; and the files
//! that it becomes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use pocketune_adapter::fixtures::{self, at, key, name};
use pocketune_adapter::{
    BaseIdentity, BaseModel, BaseNorms, CandidateAdapter, Digest, Envelope, HighWaterMark,
    InstallationId, LoraFacts, Name, POLICY_TYPE, PolicyDocument, Predicate, PublicKey, Release,
    Rollout, SecretKey, Statement, Subject, Timestamp, TrustPolicy, Validation, Verifier,
    tokenizer_fingerprint,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use serde::{Deserialize, Serialize};

/// Changes two matrices, by so little that no limit is near.
pub(crate) fn small_adapter(rank: u64) -> TinyModel {
    let mut adapter = TinyModel::llama().adapter(rank, 0.01);
    adapter.tensors.retain(|tensor| {
        ["blk.0.attn_q", "blk.1.ffn_down"]
            .iter()
            .any(|target| tensor.name.starts_with(target))
    });
    adapter
}

/// A delivery and the device it reaches.
pub(crate) struct Scene {
    pub adapter: TinyModel,
    /// Changes the adapter's file after it was built.
    pub spoil_adapter: Option<fn(&mut Vec<u8>)>,
    pub release: Release,
    /// Whether size and shape are those of the adapter, as an honest signer writes them.
    pub describe: bool,
    pub release_keys: Vec<SecretKey>,
    pub validation: Option<Validation>,
    pub validation_keys: Vec<SecretKey>,
    /// What else somebody found, beside the validation above.
    pub second_validation: Option<(Validation, SecretKey)>,
    /// What the statements are about; the adapter by default.
    pub subject: Option<Digest>,
    pub validated: Option<Digest>,
    /// Changes a statement's JSON before it is signed.
    pub spoil_statement: Option<fn(String) -> String>,
    /// Changes the bundle after it was signed.
    pub spoil_bundle: Option<fn(String) -> String>,
    pub policies: Vec<SignedPolicy>,
    pub situation: Situation,
}

/// A policy and who signs it.
#[derive(Clone)]
pub(crate) struct SignedPolicy {
    pub document: PolicyDocument,
    pub keys: Vec<SecretKey>,
    /// Changes its JSON before it is signed.
    pub spoil: Option<fn(String) -> String>,
    /// Changes its envelope.
    pub spoil_envelope: Option<fn(String) -> String>,
}

/// What the device knows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Situation {
    pub now: Timestamp,
    pub device: Option<PublicKey>,
    pub base_sha256: Digest,
    pub tokenizer_sha256: Digest,
    pub high_water: BTreeMap<Name, (u64, Digest)>,
    /// Random bytes of an installation that is to install it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<Digest>,
    /// Whether it is here already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
}

pub(crate) fn policy() -> SignedPolicy {
    SignedPolicy {
        document: fixtures::policy(),
        keys: vec![key(1), key(2)],
        spoil: None,
        spoil_envelope: None,
    }
}

impl Situation {
    fn base(&self) -> BaseIdentity {
        BaseIdentity {
            shapes: base_model(),
            sha256: self.base_sha256,
            tokenizer_sha256: self.tokenizer_sha256,
            norms: Arc::new(norms()),
        }
    }
}

impl Scene {
    pub(crate) fn honest() -> Self {
        let model = TinyModel::llama();
        let situation = Situation {
            now: at("2026-11-25T07:00:00Z"),
            device: Some(key(31).public()),
            base_sha256: Digest::of(&model.build().unwrap()),
            tokenizer_sha256: fingerprint(&model),
            high_water: BTreeMap::new(),
            installation: None,
            kept: None,
        };
        let base = situation.base();
        let adapter = small_adapter(4);
        let release = fixtures::release(&adapter.build().unwrap(), &base);
        let validation = fixtures::validation(&base);
        Self {
            adapter,
            spoil_adapter: None,
            release,
            describe: true,
            release_keys: vec![key(11), key(12)],
            validation: Some(validation),
            validation_keys: vec![key(21)],
            second_validation: None,
            subject: None,
            validated: None,
            spoil_statement: None,
            spoil_bundle: None,
            policies: vec![policy()],
            situation,
        }
    }

    /// The same, made by the device itself.
    pub(crate) fn made_by(device: u8) -> Self {
        let mut scene = Self::honest();
        scene.release.device = Some(key(device).public().id());
        scene.release.channel = name("personal");
        scene.release_keys = vec![key(device)];
        scene.validation_keys = vec![key(device)];
        scene
    }

    /// The same, released by these keys.
    pub(crate) fn released_by(mut self, numbers: &[u8]) -> Self {
        self.release_keys = numbers.iter().map(|&number| key(number)).collect();
        self
    }

    /// The files of this scene.
    pub(crate) fn files(mut self) -> Files {
        let mut adapter = self.adapter.build().unwrap();
        if let Some(spoil) = self.spoil_adapter {
            spoil(&mut adapter);
        }
        if self.describe {
            self.release.size_bytes = adapter.len() as u64;
            self.release.lora = Some(lora_of(&adapter));
        }
        let sha256 = Digest::of(&adapter);
        let release = self.line(
            self.subject.unwrap_or(sha256),
            Predicate::Release(Box::new(self.release.clone())),
            &self.release_keys,
        );
        let validation = self.validation.clone().map(|validation| {
            let predicate = Predicate::Validation(Box::new(validation));
            let about = self.validated.unwrap_or(sha256);
            self.line(about, predicate, &self.validation_keys)
        });
        let second = self.second_validation.clone().map(|(validation, key)| {
            let predicate = Predicate::Validation(Box::new(validation));
            self.line(sha256, predicate, &[key])
        });
        let mut bundle = release + &validation.unwrap_or_default() + &second.unwrap_or_default();
        if let Some(spoil) = self.spoil_bundle {
            bundle = spoil(bundle);
        }
        Files {
            adapter,
            bundle: bundle.into_bytes(),
            policies: self.policies.iter().map(signed_policy).collect(),
            situation: self.situation,
        }
    }

    fn line(&self, sha256: Digest, predicate: Predicate, keys: &[SecretKey]) -> String {
        let statement = Statement {
            subjects: vec![Subject {
                name: "brief.gguf".to_owned(),
                sha256,
            }],
            predicate,
        };
        let mut envelope = statement.envelope();
        if let Some(spoil) = self.spoil_statement {
            let json = String::from_utf8(envelope.unverified_payload().to_vec()).unwrap();
            envelope = Envelope::new(envelope.payload_type(), spoil(json).into_bytes());
        }
        for key in keys {
            envelope.sign(key);
        }
        envelope.to_json() + "\n"
    }
}

fn signed_policy(policy: &SignedPolicy) -> Vec<u8> {
    let mut json = serde_json::to_string(&policy.document).unwrap();
    if let Some(spoil) = policy.spoil {
        json = spoil(json);
    }
    let mut envelope = Envelope::new(POLICY_TYPE, json.into_bytes());
    for key in &policy.keys {
        envelope.sign(key);
    }
    let line = envelope.to_json();
    let spoil = policy.spoil_envelope.unwrap_or(|line| line);
    spoil(line).into_bytes()
}

/// What an honest signer says of an adapter's shape; anything of one that does not parse.
pub(crate) fn lora_of(adapter: &[u8]) -> LoraFacts {
    let parsed = CandidateAdapter::parse(adapter, &base_model());
    parsed.map_or_else(
        |_| LoraFacts {
            rank: 4,
            alpha: None,
            targets: Vec::new(),
        },
        |adapter| adapter.lora_facts(),
    )
}

/// Lets the file's second tensor lie where its first one does.
#[expect(clippy::ptr_arg, reason = "a Scene's spoil_adapter")]
pub(crate) fn overlap(file: &mut Vec<u8>) {
    let gguf = Gguf::parse(file, file.len() as u64).unwrap();
    let second = gguf.tensors()[1].name().as_bytes().to_vec();
    let at = file
        .windows(second.len())
        .position(|bytes| bytes == second)
        .unwrap();
    // Name, number of dimensions, two dimensions, type, offset.
    let offset = at + second.len() + 4 + 2 * 8 + 4;
    file[offset..offset + 8].fill(0);
}

fn fingerprint(model: &TinyModel) -> Digest {
    let bytes = model.build().unwrap();
    tokenizer_fingerprint(&Gguf::parse(&bytes, bytes.len() as u64).unwrap())
}

fn base_model() -> Arc<BaseModel> {
    static BASE: LazyLock<Arc<BaseModel>> = LazyLock::new(|| {
        let bytes = TinyModel::llama().build().unwrap();
        let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
        Arc::new(BaseModel::of(&gguf).unwrap())
    });
    Arc::clone(&BASE)
}

/// A delivery as it lies on a disk.
pub(crate) struct Files {
    pub adapter: Vec<u8>,
    pub bundle: Vec<u8>,
    pub policies: Vec<Vec<u8>>,
    pub situation: Situation,
}

const ADAPTER: &str = "adapter.gguf";
const BUNDLE: &str = "adapter.gguf.intoto.jsonl";
const SITUATION: &str = "situation.json";

impl Files {
    /// Writes the files that are not as in the folder `honest` beside it.
    pub(crate) fn write(&self, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
        for (name, bytes) in self.named() {
            let honest = fs::read(honest(folder).join(&name)).unwrap_or_default();
            if bytes != honest {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
    }

    /// Reads a folder; what is not there is as in the folder `honest` beside it.
    pub(crate) fn read(folder: &Path) -> Self {
        let read = |name: &str| {
            fs::read(folder.join(name)).or_else(|_| fs::read(honest(folder).join(name)))
        };
        let file = |name: &str| read(name).unwrap();
        let policies = (1..).map(|number| read(&policy_name(number)));
        Self {
            adapter: file(ADAPTER),
            bundle: file(BUNDLE),
            policies: policies.map_while(Result::ok).collect(),
            situation: serde_json::from_slice(&file(SITUATION)).unwrap(),
        }
    }

    pub(crate) fn named(&self) -> Vec<(String, Vec<u8>)> {
        let situation = serde_json::to_string_pretty(&self.situation).unwrap() + "\n";
        let mut all = vec![
            (ADAPTER.to_owned(), self.adapter.clone()),
            (BUNDLE.to_owned(), self.bundle.clone()),
            (SITUATION.to_owned(), situation.into_bytes()),
        ];
        for (policy, number) in self.policies.iter().zip(1..) {
            all.push((policy_name(number), policy.clone()));
        }
        all
    }

    /// `accepted`, or the reason of the refusal.
    pub(crate) fn verdict(&self) -> &'static str {
        let mut policies = self.policies.iter();
        let first = TrustPolicy::pinned(policies.next().unwrap());
        let policy = policies.fold(first, |policy, next| policy?.rotate(next));
        let policy = match policy {
            Ok(policy) => policy,
            Err(error) => return error.reason(),
        };
        let situation = &self.situation;
        let base = situation.base();
        let marks = situation
            .high_water
            .iter()
            .map(|(channel, &(version, sha256))| {
                (channel.clone(), HighWaterMark { version, sha256 })
            });
        let verifier = Verifier {
            policy: &policy,
            device: situation.device.as_ref(),
            now: situation.now,
            base: &base,
            high_water: &marks.collect(),
        };
        let rollout = match (situation.kept, situation.installation) {
            (Some(true), _) => Rollout::Kept,
            (_, Some(bytes)) => Rollout::Installs(InstallationId::from_bytes(*bytes.as_bytes())),
            (_, None) => Rollout::Anybody,
        };
        match verifier.verify_for(rollout, self.adapter.clone(), &self.bundle) {
            Ok(_) => "accepted",
            Err(refusal) => refusal.reason(),
        }
    }
}

fn honest(folder: &Path) -> PathBuf {
    folder.with_file_name("honest")
}

fn policy_name(number: usize) -> String {
    format!("policy-{number}.json")
}

/// As if every matrix had the norm 1.
fn norms() -> BaseNorms {
    let model = TinyModel::llama();
    let tensors = model.tensors.iter();
    tensors.map(|tensor| (tensor.name.clone(), 1.0)).collect()
}
