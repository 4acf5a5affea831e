//! Files that are not well-formed, each refused for its own reason.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use pocketune_gguf::fixtures::TinyModel;
use pocketune_gguf::{GgmlType, Gguf, GgufError, ValueType, audit_model, limits};
use support::Raw;

fn parse(bytes: &[u8]) -> Result<Gguf<'_>, GgufError> {
    Gguf::parse(bytes, bytes.len() as u64)
}

fn refusal(raw: &Raw) -> GgufError {
    parse(&raw.bytes).unwrap_err()
}

/// One tensor entry without data, after which the file ends.
fn tensor_refusal(dims: &[u64], tensor_type: u32) -> GgufError {
    refusal(&Raw::new(1, 0).tensor("t", dims, tensor_type, 0).data(0))
}

#[test]
fn empty_file() {
    let expected = GgufError::Truncated {
        offset: 0,
        needed_bytes: 4,
        file_bytes: 0,
    };
    assert_eq!(parse(&[]).unwrap_err(), expected);
}

#[test]
fn file_without_keys_and_tensors_is_well_formed() {
    let raw = Raw::new(0, 0);
    let gguf = parse(&raw.bytes).unwrap();
    assert_eq!(
        (gguf.version(), gguf.alignment(), gguf.data_offset()),
        (3, 32, 24)
    );
    assert!(gguf.metadata().is_empty() && gguf.tensors().is_empty());
}

#[test]
fn foreign_magic() {
    let mut raw = Raw::new(0, 0);
    raw.bytes[0] = b'P';
    assert_eq!(refusal(&raw), GgufError::BadMagic { found: *b"PGUF" });
}

#[test]
fn big_endian_file() {
    let mut raw = Raw::new(0, 0);
    raw.bytes[4..8].copy_from_slice(&3_u32.to_be_bytes());
    assert_eq!(refusal(&raw), GgufError::BigEndian { version: 3 });
}

#[test]
fn versions_other_than_2_and_3() {
    for found in [0, 1, 4, 0x0001_0003, u32::MAX] {
        let mut raw = Raw::new(0, 0);
        raw.bytes[4..8].copy_from_slice(&found.to_le_bytes());
        assert_eq!(refusal(&raw), GgufError::UnsupportedVersion { found });
    }
    let mut raw = Raw::new(0, 0);
    raw.bytes[4] = 2;
    assert_eq!(parse(&raw.bytes).unwrap().version(), 2);
}

#[test]
fn key_count_above_the_cap() {
    let expected = GgufError::TooManyKeys {
        found: u64::MAX,
        limit: limits::MAX_KEYS,
    };
    assert_eq!(refusal(&Raw::new(0, u64::MAX)), expected);
}

#[test]
fn tensor_count_above_the_cap() {
    let expected = GgufError::TooManyTensors {
        found: 1 << 63,
        limit: limits::MAX_TENSORS,
    };
    assert_eq!(refusal(&Raw::new(1 << 63, 0)), expected);
}

