//! Adapters that must not be loaded, each refused for its own reason.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use pocketune_adapter::{AdapterError, BaseModel, CandidateAdapter};
use pocketune_gguf::fixtures::{EMBEDDING, FEED_FORWARD, TinyModel};
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder, GgufError};
use proptest::prelude::*;

const A: &str = "blk.0.attn_q.weight.lora_a";
const B: &str = "blk.0.attn_q.weight.lora_b";
const TARGET: &str = "blk.0.attn_q.weight";
/// K and N of that target.
const WIDTH: u64 = EMBEDDING as u64;

fn base_of(model: &TinyModel) -> Arc<BaseModel> {
    let bytes = model.build().unwrap();
    let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
    Arc::new(BaseModel::of(&gguf).unwrap())
}

fn base() -> Arc<BaseModel> {
    base_of(&TinyModel::llama())
}

fn adapter() -> TinyModel {
    TinyModel::llama().adapter(4, 8.0)
}

fn parse(adapter: &TinyModel) -> Result<CandidateAdapter, AdapterError> {
    CandidateAdapter::parse(adapter.build().unwrap(), &base())
}

/// What is said about the tiny adapter after `spoil`.
fn refusal(spoil: impl FnOnce(&mut TinyModel)) -> AdapterError {
    let mut adapter = adapter();
    spoil(&mut adapter);
    parse(&adapter).unwrap_err()
}

/// An adapter of one pair with this data.
fn with_data(tensor_type: GgmlType, a: &[u8], b: &[u8]) -> Result<CandidateAdapter, AdapterError> {
    let mut builder = GgufBuilder::new();
    builder
        .metadata("general.type", "adapter")
        .metadata("general.architecture", "llama")
        .metadata("adapter.type", "lora")
        .tensor(A, tensor_type, &[WIDTH, 1], a)
        .tensor(B, tensor_type, &[1, WIDTH], b);
    CandidateAdapter::parse(builder.build().unwrap(), &base())
}

#[test]
fn what_a_sound_adapter_says_about_itself() {
    let mut adapter = adapter();
    adapter
        .set("pocketune.objective", "dpo")
        .set("general.name", "Brief answers");
    let bytes = adapter.build().unwrap();
    let candidate = CandidateAdapter::parse(bytes.clone(), &base()).unwrap();
    assert_eq!(**candidate.bytes(), *bytes);
    assert_eq!(candidate.alpha(), Some(8.0));
    assert_eq!(candidate.tensors(), 2 * 2 * 7);
    assert_eq!(candidate.pairs().len(), 2 * 7);
    assert!(candidate.pairs().iter().all(|pair| pair.rank == 4));
    assert_eq!(candidate.pairs()[2].target, TARGET);
    let facts: Vec<_> = candidate.unverified_facts().iter().collect();
    assert_eq!(facts, [(&"objective".to_owned(), &"dpo".to_owned())]);
}

#[test]
fn ranks_may_differ_and_matrices_may_be_left_out() {
    let mut adapter = adapter();
    adapter
        .tensors
        .retain(|tensor| tensor.name.contains("attn_"));
    adapter.tensor_mut(A).unwrap().dims = vec![WIDTH, 1];
    adapter.tensor_mut(B).unwrap().dims = vec![1, WIDTH];
    let candidate = parse(&adapter).unwrap();
    assert_eq!(candidate.pairs().len(), 2 * 4);
    let ranks: Vec<u64> = candidate.pairs().iter().map(|pair| pair.rank).collect();
    assert_eq!(ranks, [4, 4, 1, 4, 4, 4, 4, 4]);
}

#[test]
fn an_alpha_of_zero_counts_as_none() {
    let mut adapter = adapter();
    adapter.set("adapter.lora.alpha", 0_f32);
    assert_eq!(parse(&adapter).unwrap().alpha(), None);
    adapter.remove("adapter.lora.alpha");
    assert_eq!(parse(&adapter).unwrap().alpha(), None);
}

#[test]
fn other_architectures_have_their_own_shapes() {
    let model = TinyModel::gemma3();
    let adapter = model.adapter(4, 8.0).build().unwrap();
    let candidate = CandidateAdapter::parse(adapter, &base_of(&model)).unwrap();
    assert_eq!(candidate.pairs().len(), 2 * 7);
}

