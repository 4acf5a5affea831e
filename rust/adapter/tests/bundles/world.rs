//! An honest delivery, and lines that others put beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use pocketune_adapter::fixtures::{self, at, key, policy, sign_policy};
use pocketune_adapter::{
    BaseIdentity, BaseModel, BaseNorms, Digest, Envelope, PublicKey, Refusal, STATEMENT_TYPE,
    TrustPolicy, VerifiedAdapter, Verifier, tokenizer_fingerprint,
};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use serde_json::{Value, json};

/// An adapter, who is trusted, and the bundle that vouches for it.
pub(crate) struct World {
    pub adapter: Vec<u8>,
    pub sha256: Digest,
    pub base: BaseIdentity,
    pub policy: TrustPolicy,
    pub device: PublicKey,
    /// Release and validation.
    pub lines: [String; 2],
}

impl World {
    pub(crate) fn new() -> Self {
        let model = TinyModel::llama();
        let bytes = model.build().unwrap();
        let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
        // As if every matrix had the norm 1.
        let norms: BaseNorms = { model.tensors.iter() }
            .map(|tensor| (tensor.name.clone(), 1.0))
            .collect();
        let base = BaseIdentity {
            shapes: Arc::new(BaseModel::of(&gguf).unwrap()),
            sha256: Digest::of(&bytes),
            tokenizer_sha256: tokenizer_fingerprint(&gguf),
            norms: Arc::new(norms),
        };
        let mut adapter = model.adapter(4, 0.01);
        adapter.tensors.retain(|tensor| {
            ["blk.0.attn_q", "blk.1.ffn_down"]
                .iter()
                .any(|target| tensor.name.starts_with(target))
        });
        let adapter = adapter.build().unwrap();
        let bundle = String::from_utf8(fixtures::bundle(&adapter, &base, |_| ())).unwrap();
        let (release, validation) = bundle.trim_end().split_once('\n').unwrap();
        Self {
            sha256: Digest::of(&adapter),
            adapter,
            base,
            policy: TrustPolicy::pinned(&sign_policy(&policy(), &[1, 2])).unwrap(),
            device: key(31).public(),
            lines: [release.to_owned(), validation.to_owned()],
        }
    }

    pub(crate) fn verify(&self, bundle: &[u8]) -> Result<VerifiedAdapter, Refusal> {
        let verifier = Verifier {
            policy: &self.policy,
            device: Some(&self.device),
            now: at("2026-11-25T07:00:00Z"),
            base: &self.base,
            high_water: &BTreeMap::new(),
        };
        verifier.verify(self.adapter.clone(), bundle)
    }

    /// `accepted`, or the reason of the refusal.
    pub(crate) fn verdict(&self, bundle: &str) -> &'static str {
        match self.verify(bundle.as_bytes()) {
            Ok(_) => "accepted",
            Err(refusal) => refusal.reason(),
        }
    }

    /// A statement about the adapter.
    pub(crate) fn statement(&self, predicate_type: &str, predicate: Value) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "brief.gguf", "digest": { "sha256": self.sha256 } }],
            "predicateType": predicate_type,
            "predicate": predicate,
        })
    }

    /// What the release (0) or the validation (1) says.
    pub(crate) fn said(&self, line: usize) -> Value {
        let envelope = Envelope::parse(self.lines[line].as_bytes()).unwrap();
        serde_json::from_slice(envelope.unverified_payload()).unwrap()
    }
}

/// A payload in its envelope, signed by these keys.
pub(crate) fn signed(payload_type: &str, payload: &str, keys: &[u8]) -> String {
    let mut envelope = Envelope::new(payload_type, payload.as_bytes().to_vec());
    for &number in keys {
        envelope.sign(&key(number));
    }
    envelope.to_json()
}

/// A statement, signed by these keys.
pub(crate) fn stated(statement: &Value, keys: &[u8]) -> String {
    signed(STATEMENT_TYPE, &statement.to_string(), keys)
}

/// The same signatures, each of a key with this name.
pub(crate) fn under_the_name(line: &str, name: &str) -> String {
    let mut envelope: Value = serde_json::from_str(line).unwrap();
    for signature in envelope["signatures"].as_array_mut().unwrap() {
        signature["keyid"] = name.into();
    }
    envelope.to_string()
}

/// Names a line of a thousand as if it were another stranger's.
pub(crate) fn stranger(number: usize) -> String {
    Digest::of(&number.to_le_bytes()).to_string()
}

/// As many lines like `line`, each another stranger's, as stand in a bundle beside the
/// delivery's own, at most a thousand; and after them the delivery's own under `names`.
pub(crate) fn crowded(
    world: &World,
    line: &Value,
    signatures: usize,
    names: Option<&str>,
) -> String {
    let mut bundle = String::new();
    let own = world.lines.each_ref().map(|line| match names {
        Some(name) => under_the_name(line, name),
        None => line.clone(),
    });
    let own = own.join("\n");
    for number in 0..1_000 {
        let mut envelope: Value = serde_json::from_str(&stated(line, &[])).unwrap();
        let each = (0..signatures).map(|signature| {
            let name = stranger(number * signatures + signature);
            // A signature that is only found wrong when it is computed: of something else.
            let other = signed("t", &name, &[77]);
            let other: Value = serde_json::from_str(&other).unwrap();
            json!({ "keyid": name, "sig": other["signatures"][0]["sig"] })
        });
        envelope["signatures"] = each.collect();
        let line = envelope.to_string();
        if bundle.len() + line.len() + 1 + own.len() > pocketune_adapter::BUNDLE_BYTES_MAX {
            break;
        }
        bundle = bundle + &line + "\n";
    }
    bundle + &own
}
