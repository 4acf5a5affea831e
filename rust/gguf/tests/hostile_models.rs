//! Well-formed files that llama.cpp would die of, or refuse late, each refused
//! for its own reason.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

use pocketune_gguf::fixtures::{FEED_FORWARD, HEAD_LENGTH, Shape, TinyModel};
use pocketune_gguf::{
    GgmlType, Gguf, GgufBuilder, GgufError, ModelHeader, OwnedValue, ValueType, audit_model,
};

fn audit(model: &TinyModel) -> Result<ModelHeader, GgufError> {
    let file = model.build().unwrap();
    audit_model(&Gguf::parse(&file, file.len() as u64).unwrap())
}

/// Why a tiny `llama` model with this key set to this value is refused.
fn llama_with(key: &str, value: impl Into<OwnedValue>) -> GgufError {
    audit(TinyModel::llama().set(key, value)).unwrap_err()
}

fn gemma3_with(key: &str, value: impl Into<OwnedValue>) -> GgufError {
    audit(TinyModel::gemma3().set(key, value)).unwrap_err()
}

fn llama_without(key: &str) -> GgufError {
    audit(TinyModel::llama().remove(key)).unwrap_err()
}

fn out_of_range(key: &str, found: i64, min: i64, max: i64) -> GgufError {
    GgufError::OutOfRange {
        key: key.into(),
        found,
        min,
        max,
    }
}

fn wrong_type(key: &str, found: ValueType, expected: ValueType) -> GgufError {
    GgufError::WrongType {
        key: key.into(),
        found,
        expected,
    }
}

fn unsupported_value(key: &str, found: &str) -> GgufError {
    GgufError::UnsupportedValue {
        key: key.into(),
        found: found.into(),
    }
}

/// The tokens of the tiny model, to be changed.
fn tokens(model: &TinyModel) -> Vec<String> {
    let file = model.build().unwrap();
    let gguf = Gguf::parse(&file, file.len() as u64).unwrap();
    let tokens: pocketune_gguf::List<'_, &str> =
        gguf.metadata().require("tokenizer.ggml.tokens").unwrap();
    tokens.iter().map(str::to_owned).collect()
}

fn with_token(mut model: TinyModel, id: usize, text: &str) -> TinyModel {
    let mut tokens = tokens(&model);
    tokens[id] = text.to_owned();
    model.set("tokenizer.ggml.tokens", tokens.as_slice());
    model
}

#[test]
fn file_without_an_architecture() {
    let expected = GgufError::MissingKey {
        key: "general.architecture".into(),
    };
    assert_eq!(llama_without("general.architecture"), expected);
}

#[test]
fn unknown_architecture() {
    for name in ["qwen2", "Llama", "clip", ""] {
        let expected = GgufError::UnsupportedArchitecture { found: name.into() };
        assert_eq!(llama_with("general.architecture", name), expected);
    }
}

#[test]
fn architecture_whose_keys_are_of_another() {
    let expected = GgufError::MissingKey {
        key: "gemma3.context_length".into(),
    };
    assert_eq!(llama_with("general.architecture", "gemma3"), expected);
}

#[test]
fn adapter_instead_of_a_model() {
    let expected = GgufError::NotAModel {
        found: "adapter".into(),
    };
    assert_eq!(llama_with("general.type", "adapter"), expected);
}

#[test]
fn one_part_of_a_split_model() {
    assert_eq!(
        llama_with("split.count", 2_u16),
        GgufError::SplitModel { count: 2 }
    );
    assert!(audit(TinyModel::llama().set("split.count", 1_u16)).is_ok());
    let expected = wrong_type("split.count", ValueType::U32, ValueType::U16);
    assert_eq!(llama_with("split.count", 2_u32), expected);
    // The first part has all keys, the others only those of the split.
    let mut first = TinyModel::llama();
    first.set("split.no", 0_u16).set("split.count", 3_u16);
    let mut second = TinyModel::llama();
    second.metadata.clear();
    second.set("split.no", 1_u16).set("split.count", 3_u16);
    for (part, model) in [(1, first), (2, second)] {
        let error = audit(&model).unwrap_err();
        assert_eq!(error, GgufError::SplitPart { part, count: 3 });
        let message = error.to_string();
        assert!(message.contains(&format!("part {part} of 3")), "{message}");
        assert!(message.contains("llama-gguf-split --merge"), "{message}");
    }
}

#[test]
fn alignment_below_what_mapped_tensors_need() {
    let expected = out_of_range("general.alignment", 16, 32, u32::MAX.into());
    assert_eq!(llama_with("general.alignment", 16_u32), expected);
    assert!(audit(TinyModel::llama().set("general.alignment", 64_u32)).is_ok());
}

#[test]
fn precision_overrides() {
    let key = "general.tensor_extra.name";
    let expected = GgufError::UnsupportedKey { key: key.into() };
    assert_eq!(llama_with(key, ["token_embd.weight"].as_slice()), expected);
}