#[test]
fn an_output_of_its_own_may_be_changed() {
    let mut model = TinyModel::llama();
    model.push("output.weight", GgmlType::F32, &[WIDTH, 263]);
    let mut adapter = TinyModel::llama().adapter(4, 8.0);
    adapter
        .push("output.weight.lora_a", GgmlType::F32, &[WIDTH, 2])
        .push("output.weight.lora_b", GgmlType::F32, &[2, 263]);
    let bytes = adapter.build().unwrap();
    assert!(CandidateAdapter::parse(bytes.clone(), &base_of(&model)).is_ok());
    // Tied to the embedding, it is not there.
    let expected = AdapterError::TargetMissing {
        tensor: "output.weight.lora_a".to_owned(),
    };
    let refused = CandidateAdapter::parse(bytes, &base()).unwrap_err();
    assert_eq!(refused, expected);
}

#[test]
fn half_a_file() {
    let bytes = adapter().build().unwrap();
    let half = &bytes[..bytes.len() / 2];
    let refused = CandidateAdapter::parse(half, &base()).unwrap_err();
    assert!(
        matches!(
            refused,
            AdapterError::Gguf(GgufError::TensorOutsideFile { .. })
        ),
        "{refused:?}"
    );
}

#[test]
fn a_file_of_another_format() {
    let refused = CandidateAdapter::parse(b"PK\x03\x04 not GGUF".to_vec(), &base()).unwrap_err();
    assert!(
        matches!(refused, AdapterError::Gguf(GgufError::BadMagic { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_model_in_place_of_an_adapter() {
    let refused = parse(&TinyModel::llama()).unwrap_err();
    let found = "model".to_owned();
    assert_eq!(refused, AdapterError::NotAnAdapter { found });
    let refused = refusal(|adapter| {
        adapter.remove("general.type");
    });
    let found = "missing".to_owned();
    assert_eq!(refused, AdapterError::NotAnAdapter { found });
}

#[test]
fn an_adapter_of_another_kind() {
    let refused = refusal(|adapter| {
        adapter.set("adapter.type", "control_vector");
    });
    let found = "control_vector".to_owned();
    assert_eq!(refused, AdapterError::KindUnsupported { found });
}

#[test]
fn an_adapter_for_another_architecture() {
    let refused = refusal(|adapter| {
        adapter.set("general.architecture", "gemma3");
    });
    let expected = AdapterError::OtherArchitecture {
        found: "gemma3".to_owned(),
        expected: "llama".to_owned(),
    };
    assert_eq!(refused, expected);
}

/// llama.cpp ends the process when one of these has another type.
#[test]
fn keys_of_another_type_than_llama_cpp_reads() {
    for key in ["general.type", "adapter.type", "general.architecture"] {
        let refused = refusal(|adapter| {
            adapter.set(key, 1_u32);
        });
        assert!(
            matches!(refused, AdapterError::Gguf(GgufError::WrongType { .. })),
            "{key}: {refused:?}"
        );
    }
    let refused = refusal(|adapter| {
        adapter.set("adapter.lora.alpha", 16_f64);
    });
    assert!(
        matches!(refused, AdapterError::Gguf(GgufError::WrongType { .. })),
        "{refused:?}"
    );
    let refused = refusal(|adapter| {
        adapter.set("pocketune.steps", 3_u32);
    });
    assert!(
        matches!(refused, AdapterError::Gguf(GgufError::WrongType { .. })),
        "{refused:?}"
    );
}

#[test]
fn tokens_that_switch_the_adapter_on() {
    let key = "adapter.alora.invocation_tokens";
    let refused = refusal(|adapter| {
        adapter.set(key, [1_u32, 2].as_slice());
    });
    let key = key.to_owned();
    assert_eq!(refused, AdapterError::UnsupportedKey { key });
}

#[test]
fn prefixes_tasks_and_what_comes_later() {
    for key in [
        "adapter.lora.prompt_prefix",
        "adapter.lora.task_name",
        "adapter.lora.alpha2",
        "adapter.",
    ] {
        let refused = refusal(|adapter| {
            adapter.set(key, "x");
        });
        let key = key.to_owned();
        assert_eq!(refused, AdapterError::UnsupportedKey { key });
    }
}

#[test]
fn an_alpha_that_is_no_number() {
    for alpha in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let refused = refusal(|adapter| {
            adapter.set("adapter.lora.alpha", alpha);
        });
        assert!(
            matches!(refused, AdapterError::AlphaNotFinite { .. }),
            "{refused:?}"
        );
    }
}

#[test]
fn an_adapter_without_tensors() {
    assert_eq!(
        refusal(|adapter| adapter.tensors.clear()),
        AdapterError::Empty
    );
}

/// llama.cpp skips norms; what it skips nobody has checked.
#[test]
fn tensors_that_are_no_half_of_a_lora() {
    for name in [
        "blk.0.attn_norm.weight",
        "blk.0.attn_q.weight.lora_c",
        A.trim_end_matches('a'),
    ] {
        let refused = refusal(|adapter| {
            adapter.push(name, GgmlType::F32, &[WIDTH]);
        });
        let tensor = name.to_owned();
        assert_eq!(refused, AdapterError::UnexpectedTensor { tensor });
    }
}

#[test]
fn targets_that_no_lora_may_change() {
    for target in [
        "token_embd.weight",
        "output_norm.weight",
        "blk.0.attn_norm.weight",
        "blk.0.attn_q.weight.lora_a",
        "",
    ] {
        let refused = refusal(|adapter| {
            adapter
                .push(&format!("{target}.lora_a"), GgmlType::F32, &[WIDTH, 1])
                .push(&format!("{target}.lora_b"), GgmlType::F32, &[1, WIDTH]);
        });
        let tensor = format!("{target}.lora_a");
        assert_eq!(refused, AdapterError::TargetUnsupported { tensor });
    }
}

#[test]
fn layers_that_the_model_does_not_have() {
    for layer in ["2", "00", "18446744073709551616"] {
        let refused = refusal(|adapter| {
            let target = format!("blk.{layer}.attn_q.weight");
            adapter
                .push(&format!("{target}.lora_a"), GgmlType::F32, &[WIDTH, 1])
                .push(&format!("{target}.lora_b"), GgmlType::F32, &[1, WIDTH]);
        });
        let tensor = format!("blk.{layer}.attn_q.weight.lora_a");
        assert_eq!(refused, AdapterError::TargetMissing { tensor });
    }
}

#[test]
fn a_target_that_is_no_matrix() {
    let mut model = TinyModel::llama();
    model.tensor_mut(TARGET).unwrap().dims = vec![WIDTH, 8, 8];
    let base = base_of(&model);
    let refused = CandidateAdapter::parse(adapter().build().unwrap(), &base).unwrap_err();
    let expected = AdapterError::TargetNotAMatrix {
        tensor: A.to_owned(),
        dims: [WIDTH, 8, 8, 1],
    };
    assert_eq!(refused, expected);
}

#[test]
fn one_half_of_a_pair() {
    for missing in [A, B] {
        let refused = refusal(|adapter| adapter.tensors.retain(|tensor| tensor.name != missing));
        let tensor = missing.to_owned();
        assert_eq!(refused, AdapterError::HalfMissing { tensor });
    }
}

#[test]
fn a_half_that_is_there_twice() {
    let mut adapter = adapter();
    adapter.push(A, GgmlType::F32, &[WIDTH, 4]);
    // The writer refuses it already; so does the reader, by the same code.
    let refused = adapter.build().unwrap_err();
    assert!(
        matches!(refused, GgufError::DuplicateTensor { .. }),
        "{refused:?}"
    );
}

#[test]
fn quantized_halves() {
    let refused = refusal(|adapter| {
        adapter.tensor_mut(A).unwrap().tensor_type = GgmlType::Q8_0;
    });
    let expected = AdapterError::TensorType {
        tensor: A.to_owned(),
        found: GgmlType::Q8_0,
    };
    assert_eq!(refused, expected);
    let refused = refusal(|adapter| {
        adapter.tensor_mut(B).unwrap().tensor_type = GgmlType::F64;
    });
    assert!(
        matches!(refused, AdapterError::TensorType { .. }),
        "{refused:?}"
    );
}

/// llama.cpp looks at two dimensions of each half and copies all four: a third
/// one writes past the end of its buffer.
#[test]
fn halves_with_a_third_or_fourth_dimension() {
    for (half, sound) in [(A, [WIDTH, 4]), (B, [4, WIDTH])] {
        for more in [[2, 1], [1, 2], [3, 3]] {
            let mut adapter = adapter();
            let dims = [&sound[..], &more[..]].concat();
            adapter.tensor_mut(half).unwrap().dims = dims.clone();
            let expected = AdapterError::TensorShape {
                tensor: half.to_owned(),
                found: dims.try_into().unwrap(),
                base: [WIDTH, WIDTH, 1, 1],
            };
            assert_eq!(parse(&adapter).unwrap_err(), expected);
        }
    }
}

#[test]
fn halves_for_a_matrix_of_another_size() {
    for (half, dims) in [
        (A, vec![WIDTH - 1, 4]),
        (A, vec![4, WIDTH]),
        (A, vec![WIDTH * 4]),
        (B, vec![4, WIDTH + 1]),
        (B, vec![WIDTH, 4]),
    ] {
        let refused = refusal(|adapter| adapter.tensor_mut(half).unwrap().dims = dims.clone());
        assert!(
            matches!(&refused, AdapterError::TensorShape { tensor, .. } if tensor == half),
            "{half} {dims:?}: {refused:?}"
        );
    }
}

#[test]
fn halves_of_different_ranks() {
    let refused = refusal(|adapter| adapter.tensor_mut(B).unwrap().dims = vec![3, WIDTH]);
    let expected = AdapterError::RanksDiffer {
        target: TARGET.to_owned(),
        rank_a: 4,
        rank_b: 3,
    };
    assert_eq!(refused, expected);
}

#[test]
fn a_rank_above_that_of_the_matrix() {
    let target = "blk.0.ffn_up.weight";
    let refused = refusal(|adapter| {
        for (half, dims) in [
            ("lora_a", [WIDTH, WIDTH + 1]),
            ("lora_b", [WIDTH + 1, u64::from(FEED_FORWARD)]),
        ] {
            let tensor = adapter.tensor_mut(&format!("{target}.{half}")).unwrap();
            tensor.dims = dims.to_vec();
        }
    });
    let expected = AdapterError::RankTooLarge {
        target: target.to_owned(),
        rank: WIDTH + 1,
        limit: WIDTH,
    };
    assert_eq!(refused, expected);
}

#[test]
fn elements_that_are_no_numbers() {
    let width = usize::try_from(WIDTH).unwrap();
    // The last element of each half in turn, as the type's bits.
    let cases: [(GgmlType, &[&[u8]]); 3] = [
        (
            GgmlType::F32,
            &[
                &f32::NAN.to_le_bytes(),
                &f32::INFINITY.to_le_bytes(),
                &f32::NEG_INFINITY.to_le_bytes(),
            ],
        ),
        (
            GgmlType::F16,
            &[&[0x00, 0x7c], &[0x00, 0xfc], &[0x01, 0x7e]],
        ),
        (
            GgmlType::BF16,
            &[&[0x80, 0x7f], &[0x80, 0xff], &[0xc0, 0x7f]],
        ),
    ];
    for (tensor_type, bad) in cases {
        for &bad in bad {
            let sound = vec![0; width * bad.len()];
            let mut spoiled = sound.clone();
            spoiled[(width - 1) * bad.len()..].copy_from_slice(bad);
            assert!(with_data(tensor_type, &sound, &sound).is_ok());
            for (tensor, refused) in [
                (A, with_data(tensor_type, &spoiled, &sound)),
                (B, with_data(tensor_type, &sound, &spoiled)),
            ] {
                let expected = AdapterError::NotFinite {
                    tensor: tensor.to_owned(),
                    index: width - 1,
                };
                assert_eq!(refused.unwrap_err(), expected);
            }
        }
    }
}

#[test]
fn the_largest_numbers_are_numbers() {
    let width = usize::try_from(WIDTH).unwrap();
    for (tensor_type, most) in [
        (GgmlType::F32, &f32::MAX.to_le_bytes()[..]),
        (GgmlType::F16, &[0xff, 0x7b]),
        (GgmlType::BF16, &[0x7f, 0x7f]),
    ] {
        let data = most.repeat(width);
        assert!(
            with_data(tensor_type, &data, &data).is_ok(),
            "{tensor_type}"
        );
    }
}

/// Every byte of the tables in turn, set to what tends to hurt.
#[test]
fn no_single_byte_of_the_tables_makes_it_panic() {
    let bytes = adapter().build().unwrap();
    let tables = Gguf::parse(&bytes, bytes.len() as u64)
        .unwrap()
        .data_offset();
    let base = base();
    let mut accepted = 0;
    for at in 0..usize::try_from(tables).unwrap() {
        for value in [
            0x00,
            0x01,
            0x7f,
            0x80,
            0xff,
            bytes[at] ^ 1,
            bytes[at] ^ 0x20,
        ] {
            let mut mutated = bytes.clone();
            mutated[at] = value;
            if let Ok(candidate) = CandidateAdapter::parse(mutated, &base) {
                assert_fits(&candidate);
                accepted += 1;
            }
        }
    }
    assert!(accepted > 0, "some damage is harmless");
}

/// What every candidate promises, whatever its file was.
fn assert_fits(candidate: &CandidateAdapter) {
    assert!(!candidate.pairs().is_empty());
    assert!(candidate.alpha().is_none_or(f32::is_finite));
    for pair in candidate.pairs() {
        assert!((1..=WIDTH).contains(&pair.rank), "{pair:?}");
        assert!(pair.target.starts_with("blk."), "{pair:?}");
    }
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = adapter().build().unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(candidate) = CandidateAdapter::parse(bytes, &base()) {
            assert_fits(&candidate);
        }
    }
}
