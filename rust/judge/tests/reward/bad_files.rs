//! A head's file: what is written is read, and what is spoilt is refused.

use pocketune_gguf::{GgmlType, Gguf, GgufBuilder, GgufError, OwnedValue};
use pocketune_judge::reward::{MAX_FEATURES, RewardError, RewardHead, TrainingOptions, train};
use proptest::prelude::*;

use crate::synthetic::{BASE, World, source};

const FEATURES: usize = 16;
const WEIGHT: &str = "reward.weight";
const SCALE: &str = "reward.feature_scale";

fn head() -> RewardHead {
    let comparisons = World::of_one(FEATURES, 2.0).comparisons(60, 1);
    let trained = train(&comparisons, source(), &TrainingOptions::default());
    trained.unwrap().head
}

/// A file that can be spoilt before it is written.
struct Parts {
    metadata: Vec<(String, OwnedValue)>,
    tensors: Vec<(String, GgmlType, Vec<u64>, Vec<u8>)>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let gguf = Gguf::parse(bytes, bytes.len() as u64).unwrap();
        let metadata = gguf.metadata().iter();
        let tensors = gguf.tensors().iter().map(|tensor| {
            let data = gguf.tensor_data(tensor, bytes).unwrap().to_vec();
            let dims = vec![tensor.dims()[0]];
            (tensor.name().to_owned(), tensor.tensor_type(), dims, data)
        });
        Self {
            metadata: metadata
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
            tensors: tensors.collect(),
        }
    }

    fn build(&self) -> Vec<u8> {
        let mut builder = GgufBuilder::new();
        for (key, value) in &self.metadata {
            builder.metadata(key, value.clone());
        }
        for (name, tensor_type, dims, data) in &self.tensors {
            builder.tensor(name, *tensor_type, dims, &**data);
        }
        builder.build().unwrap()
    }

    fn set(&mut self, key: &str, value: impl Into<OwnedValue>) {
        let entry = self.metadata.iter_mut().find(|(name, _)| name == key);
        entry.unwrap().1 = value.into();
    }

    fn tensor(&mut self, name: &str) -> &mut (String, GgmlType, Vec<u64>, Vec<u8>) {
        let mut tensors = self.tensors.iter_mut();
        tensors.find(|tensor| tensor.0 == name).unwrap()
    }

    fn set_element(&mut self, name: &str, index: usize, value: f32) {
        self.tensor(name).3[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// What is said about a sound file after `spoil`.
fn refusal(spoil: impl FnOnce(&mut Parts)) -> RewardError {
    let mut parts = Parts::of(&head().to_gguf().unwrap());
    spoil(&mut parts);
    RewardHead::parse(&parts.build(), &BASE).unwrap_err()
}

#[test]
fn a_head_comes_back_as_it_was() {
    let head = head();
    let bytes = head.to_gguf().unwrap();
    let read = RewardHead::parse(&bytes, &BASE).unwrap();
    assert_eq!(read, head);
    assert_eq!(read.to_gguf().unwrap(), bytes);
    assert_eq!(*read.source(), source());
    assert_eq!(read.features(), FEATURES);
    println!("{} bytes for {FEATURES} features", bytes.len());
}

#[test]
fn a_file_of_another_format() {
    let refused = RewardHead::parse(b"PK\x03\x04 not GGUF", &BASE).unwrap_err();
    assert!(matches!(
        refused,
        RewardError::Gguf(GgufError::BadMagic { .. })
    ));
}

#[test]
fn an_empty_file() {
    let refused = RewardHead::parse(&[], &BASE).unwrap_err();
    assert!(matches!(refused, RewardError::Gguf(_)));
}

#[test]
fn half_a_file() {
    let bytes = head().to_gguf().unwrap();
    for length in 0..bytes.len() {
        assert!(RewardHead::parse(&bytes[..length], &BASE).is_err());
    }
}

#[test]
fn an_adapter_in_place_of_a_head() {
    let refused = refusal(|parts| parts.set("general.type", "adapter"));
    let found = "adapter".to_owned();
    assert_eq!(refused, RewardError::NotARewardHead { found });
}

#[test]
fn a_version_of_the_future() {
    let refused = refusal(|parts| parts.set("pocketune.reward.format_version", 2_u32));
    assert_eq!(refused, RewardError::FormatVersion { found: 2 });
}

#[test]
fn a_missing_key() {
    let keys: Vec<String> = Parts::of(&head().to_gguf().unwrap())
        .metadata
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| key != "general.type")
        .collect();
    assert_eq!(keys.len(), 8);
    for key in keys {
        let refused = refusal(|parts| parts.metadata.retain(|(name, _)| *name != key));
        assert_eq!(refused, GgufError::MissingKey { key }.into());
    }
    let refused = refusal(|parts| parts.metadata.retain(|(name, _)| name != "general.type"));
    let found = "missing".to_owned();
    assert_eq!(refused, RewardError::NotARewardHead { found });
}

#[test]
fn a_key_of_another_type() {
    let refused = refusal(|parts| parts.set("pocketune.reward.layer", "thirty"));
    assert!(matches!(
        refused,
        RewardError::Gguf(GgufError::WrongType { .. })
    ));
}

#[test]
fn an_unknown_key() {
    let key = "pocketune.reward.bias".to_owned();
    let refused = refusal(|parts| parts.metadata.push((key.clone(), 1_f32.into())));
    assert_eq!(refused, RewardError::UnknownKey { key });
}

#[test]
fn another_base_model() {
    let bytes = head().to_gguf().unwrap();
    let refused = RewardHead::parse(&bytes, &[0; 32]).unwrap_err();
    let (found, expected) = ("5a".repeat(32), "00".repeat(32));
    assert_eq!(refused, RewardError::OtherBase { found, expected });
}

#[test]
fn a_digest_that_is_none() {
    let key = "pocketune.reward.base_sha256";
    for digest in ["5a".repeat(31), "5A".repeat(32), "é".repeat(32)] {
        let refused = refusal(|parts| parts.set(key, digest.as_str()));
        assert_eq!(refused, RewardError::Digest { key });
    }
}

#[test]
fn an_unknown_pooling() {
    let refused = refusal(|parts| parts.set("pocketune.reward.pooling", "first"));
    let found = "first".to_owned();
    assert_eq!(refused, RewardError::UnknownPooling { found });
}

#[test]
fn a_feature_length_beyond_reason() {
    for length in [0, MAX_FEATURES as u32 + 1, u32::MAX] {
        let refused = refusal(|parts| parts.set("pocketune.reward.feature_length", length));
        let (found, limit) = (u64::from(length), MAX_FEATURES as u64);
        assert_eq!(refused, RewardError::FeatureCount { found, limit });
    }
}

#[test]
fn a_tensor_of_another_length() {
    let refused = refusal(|parts| {
        let tensor = parts.tensor(SCALE);
        tensor.2 = vec![15];
        tensor.3.truncate(4 * 15);
    });
    let wanted = RewardError::TensorShape {
        tensor: SCALE,
        found: [15, 1, 1, 1],
        expected: 16,
    };
    assert_eq!(refused, wanted);
}

#[test]
fn a_matrix_in_place_of_a_vector() {
    let refused = refusal(|parts| parts.tensor(WEIGHT).2 = vec![8, 2]);
    let wanted = RewardError::TensorShape {
        tensor: WEIGHT,
        found: [8, 2, 1, 1],
        expected: 16,
    };
    assert_eq!(refused, wanted);
}

#[test]
fn a_tensor_of_another_type() {
    let refused = refusal(|parts| {
        let tensor = parts.tensor(WEIGHT);
        tensor.1 = GgmlType::F16;
        tensor.3.truncate(2 * FEATURES);
    });
    assert_eq!(refused, RewardError::TensorType { tensor: WEIGHT });
}

#[test]
fn a_missing_tensor() {
    let refused = refusal(|parts| parts.tensors.retain(|tensor| tensor.0 != WEIGHT));
    assert_eq!(refused, RewardError::TensorMissing { tensor: WEIGHT });
}

#[test]
fn an_unknown_tensor() {
    let tensor = "reward.hidden".to_owned();
    let more = (tensor.clone(), GgmlType::F32, vec![1], vec![0; 4]);
    let refused = refusal(|parts| parts.tensors.push(more));
    assert_eq!(refused, RewardError::UnknownTensor { tensor });
}

#[test]
fn elements_that_are_not_finite() {
    let index = 3;
    for tensor in [WEIGHT, "reward.feature_mean", SCALE] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = refusal(|parts| parts.set_element(tensor, index, value));
            assert_eq!(refused, RewardError::TensorValue { tensor, index });
        }
    }
}