#[test]
fn name_of_another_type_or_endless() {
    let expected = wrong_type("general.name", ValueType::U32, ValueType::Str);
    assert_eq!(llama_with("general.name", 1_u32), expected);
    let expected = GgufError::TextTooLong {
        key: "general.name".into(),
        found: 4097,
        limit: 4096,
    };
    assert_eq!(llama_with("general.name", "x".repeat(4097)), expected);
}

#[test]
fn file_type_of_another_type() {
    let expected = wrong_type("general.file_type", ValueType::I32, ValueType::U32);
    assert_eq!(llama_with("general.file_type", 1_i32), expected);
}

#[test]
fn missing_hyperparameters() {
    for suffix in [
        "context_length",
        "embedding_length",
        "block_count",
        "feed_forward_length",
        "attention.head_count",
        "attention.layer_norm_rms_epsilon",
    ] {
        let key = format!("llama.{suffix}");
        assert_eq!(llama_without(&key), GgufError::MissingKey { key });
    }
}

#[test]
fn hyperparameters_of_another_type() {
    for suffix in [
        "context_length",
        "block_count",
        "attention.head_count",
        "vocab_size",
    ] {
        let key = format!("llama.{suffix}");
        let expected = wrong_type(&key, ValueType::U64, ValueType::U32);
        assert_eq!(llama_with(&key, 2_u64), expected);
    }
    let key = "llama.rope.freq_base";
    assert_eq!(
        llama_with(key, 1e4_f64),
        wrong_type(key, ValueType::F64, ValueType::F32)
    );
}

#[test]
fn per_layer_hyperparameters() {
    for suffix in [
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
    ] {
        let key = format!("llama.{suffix}");
        let expected = wrong_type(&key, ValueType::Array, ValueType::U32);
        assert_eq!(llama_with(&key, [4_u32, 0].as_slice()), expected);
    }
}

#[test]
fn zero_sizes_divide_by_zero() {
    for (suffix, max) in [
        ("context_length", 1 << 24),
        ("embedding_length", 1 << 16),
        ("block_count", 512),
        ("feed_forward_length", 1 << 20),
        ("attention.head_count", 1 << 10),
    ] {
        let key = format!("llama.{suffix}");
        assert_eq!(llama_with(&key, 0_u32), out_of_range(&key, 0, 1, max));
        assert_eq!(
            llama_with(&key, u32::MAX),
            out_of_range(&key, u32::MAX.into(), 1, max)
        );
    }
    let key = "llama.attention.head_count_kv";
    assert_eq!(llama_with(key, 0_u32), out_of_range(key, 0, 1, 4));
}

#[test]
fn more_layers_than_llama_cpp_has_room_for() {
    let key = "llama.block_count";
    assert_eq!(llama_with(key, 513_u32), out_of_range(key, 513, 1, 512));
}

#[test]
fn query_heads_that_key_heads_do_not_divide() {
    let expected = GgufError::NotAMultiple {
        key: "llama.attention.head_count".into(),
        found: 4,
        divisor: 3,
    };
    assert_eq!(llama_with("llama.attention.head_count_kv", 3_u32), expected);
}

#[test]
fn embedding_that_heads_do_not_divide() {
    let expected = GgufError::NotAMultiple {
        key: "llama.embedding_length".into(),
        found: 64,
        divisor: 5,
    };
    assert_eq!(llama_with("llama.attention.head_count", 5_u32), expected);
}

#[test]
fn heads_without_width() {
    let key = "llama.attention.key_length";
    assert_eq!(llama_with(key, 0_u32), out_of_range(key, 0, 2, 1024));
    assert_eq!(
        llama_with("llama.attention.head_count", 64_u32),
        out_of_range(key, 1, 2, 1024)
    );
}