#[test]
fn counts_beyond_the_file_end_as_truncation() {
    let raw = Raw::new(0, limits::MAX_KEYS);
    let expected = GgufError::Truncated {
        offset: 24,
        needed_bytes: 8,
        file_bytes: 24,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn string_length_beyond_the_file() {
    let raw = Raw::new(0, 1).u64(1000).raw(b"short");
    let expected = GgufError::Truncated {
        offset: 32,
        needed_bytes: 1000,
        file_bytes: 37,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn key_length_above_the_cap() {
    let raw = Raw::new(0, 1).u64(u64::MAX);
    let limit = limits::MAX_KEY_BYTES;
    assert_eq!(
        refusal(&raw),
        GgufError::StringTooLong {
            offset: 24,
            found: u64::MAX,
            limit
        }
    );
}

#[test]
fn string_value_length_above_the_cap() {
    let raw = Raw::new(0, 1)
        .string(b"k")
        .u32(8)
        .u64(limits::MAX_STRING_BYTES + 1);
    let (found, limit) = (limits::MAX_STRING_BYTES + 1, limits::MAX_STRING_BYTES);
    assert_eq!(
        refusal(&raw),
        GgufError::StringTooLong {
            offset: 37,
            found,
            limit
        }
    );
}

#[test]
fn key_without_a_byte() {
    assert_eq!(
        refusal(&Raw::new(0, 1).key_u32("", 1)),
        GgufError::EmptyName { offset: 24 }
    );
}

#[test]
fn key_that_is_not_utf8() {
    let raw = Raw::new(0, 1).string(&[0xff]).u32(4).u32(1);
    assert_eq!(refusal(&raw), GgufError::NotUtf8 { offset: 24 });
}

#[test]
fn value_hidden_behind_a_nul() {
    let raw = Raw::new(0, 1)
        .string(b"general.architecture")
        .u32(8)
        .string(b"llama\0x");
    assert_eq!(
        refusal(&raw),
        GgufError::NulInString {
            offset: 24 + 28 + 4
        }
    );
}

#[test]
fn token_hidden_behind_a_nul() {
    let raw = Raw::new(0, 1)
        .string(b"t")
        .u32(9)
        .u32(8)
        .u64(2)
        .string(b"a")
        .string(b"a\0");
    assert_eq!(refusal(&raw), GgufError::NulInString { offset: 58 });
}

#[test]
fn duplicate_key() {
    let raw = Raw::new(0, 2).key_u32("k", 1).key_u32("k", 2);
    assert_eq!(refusal(&raw), GgufError::DuplicateKey { key: "k".into() });
}

#[test]
fn unknown_value_type() {
    let raw = Raw::new(0, 1).string(b"k").u32(13).u64(0);
    assert_eq!(
        refusal(&raw),
        GgufError::UnknownValueType {
            key: "k".into(),
            found: 13
        }
    );
}

#[test]
fn array_of_arrays() {
    let raw = Raw::new(0, 1).string(b"k").u32(9).u32(9).u64(0);
    assert_eq!(refusal(&raw), GgufError::NestedArray { key: "k".into() });
}

#[test]
fn array_of_an_unknown_type() {
    let raw = Raw::new(0, 1).string(b"k").u32(9).u32(99).u64(0);
    assert_eq!(
        refusal(&raw),
        GgufError::UnknownValueType {
            key: "k".into(),
            found: 99
        }
    );
}

#[test]
fn array_length_above_the_cap() {
    for found in [limits::MAX_ARRAY_LEN + 1, 1 << 61, u64::MAX] {
        let raw = Raw::new(0, 1).string(b"k").u32(9).u32(12).u64(found);
        let limit = limits::MAX_ARRAY_LEN;
        assert_eq!(
            refusal(&raw),
            GgufError::ArrayTooLong {
                key: "k".into(),
                found,
                limit
            }
        );
    }
}

#[test]
fn array_length_beyond_the_file() {
    for (element, bytes) in [(12, 8_000_000), (8, 8_000_000)] {
        let raw = Raw::new(0, 1)
            .string(b"k")
            .u32(9)
            .u32(element)
            .u64(1_000_000);
        let expected = GgufError::Truncated {
            offset: 49,
            needed_bytes: bytes,
            file_bytes: 49,
        };
        assert_eq!(refusal(&raw), expected);
    }
}

#[test]
fn bool_that_is_neither_true_nor_false() {
    let raw = Raw::new(0, 1).string(b"k").u32(7).raw(&[2]);
    assert_eq!(
        refusal(&raw),
        GgufError::InvalidBool {
            key: "k".into(),
            found: 2
        }
    );
    let raw = Raw::new(0, 1)
        .string(b"k")
        .u32(9)
        .u32(7)
        .u64(2)
        .raw(&[1, 0xff]);
    assert_eq!(
        refusal(&raw),
        GgufError::InvalidBool {
            key: "k".into(),
            found: 0xff
        }
    );
}

#[test]
fn alignment_of_another_type() {
    let raw = Raw::new(0, 1).string(b"general.alignment").u32(10).u64(32);
    let expected = GgufError::WrongType {
        key: "general.alignment".into(),
        found: ValueType::U64,
        expected: ValueType::U32,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn alignment_that_is_no_power_of_two() {
    for found in [0, 3, 48, 1 << 21, u32::MAX] {
        let raw = Raw::new(0, 1).key_u32("general.alignment", found);
        let limit = limits::MAX_ALIGNMENT;
        assert_eq!(refusal(&raw), GgufError::BadAlignment { found, limit });
    }
}

#[test]
fn tensor_name_above_the_cap() {
    let raw = Raw::new(1, 0).tensor(&"n".repeat(64), &[1], 0, 0).data(32);
    let limit = limits::MAX_TENSOR_NAME_BYTES;
    assert_eq!(
        refusal(&raw),
        GgufError::StringTooLong {
            offset: 24,
            found: 64,
            limit
        }
    );
    let raw = Raw::new(1, 0).tensor(&"n".repeat(63), &[1], 0, 0).data(32);
    assert!(parse(&raw.bytes).is_ok());
}

#[test]
fn tensor_without_a_name() {
    let raw = Raw::new(1, 0).tensor("", &[1], 0, 0).data(32);
    assert_eq!(refusal(&raw), GgufError::EmptyName { offset: 24 });
}

#[test]
fn duplicate_tensor() {
    let raw = Raw::new(2, 0)
        .tensor("t", &[8], 0, 0)
        .tensor("t", &[8], 0, 32)
        .data(64);
    assert_eq!(
        refusal(&raw),
        GgufError::DuplicateTensor { tensor: "t".into() }
    );
}

#[test]
fn tensor_with_no_dimension_or_five() {
    for found in [0, 5, u32::MAX] {
        let raw = Raw::new(1, 0).string(b"t").u32(found).data(96);
        assert_eq!(
            refusal(&raw),
            GgufError::BadDimensionCount {
                tensor: "t".into(),
                found
            }
        );
    }
}

#[test]
fn zero_dimension() {
    let expected = GgufError::ZeroDimension {
        tensor: "t".into(),
        axis: 1,
    };
    assert_eq!(tensor_refusal(&[4, 0], 0), expected);
}

#[test]
fn negative_dimension() {
    let found = u64::MAX;
    let expected = GgufError::DimensionTooLarge {
        tensor: "t".into(),
        axis: 0,
        found,
    };
    assert_eq!(tensor_refusal(&[found], 0), expected);
}

#[test]
fn dimensions_whose_product_wraps() {
    for dims in [
        [1 << 32, 1 << 32, 1, 1],
        [1 << 62, 2, 1, 1],
        [1 << 16, 1 << 16, 1 << 16, 1 << 16],
    ] {
        let expected = GgufError::TensorTooLarge {
            tensor: "t".into(),
            dims,
        };
        assert_eq!(tensor_refusal(&dims, 0), expected);
    }
}

#[test]
fn dimensions_whose_bytes_wrap() {
    let dims = [1 << 61, 1, 1, 1];
    let expected = GgufError::TensorTooLarge {
        tensor: "t".into(),
        dims,
    };
    assert_eq!(tensor_refusal(&dims, 28), expected);
}

#[test]
fn unknown_and_removed_tensor_types() {
    for found in [4, 31, 36, 43, u32::MAX] {
        let expected = GgufError::UnknownTensorType {
            tensor: "t".into(),
            found,
        };
        assert_eq!(tensor_refusal(&[256], found), expected);
    }
}

#[test]
fn row_of_a_partial_block() {
    let expected = GgufError::PartialBlock {
        tensor: "t".into(),
        tensor_type: GgmlType::Q4_K,
        found: 255,
        block: 256,
    };
    assert_eq!(tensor_refusal(&[255, 256], 12), expected);
}

#[test]
fn overlapping_tensors() {
    let raw = Raw::new(2, 0)
        .tensor("a", &[16], 0, 0)
        .tensor("b", &[16], 0, 32)
        .data(128);
    let expected = GgufError::TensorOffset {
        tensor: "b".into(),
        found: 32,
        expected: 64,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn gap_between_tensors() {
    let raw = Raw::new(2, 0)
        .tensor("a", &[1], 0, 0)
        .tensor("b", &[1], 0, 64)
        .data(128);
    let expected = GgufError::TensorOffset {
        tensor: "b".into(),
        found: 64,
        expected: 32,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn offset_that_wraps() {
    let raw = Raw::new(1, 0).tensor("a", &[1], 0, u64::MAX - 31).data(128);
    let expected = GgufError::TensorOffset {
        tensor: "a".into(),
        found: u64::MAX - 31,
        expected: 0,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn sizes_whose_sum_wraps() {
    let half = (1 << 62) / 4;
    let raw = (0..4).fold(Raw::new(4, 0), |raw, index: u64| {
        raw.tensor(&format!("t{index}"), &[half], 0, index << 62)
    });
    let dims = [half, 1, 1, 1];
    assert_eq!(
        refusal(&raw),
        GgufError::TensorTooLarge {
            tensor: "t3".into(),
            dims
        }
    );
}

#[test]
fn tensor_data_beyond_the_file() {
    let raw = Raw::new(1, 0).tensor("t", &[16], 0, 0).data(63);
    let file_bytes = raw.bytes.len() as u64;
    let expected = GgufError::TensorOutsideFile {
        tensor: "t".into(),
        end_bytes: file_bytes + 1,
        file_bytes,
    };
    assert_eq!(refusal(&raw), expected);
}

#[test]
fn prefix_longer_than_the_file() {
    let raw = Raw::new(0, 0);
    let expected = GgufError::PrefixExceedsFile {
        prefix_bytes: 24,
        file_bytes: 23,
    };
    assert_eq!(Gguf::parse(&raw.bytes, 23).unwrap_err(), expected);
}

#[test]
fn tables_above_the_cap() {
    // A string that ends beyond the cap, in a file that is said to be large enough.
    let mut raw = Raw::new(0, 6);
    for key in [b"a", b"b", b"c", b"d", b"e"] {
        let len = limits::MAX_STRING_BYTES;
        raw = raw.string(key).u32(8).u64(len);
        raw.bytes.resize(raw.bytes.len() + len as usize, b'x');
    }
    let error = Gguf::parse(&raw.bytes, 1 << 40).unwrap_err();
    let limit = limits::MAX_HEADER_BYTES;
    assert!(matches!(error, GgufError::HeaderTooLarge { limit: found, .. } if found == limit));
}

#[test]
fn short_prefix_of_a_longer_file_asks_for_more() {
    let file = TinyModel::llama().build().unwrap();
    let file_bytes = file.len() as u64;
    let tables = Gguf::parse(&file, file_bytes).unwrap().data_offset() as usize;
    let mut prefix = 0;
    let mut calls = 0;
    loop {
        calls += 1;
        match Gguf::parse(&file[..prefix], file_bytes) {
            Ok(gguf) => break assert!(audit_model(&gguf).is_ok()),
            Err(GgufError::NeedMore { at_least_bytes }) => {
                assert!(at_least_bytes > prefix as u64 && at_least_bytes <= tables as u64);
                prefix = (prefix * 2).max(at_least_bytes as usize).min(file.len());
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(calls < 20, "{calls} calls");
}

#[test]
fn every_prefix_of_a_longer_file_asks_for_more() {
    let file = TinyModel::gemma3().build().unwrap();
    let gguf = parse(&file).unwrap();
    let (last, tables) = (
        gguf.tensors().last().unwrap().name(),
        gguf.data_offset() as usize,
    );
    for len in 0..tables - 32 {
        let error = Gguf::parse(&file[..len], file.len() as u64).unwrap_err();
        assert!(
            matches!(error, GgufError::NeedMore { .. }),
            "{len}: {error} ({last})"
        );
    }
}

#[test]
fn file_truncated_at_every_length() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        let file = model.build().unwrap();
        let tables = parse(&file).unwrap().data_offset() as usize;
        for len in (0..tables).chain((tables..file.len() - 256).step_by(509)) {
            let error = parse(&file[..len]).unwrap_err();
            assert!(
                matches!(
                    error,
                    GgufError::Truncated { .. } | GgufError::TensorOutsideFile { .. }
                ),
                "{len}: {error}"
            );
        }
    }
}

#[test]
fn any_flipped_byte_of_the_tables_never_panics() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        let file = model.build().unwrap();
        let tables = parse(&file).unwrap().data_offset() as usize;
        let mut bytes = file.clone();
        for at in 0..tables {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                bytes[at] ^= flip;
                if let Ok(gguf) = parse(&bytes) {
                    let _ = audit_model(&gguf);
                }
                bytes[at] = file[at];
            }
        }
    }
}