#[test]
fn a_scale_that_is_not_positive() {
    let (tensor, index) = (SCALE, 15);
    for value in [0.0, -1.0] {
        let refused = refusal(|parts| parts.set_element(tensor, index, value));
        assert_eq!(refused, RewardError::TensorValue { tensor, index });
    }
}

#[test]
fn numbers_out_of_range() {
    for key in [
        "pocketune.reward.temperature",
        "pocketune.reward.output_scale",
    ] {
        for found in [0.0, -1.0, f64::INFINITY] {
            let refused = refusal(|parts| parts.set(key, found));
            assert_eq!(refused, RewardError::Number { key, found });
        }
    }
    for key in [
        "pocketune.reward.temperature",
        "pocketune.reward.output_scale",
        "pocketune.reward.output_center",
    ] {
        let refused = refusal(|parts| parts.set(key, f64::NAN));
        assert!(matches!(refused, RewardError::Number { key: found, .. } if found == key));
    }
}

#[test]
fn the_same_head_in_other_words() {
    let refused = refusal(|parts| parts.metadata.swap(4, 5));
    assert_eq!(refused, RewardError::NotCanonical);
    let mut bytes = head().to_gguf().unwrap();
    bytes.push(0);
    let refused = RewardHead::parse(&bytes, &BASE).unwrap_err();
    assert_eq!(refused, RewardError::NotCanonical);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No panic, and nothing is accepted that is not exactly what it says.
    #[test]
    fn bytes_changed_anywhere(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = head().to_gguf().unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(head) = RewardHead::parse(&bytes, &BASE) {
            prop_assert_eq!(head.to_gguf().unwrap(), bytes);
            let features = [f32::MAX; FEATURES];
            prop_assert!(!head.score(&features).unwrap().is_nan());
            prop_assert!(head.reward(&features).unwrap().abs() <= 3.0);
            let probability = head.probability(&features, &[f32::MIN; FEATURES]).unwrap();
            prop_assert!((0.0..=1.0).contains(&probability));
        }
    }

    #[test]
    fn bytes_that_were_never_a_head(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(RewardHead::parse(&bytes, &BASE).is_err());
    }
}