#[test]
fn value_heads_of_another_width() {
    let mut model = TinyModel::llama();
    model
        .set("llama.attention.key_length", 16_u32)
        .set("llama.attention.value_length", 32_u32);
    let expected = GgufError::Inconsistent {
        key: "llama.attention.value_length".into(),
        found: 32,
        expected: 16,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn rotation_wider_than_a_head() {
    let key = "llama.rope.dimension_count";
    assert_eq!(
        llama_with(key, 18_u32),
        out_of_range(key, 18, 2, HEAD_LENGTH.into())
    );
}

#[test]
fn rotation_of_an_odd_width() {
    let expected = GgufError::NotAMultiple {
        key: "gemma3.rope.dimension_count".into(),
        found: 15,
        divisor: 2,
    };
    assert_eq!(gemma3_with("gemma3.rope.dimension_count", 15_u32), expected);
}

#[test]
fn rotation_narrower_than_a_llama_head() {
    let key = "llama.rope.dimension_count";
    let expected = GgufError::Inconsistent {
        key: key.into(),
        found: 8,
        expected: 16,
    };
    assert_eq!(llama_with(key, 8_u32), expected);
}

#[test]
fn epsilon_that_is_no_small_positive_number() {
    let key = "llama.attention.layer_norm_rms_epsilon";
    for found in [0.0, -1e-5, 1.0, f32::INFINITY] {
        let expected = GgufError::FloatOutOfRange {
            key: key.into(),
            found,
            min: 1e-12,
            max: 1e-1,
        };
        assert_eq!(llama_with(key, found), expected);
    }
    let nan = llama_with(key, f32::NAN);
    assert!(matches!(nan, GgufError::FloatOutOfRange { found, .. } if found.is_nan()));
}

#[test]
fn frequency_base_and_scales_that_make_infinities() {
    for (suffix, min, max) in [
        ("rope.freq_base", 2.0, 1e12),
        ("rope.scaling.factor", 1e-3, 1e4),
        ("rope.scale_linear", 1e-3, 1e4),
        ("rope.scaling.attn_factor", 1e-3, 1e4),
        ("rope.scaling.alpha", 0.0, 1e6),
    ] {
        let key = format!("llama.{suffix}");
        for found in [-1.0, f32::INFINITY] {
            let expected = GgufError::FloatOutOfRange {
                key: key.clone(),
                found,
                min,
                max,
            };
            assert_eq!(llama_with(&key, found), expected);
        }
        assert!(matches!(
            llama_with(&key, f32::NAN),
            GgufError::FloatOutOfRange { .. }
        ));
    }
}

#[test]
fn unknown_rope_scaling_aborts() {
    let key = "llama.rope.scaling.type";
    for found in ["", "dynamic", "longrope"] {
        assert_eq!(llama_with(key, found), unsupported_value(key, found));
    }
    for known in ["none", "linear", "yarn"] {
        assert!(audit(TinyModel::llama().set(key, known)).is_ok());
    }
}

#[test]
fn mixture_of_experts() {
    let expected = GgufError::MixtureOfExperts { experts: 8 };
    assert_eq!(llama_with("llama.expert_count", 8_u32), expected);
    assert!(audit(TinyModel::llama().set("llama.expert_count", 0_u32)).is_ok());
}

#[test]
fn experts_used_without_experts() {
    for suffix in [
        "expert_used_count",
        "expert_group_count",
        "expert_group_used_count",
    ] {
        let key = format!("llama.{suffix}");
        assert_eq!(llama_with(&key, 2_u32), out_of_range(&key, 2, 0, 0));
    }
}

#[test]
fn embedding_model() {
    let key = "llama.pooling_type";
    assert_eq!(llama_with(key, 1_u32), out_of_range(key, 1, 0, 0));
    let key = "llama.attention.causal";
    assert_eq!(llama_with(key, false), unsupported_value(key, "false"));
    assert!(audit(TinyModel::llama().set(key, true)).is_ok());
}

#[test]
fn trailing_prediction_blocks() {
    let key = "llama.nextn_predict_layers";
    assert_eq!(llama_with(key, 1_u32), out_of_range(key, 1, 0, 0));
}

#[test]
fn keys_that_no_audit_follows() {
    for suffix in [
        "embedding_length_out",
        "classifier.pooling_type",
        "attention.key_length_swa",
        "attention.value_length_swa",
        "rope.dimension_count_swa",
    ] {
        let key = format!("llama.{suffix}");
        assert_eq!(llama_with(&key, 8_u32), GgufError::UnsupportedKey { key });
    }
}

#[test]
fn keys_that_llama_cpp_does_not_read_are_ignored() {
    let mut model = TinyModel::llama();
    model
        .set("llama.future", 1_u32)
        .set("general.tags", ["a"].as_slice())
        .set("x", f64::NAN);
    assert!(audit(&model).is_ok());
}

#[test]
fn sliding_window_that_overflows_its_cache() {
    let key = "gemma3.attention.sliding_window";
    let found = u32::MAX;
    assert_eq!(
        gemma3_with(key, found),
        out_of_range(key, found.into(), 0, 1 << 20)
    );
}

#[test]
fn sliding_pattern_that_leaves_a_cache_empty() {
    let key = "gemma3.attention.sliding_window_pattern";
    for found in [0, 1, 3, u32::MAX] {
        assert_eq!(
            gemma3_with(key, found),
            out_of_range(key, found.into(), 2, 2)
        );
    }
    assert_eq!(
        gemma3_with(key, [true, true].as_slice()),
        out_of_range(key, 2, 1, 1)
    );
    assert_eq!(
        gemma3_with(key, [0_i32, 0].as_slice()),
        out_of_range(key, 0, 1, 1)
    );
}

#[test]
fn sliding_pattern_of_another_length() {
    let key = "gemma3.attention.sliding_window_pattern";
    let expected = GgufError::ArrayLength {
        key: key.into(),
        found: 3,
        expected: 2,
    };
    assert_eq!(gemma3_with(key, [true, false, true].as_slice()), expected);
    let expected = GgufError::WrongElementType {
        key: key.into(),
        found: ValueType::Str,
        expected: ValueType::U32,
    };
    assert_eq!(gemma3_with(key, ["a", "b"].as_slice()), expected);
}

#[test]
fn sliding_pattern_as_a_list() {
    let key = "gemma3.attention.sliding_window_pattern";
    let header = audit(TinyModel::gemma3().set(key, [false, true].as_slice())).unwrap();
    assert_eq!(header.sliding_window.unwrap().layers, [false, true]);
}

#[test]
fn softcap_that_makes_infinities() {
    let key = "gemma3.final_logit_softcapping";
    for (found, min) in [(-1.0, 0.0), (1e-30, 1.0), (1e5, 0.0)] {
        let expected = GgufError::FloatOutOfRange {
            key: key.into(),
            found,
            min,
            max: 1e4,
        };
        assert_eq!(gemma3_with(key, found), expected);
    }
    for fine in [0.0_f32, 30.0] {
        assert!(audit(TinyModel::gemma3().set(key, fine)).is_ok());
    }
}

#[test]
fn missing_tensors() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        for index in 0..model.tensors.len() {
            let mut model = model.clone();
            let tensor = model.tensors.remove(index).name;
            assert_eq!(
                audit(&model).unwrap_err(),
                GgufError::MissingTensor { tensor }
            );
        }
    }
}

#[test]
fn tensors_of_another_shape() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        for index in 0..model.tensors.len() {
            let mut model = model.clone();
            let tensor = &mut model.tensors[index];
            let name = tensor.name.clone();
            *tensor.dims.last_mut().unwrap() += 1;
            let error = audit(&model).unwrap_err();
            assert!(
                matches!(&error, GgufError::TensorShape { tensor, .. } if *tensor == name),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn transposed_tensor() {
    let mut model = TinyModel::llama();
    model
        .tensor_mut("blk.0.ffn_up.weight")
        .unwrap()
        .dims
        .reverse();
    let expected = GgufError::TensorShape {
        tensor: "blk.0.ffn_up.weight".into(),
        found: [128, 64, 1, 1],
        expected: [64, 128, 1, 1],
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn tensors_that_do_not_belong() {
    for name in [
        "blk.2.attn_q.weight",
        "blk.0.attn_qkv.weight",
        "blk.0.attn_q.scale",
        "x",
    ] {
        let mut model = TinyModel::llama();
        model.push(name, GgmlType::F32, &[64]);
        let expected = GgufError::UnexpectedTensor {
            tensor: name.into(),
        };
        assert_eq!(audit(&model).unwrap_err(), expected);
    }
}

#[test]
fn fewer_layers_than_tensors() {
    let expected = GgufError::UnexpectedTensor {
        tensor: "blk.1.attn_norm.weight".into(),
    };
    assert_eq!(llama_with("llama.block_count", 1_u32), expected);
}

#[test]
fn more_layers_than_tensors() {
    let expected = GgufError::MissingTensor {
        tensor: "blk.2.attn_norm.weight".into(),
    };
    assert_eq!(llama_with("llama.block_count", 3_u32), expected);
}

#[test]
fn optional_tensors() {
    let mut model = TinyModel::llama();
    let f32 = GgmlType::F32;
    model
        .push("output.weight", f32, &[64, 263])
        .push("rope_freqs.weight", f32, &[8])
        .push("blk.0.attn_q.bias", f32, &[64])
        .push("blk.1.ffn_down.bias", f32, &[64]);
    assert!(audit(&model).is_ok());
}

#[test]
fn vectors_of_a_type_that_aborts() {
    let mut model = TinyModel::llama();
    model.push("rope_freqs.weight", GgmlType::F16, &[8]);
    let expected = GgufError::TensorType {
        tensor: "rope_freqs.weight".into(),
        found: GgmlType::F16,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
    for found in [GgmlType::F16, GgmlType::I32, GgmlType::Q8_0] {
        let mut model = TinyModel::gemma3();
        model
            .tensor_mut("blk.1.ffn_norm.weight")
            .unwrap()
            .tensor_type = found;
        let expected = GgufError::TensorType {
            tensor: "blk.1.ffn_norm.weight".into(),
            found,
        };
        assert_eq!(audit(&model).unwrap_err(), expected);
    }
}

#[test]
fn matrices_of_a_type_without_a_dot_product() {
    use GgmlType::{F64, I8, I16, I32, I64, Q8_1};
    for found in [Q8_1, I8, I16, I32, I64, F64] {
        let mut model = TinyModel::llama();
        model.quantize(found);
        let expected = GgufError::TensorType {
            tensor: "token_embd.weight".into(),
            found,
        };
        assert_eq!(audit(&model).unwrap_err(), expected);
    }
    for fine in [
        GgmlType::Q4_0,
        GgmlType::Q8_0,
        GgmlType::F16,
        GgmlType::IQ4_NL,
    ] {
        assert!(audit(TinyModel::llama().quantize(fine)).is_ok());
    }
}

#[test]
fn embedding_that_is_not_the_vocabulary() {
    let mut model = TinyModel::llama();
    model.tensor_mut("token_embd.weight").unwrap().dims = vec![64, 262];
    assert!(matches!(
        audit(&model).unwrap_err(),
        GgufError::TensorShape { .. }
    ));
    let expected = GgufError::Inconsistent {
        key: "llama.vocab_size".into(),
        found: 262,
        expected: 263,
    };
    assert_eq!(llama_with("llama.vocab_size", 262_u32), expected);
}

#[test]
fn file_without_tensors() {
    let mut model = TinyModel::llama();
    model.tensors.clear();
    let expected = GgufError::MissingTensor {
        tensor: "token_embd.weight".into(),
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn unknown_tokenizer() {
    let key = "tokenizer.ggml.model";
    for found in [
        "", "bert", "t5", "rwkv", "none", "no_vocab", "plamo2", "gemma4", "test",
    ] {
        assert_eq!(llama_with(key, found), unsupported_value(key, found));
    }
    assert_eq!(
        llama_without(key),
        GgufError::MissingKey { key: key.into() }
    );
}

#[test]
fn pre_tokenizer_unknown_or_unsafe() {
    let key = "tokenizer.ggml.pre";
    for found in [
        "",
        "unknown",
        "default",
        "tekken",
        "whitespace",
        "gemma4",
        "deepseek-llm",
    ] {
        assert_eq!(llama_with(key, found), unsupported_value(key, found));
    }
    assert_eq!(
        llama_without(key),
        GgufError::MissingKey { key: key.into() }
    );
}

#[test]
fn tokens_missing_or_of_another_type() {
    let key = "tokenizer.ggml.tokens";
    assert_eq!(
        llama_without(key),
        GgufError::MissingKey { key: key.into() }
    );
    assert_eq!(
        llama_with(key, "abc"),
        wrong_type(key, ValueType::Str, ValueType::Array)
    );
    let expected = GgufError::WrongElementType {
        key: key.into(),
        found: ValueType::U32,
        expected: ValueType::Str,
    };
    assert_eq!(llama_with(key, [1_u32].as_slice()), expected);
}

#[test]
fn empty_vocabulary() {
    let key = "tokenizer.ggml.tokens";
    let none: &[&str] = &[];
    assert_eq!(llama_with(key, none), out_of_range(key, 0, 1, 1 << 20));
}

#[test]
fn duplicate_token_fails_an_assertion() {
    let model = with_token(TinyModel::llama(), 200, "<|im_end|>");
    let expected = GgufError::DuplicateToken {
        first: 2,
        second: 200,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn token_named_like_an_empty_one() {
    let model = with_token(with_token(TinyModel::llama(), 200, ""), 261, "[EMPTY_200]");
    let expected = GgufError::DuplicateToken {
        first: 200,
        second: 261,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
    assert!(audit(&with_token(TinyModel::llama(), 200, "")).is_ok());
}

#[test]
fn endless_token() {
    let model = with_token(TinyModel::llama(), 200, &"a".repeat(4097));
    let expected = GgufError::TokenTooLong {
        id: 200,
        found: 4097,
        limit: 4096,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn tokens_that_decode_to_gigabytes() {
    let mut model = TinyModel::llama();
    let mut tokens = tokens(&model);
    for id in 0..100 {
        // 1360 characters that each repeat a token of 4 kB.
        tokens[100 + id] = format!("{id:03}{}", "日".repeat(1360));
    }
    model.set("tokenizer.ggml.tokens", tokens.as_slice());
    let error = audit(&model).unwrap_err();
    assert!(
        matches!(
            error,
            GgufError::TokenTextTooLarge {
                limit: 67_108_864,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn token_lists_of_another_length() {
    let types = [1_i32; 262];
    let key = "tokenizer.ggml.token_type";
    let expected = GgufError::ArrayLength {
        key: key.into(),
        found: 262,
        expected: 263,
    };
    assert_eq!(llama_with(key, types.as_slice()), expected);
    let scores = [0_f32; 267];
    let key = "tokenizer.ggml.scores";
    let expected = GgufError::ArrayLength {
        key: key.into(),
        found: 267,
        expected: 268,
    };
    assert_eq!(gemma3_with(key, scores.as_slice()), expected);
}

#[test]
fn token_lists_of_another_type() {
    let key = "tokenizer.ggml.token_type";
    let expected = GgufError::WrongElementType {
        key: key.into(),
        found: ValueType::U32,
        expected: ValueType::I32,
    };
    assert_eq!(llama_with(key, [1_u32; 263].as_slice()), expected);
    let key = "tokenizer.ggml.scores";
    let expected = GgufError::WrongElementType {
        key: key.into(),
        found: ValueType::F64,
        expected: ValueType::F32,
    };
    assert_eq!(gemma3_with(key, [0_f64; 268].as_slice()), expected);
    assert!(audit(TinyModel::gemma3().set(key, [0_i32; 268].as_slice())).is_ok());
}

#[test]
fn unknown_token_type() {
    let mut types = [1_i32; 263];
    types[7] = 7;
    let expected = GgufError::UnknownTokenType { id: 7, found: 7 };
    assert_eq!(
        llama_with("tokenizer.ggml.token_type", types.as_slice()),
        expected
    );
}

#[test]
fn score_that_has_no_order() {
    let mut scores = [0_f32; 268];
    scores[9] = f32::INFINITY;
    let expected = GgufError::BadScore {
        id: 9,
        found: f32::INFINITY,
    };
    assert_eq!(
        gemma3_with("tokenizer.ggml.scores", scores.as_slice()),
        expected
    );
}

#[test]
fn byte_token_without_digits() {
    let model = with_token(TinyModel::gemma3(), 4, "<>");
    assert_eq!(
        audit(&model).unwrap_err(),
        GgufError::BadByteToken { id: 4 }
    );
    let mut types = [1_i32; 263];
    types[5] = 6;
    let expected = GgufError::BadByteToken { id: 5 };
    assert_eq!(
        llama_with("tokenizer.ggml.token_type", types.as_slice()),
        expected
    );
}

#[test]
fn byte_that_no_token_covers() {
    let model = with_token(TinyModel::gemma3(), 4 + 0xc3, "<0xc3>");
    assert_eq!(
        audit(&model).unwrap_err(),
        GgufError::MissingByteToken { byte: 0xc3 }
    );
    // An ASCII byte may be covered by its character.
    let model = with_token(TinyModel::gemma3(), 4 + usize::from(b't'), "<0xaB>");
    assert!(audit(&model).is_ok());
}

#[test]
fn merges_missing_or_malformed() {
    let key = "tokenizer.ggml.merges";
    assert_eq!(
        llama_without(key),
        GgufError::MissingKey { key: key.into() }
    );
    for rule in ["", "t", " t", "t ", "t h e"] {
        let expected = GgufError::BadMerge { index: 1 };
        assert_eq!(llama_with(key, ["t h", rule].as_slice()), expected);
    }
}

#[test]
fn special_token_outside_the_vocabulary() {
    for name in SPECIAL_TOKENS {
        let key = format!("tokenizer.ggml.{name}_token_id");
        for found in [263, u32::MAX - 1, i32::MAX as u32] {
            let expected = GgufError::TokenOutsideVocabulary {
                key: key.clone(),
                found: found.into(),
                vocabulary: 263,
            };
            assert_eq!(llama_with(&key, found), expected);
        }
    }
}

/// All keys that llama.cpp reads a special token's id from.
const SPECIAL_TOKENS: [&str; 17] = [
    "bos",
    "eos",
    "eot",
    "eom",
    "unknown",
    "seperator",
    "padding",
    "mask",
    "fim_pre",
    "fim_suf",
    "fim_mid",
    "fim_pad",
    "fim_rep",
    "fim_sep",
    "prefix",
    "suffix",
    "middle",
];

/// Converters write −1 for a token that a tokenizer does not have
/// (ggml-org/llama.cpp#2981); the loader then does as if the key were absent.
#[test]
fn special_token_of_minus_one_is_absent() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        for name in SPECIAL_TOKENS {
            let key = format!("tokenizer.ggml.{name}_token_id");
            let absent = audit(model.clone().remove(&key)).unwrap();
            let minus_one = audit(model.clone().set(&key, u32::MAX)).unwrap();
            assert_eq!(minus_one.tokenizer, absent.tokenizer, "{key}");
        }
        let mut all = model.clone();
        for name in SPECIAL_TOKENS {
            all.set(&format!("tokenizer.ggml.{name}_token_id"), u32::MAX);
        }
        assert!(audit(&all).is_ok());
    }
}

#[test]
fn special_token_of_a_signed_type() {
    let key = "tokenizer.ggml.eos_token_id";
    assert_eq!(
        llama_with(key, -1_i32),
        wrong_type(key, ValueType::I32, ValueType::U32)
    );
}

#[test]
fn suppressed_token_outside_the_vocabulary() {
    let key = "tokenizer.ggml.suppress_tokens";
    let expected = GgufError::TokenOutsideVocabulary {
        key: key.into(),
        found: -1,
        vocabulary: 263,
    };
    assert_eq!(llama_with(key, [0_i32, -1].as_slice()), expected);
}

#[test]
fn token_to_add_that_does_not_exist() {
    // With eleven tokens the byte-level default, token 11, is outside.
    let tokens: Vec<String> = (0..11).map(|id| format!("t{id}")).collect();
    for (flag, name, minus_one) in [
        ("add_bos_token", "bos_token_id", false),
        ("add_eos_token", "eos_token_id", false),
        ("add_bos_token", "bos_token_id", true),
        ("add_eos_token", "eos_token_id", true),
    ] {
        let mut model = TinyModel::llama();
        model
            .set("tokenizer.ggml.tokens", tokens.as_slice())
            .remove("tokenizer.ggml.token_type")
            .remove("tokenizer.ggml.bos_token_id")
            .remove("tokenizer.ggml.eos_token_id")
            .set(&format!("tokenizer.ggml.{flag}"), true);
        if minus_one {
            model.set(&format!("tokenizer.ggml.{name}"), u32::MAX);
        }
        model.tensor_mut("token_embd.weight").unwrap().dims = vec![64, 11];
        let expected = GgufError::MissingKey {
            key: format!("tokenizer.ggml.{name}"),
        };
        assert_eq!(audit(&model).unwrap_err(), expected);
        model.set(&format!("tokenizer.ggml.{flag}"), false);
        assert!(audit(&model).is_ok());
    }
}

#[test]
fn flags_of_another_type() {
    for name in [
        "add_bos_token",
        "add_eos_token",
        "add_sep_token",
        "add_space_prefix",
    ] {
        let key = format!("tokenizer.ggml.{name}");
        let expected = wrong_type(&key, ValueType::U8, ValueType::Bool);
        assert_eq!(llama_with(&key, 1_u8), expected);
    }
}

#[test]
fn precompiled_charsmap() {
    let key = "tokenizer.ggml.precompiled_charsmap";
    let expected = GgufError::UnsupportedKey { key: key.into() };
    assert_eq!(gemma3_with(key, [0_u8; 8].as_slice()), expected);
}

#[test]
fn chat_template_of_another_type_or_endless() {
    let key = "tokenizer.chat_template";
    assert_eq!(
        llama_with(key, 1_u32),
        wrong_type(key, ValueType::U32, ValueType::Str)
    );
    let found = 256 * 1024 + 1;
    let expected = GgufError::TextTooLong {
        key: key.into(),
        found,
        limit: 256 * 1024,
    };
    assert_eq!(llama_with(key, "x".repeat(found as usize)), expected);
}

#[test]
fn tiny_llama_is_accepted() {
    let header = audit(&TinyModel::llama()).unwrap();
    assert_eq!(header.architecture.name(), "llama");
    assert_eq!(header.name.as_deref(), Some("Tiny"));
    assert_eq!(header.quantization, "F32");
    assert_eq!(
        (header.block_count, header.head_count, header.head_count_kv),
        (2, 4, 2)
    );
    assert_eq!((header.key_length, header.value_length), (16, 16));
    assert_eq!(header.feed_forward_length, FEED_FORWARD);
    assert_eq!(header.vocabulary_size, 263);
    assert_eq!(
        (header.tokenizer.bos, header.tokenizer.eos),
        (Some(1), Some(2))
    );
    assert!(!header.tokenizer.add_bos && header.sliding_window.is_none());
    assert!(header.chat_template.is_some());
    assert_eq!(header.tensor_bytes, 4 * header.parameters);
}

#[test]
fn tiny_gemma3_is_accepted() {
    let header = audit(&TinyModel::gemma3()).unwrap();
    assert_eq!(header.architecture.name(), "gemma3");
    assert_eq!(header.sliding_window.unwrap().layers, [true, false]);
    assert_eq!(header.rope.freq_base_sliding, Some(10_000.0));
    assert_eq!(
        (header.tokenizer.bos, header.tokenizer.eos),
        (Some(2), Some(1))
    );
    assert!(header.tokenizer.add_bos && header.chat_template.is_none());
}

#[test]
fn quantization_is_guessed_without_a_file_type() {
    let mut model = TinyModel::llama();
    model.quantize(GgmlType::Q8_0).remove("general.file_type");
    assert_eq!(audit(&model).unwrap().quantization, "Q8_0");
}

#[test]
fn copied_model_is_the_same_model() {
    let file = TinyModel::llama().build().unwrap();
    let gguf = Gguf::parse(&file, file.len() as u64).unwrap();
    let mut copy = GgufBuilder::from_file(&gguf, &file).unwrap();
    let copy = copy.version(2).build().unwrap();
    let copied = Gguf::parse(&copy, copy.len() as u64).unwrap();
    assert_eq!(audit_model(&copied), audit_model(&gguf));
}

/// The tiny model with `count` more tokens of a type; their texts are made by number.
fn with_tokens(count: u32, token_type: i32, text: impl Fn(u32) -> String) -> TinyModel {
    let mut model = TinyModel::llama_of(&Shape {
        vocabulary: 263 + count,
        ..Shape::default()
    });
    let mut tokens = tokens(&model);
    let mut types = vec![1; tokens.len()];
    types[..3].fill(3);
    for number in 0..count {
        let id = 263 + number as usize;
        tokens[id] = text(number);
        types[id] = token_type;
    }
    model
        .set("tokenizer.ggml.tokens", tokens.as_slice())
        .set("tokenizer.ggml.token_type", types.as_slice());
    model
}

/// A finder of 14,000 control tokens of 4 kB takes gigabytes.
#[test]
fn control_tokens_longer_than_any_name() {
    for special in [2, 3, 4] {
        let model = with_tokens(1, special, |_| "x".repeat(513));
        let expected = GgufError::TokenTooLong {
            id: 263,
            found: 513,
            limit: 512,
        };
        assert_eq!(audit(&model).unwrap_err(), expected);
        assert!(audit(&with_tokens(1, special, |_| "x".repeat(512))).is_ok());
    }
    for plain in [0, 1, 5] {
        assert!(audit(&with_tokens(1, plain, |_| "x".repeat(513))).is_ok());
    }
}

#[test]
fn control_tokens_with_more_text_than_any_vocabulary() {
    // The three of the tiny model have 35 bytes.
    let model = with_tokens(4_200, 4, |number| format!("{number:0500}"));
    let expected = GgufError::SpecialTokensTooLarge {
        found: 4_200 * 500 + 35,
        limit: 1 << 21,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn more_control_tokens_than_any_vocabulary() {
    let model = with_tokens(1 << 17, 3, |number| format!("<{number}>"));
    let expected = GgufError::TooManySpecialTokens {
        found: (1 << 17) + 3,
        limit: 1 << 17,
    };
    assert_eq!(audit(&model).unwrap_err(), expected);
}

#[test]
fn more_text_than_any_vocabulary() {
    let model = with_tokens(2_100, 1, |number| format!("{number:04000}"));
    let error = audit(&model).unwrap_err();
    let GgufError::VocabularyTooLarge { found, limit } = error else {
        panic!("{error}")
    };
    assert!(found > limit && limit == 1 << 23, "{found}");
}

/// As published: Gemma 3's unused tokens, gpt-oss's reserved ones, the codes of a model
/// that speaks.
#[test]
fn vocabularies_with_many_special_tokens() {
    type Named = fn(u32) -> String;
    let published: [(u32, i32, Named); 3] = [
        (6_242, 4, |number| format!("<unused{number}>")),
        (1_091, 3, |number| format!("<|reserved_{number}|>")),
        (65_536, 4, |number| format!("<|speech_{number}|>")),
    ];
    for (count, token_type, text) in published {
        let header = audit(&with_tokens(count, token_type, text)).unwrap();
        assert_eq!(header.vocabulary.special.count, count + 3);
        assert_eq!(header.vocabulary.tokens.count, count + 263);
    }
}

#[test]
fn more_merges_than_any_vocabulary() {
    let key = "tokenizer.ggml.merges";
    let rules = vec!["t h"; (1 << 20) + 1];
    let expected = GgufError::TooManyMerges {
        found: (1 << 20) + 1,
        limit: 1 << 20,
    };
    assert_eq!(llama_with(key, rules.as_slice()), expected);
    // SentencePiece does not use them; they are read all the same.
    assert_eq!(gemma3_with(key, rules.as_slice()), expected);

    let rule = format!("{} h", "t".repeat(1 << 16));
    let rules = vec![rule.as_str(); 260];
    let error = llama_with(key, rules.as_slice());
    assert!(
        matches!(
            error,
            GgufError::MergesTooLarge {
                limit: 16_777_216,
                ..
            }
        ),
        "{error}"
    );
}

/// The loader writes every array out as text: a number of eight bytes has 316 digits.
#[test]
fn arrays_that_only_a_log_reads() {
    for value in [
        OwnedValue::from(vec![1e308_f64; 1 << 13 | 1].as_slice()),
        OwnedValue::from(vec![7_u8; 1 << 16 | 1].as_slice()),
        OwnedValue::from(vec!["tag"; 1 << 13].as_slice()),
    ] {
        let error = llama_with("general.tags", value);
        assert!(
            matches!(error, GgufError::ArraysTooLarge { limit: 65_536, .. }),
            "{error}"
        );
    }
    let tags = vec!["en"; 500];
    assert!(audit(TinyModel::llama().set("general.languages", tags.as_slice())).is_ok());
}

/// What docs/models.md says is refused, with the words that say why.
#[test]
fn refusals_say_why_in_plain_words() {
    let with_tensor = |name: &str| {
        let mut model = TinyModel::llama();
        model.push(name, GgmlType::F32, &[64]);
        audit(&model).unwrap_err()
    };
    for (refused, words) in [
        (
            llama_with("general.architecture", "qwen3"),
            "llama and gemma3 are",
        ),
        (llama_with("general.type", "mmproj"), "mmproj"),
        (llama_with("split.count", 4_u16), "split into 4 files"),
        (
            llama_with("llama.expert_count", 8_u32),
            "mixture-of-experts",
        ),
        (
            llama_with("llama.expert_used_count", 2_u32),
            "mixture-of-experts",
        ),
        (
            with_tensor("blk.0.ffn_gate_exps.weight"),
            "mixture-of-experts",
        ),
        (llama_with("llama.pooling_type", 1_u32), "embedding models"),
        (llama_with("llama.attention.causal", false), "encoders"),
        (
            llama_with("llama.nextn_predict_layers", 1_u32),
            "several tokens",
        ),
        (
            llama_with("llama.attention.head_count", [4_u32, 2].as_slice()),
            "layers differ",
        ),
        (
            llama_with("llama.rope.scaling.type", "longrope"),
            "context extension",
        ),
        (with_tensor("rope_factors_long.weight"), "context extension"),
        (with_tensor("v.patch_embd.weight"), "models that see"),
        (
            llama_with("tokenizer.ggml.model", "bert"),
            "tokenizer \"bert\"",
        ),
        (
            llama_with("tokenizer.ggml.pre", "tekken"),
            "pre-tokenizer \"tekken\"",
        ),
        (
            gemma3_with("tokenizer.ggml.precompiled_charsmap", [0_u8; 8].as_slice()),
            "table of normalisations",
        ),
        (
            llama_with("general.tensor_extra.name", ["a"].as_slice()),
            "precision for each tensor",
        ),
    ] {
        let message = refused.to_string();
        assert!(message.contains(words), "{message}");
    }
}
