//! What is written is what is read, and reading and writing again changes no byte.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use pocketune_gguf::fixtures::TinyModel;
use pocketune_gguf::{
    GgmlType, Gguf, GgufBuilder, GgufError, List, OwnedValue, Value, audit_model, tensor_bytes,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,12}"
}

fn value() -> impl Strategy<Value = OwnedValue> {
    prop_oneof![
        any::<u8>().prop_map(OwnedValue::from),
        any::<i8>().prop_map(OwnedValue::from),
        any::<u16>().prop_map(OwnedValue::from),
        any::<i16>().prop_map(OwnedValue::from),
        any::<u32>().prop_map(OwnedValue::from),
        any::<i32>().prop_map(OwnedValue::from),
        any::<u64>().prop_map(OwnedValue::from),
        any::<i64>().prop_map(OwnedValue::from),
        any::<f32>().prop_map(OwnedValue::from),
        any::<f64>().prop_map(OwnedValue::from),
        any::<bool>().prop_map(OwnedValue::from),
        text().prop_map(OwnedValue::from),
        vec(any::<u8>(), 0..9).prop_map(|list| list.as_slice().into()),
        vec(any::<i32>(), 0..9).prop_map(|list| list.as_slice().into()),
        vec(any::<f64>(), 0..9).prop_map(|list| list.as_slice().into()),
        vec(any::<bool>(), 0..9).prop_map(|list| list.as_slice().into()),
        vec(text(), 0..9).prop_map(|list| list.as_slice().into()),
    ]
}

/// Type and dimensions of a tensor of a few kilobytes at most.
fn tensor() -> impl Strategy<Value = (GgmlType, Vec<u64>)> {
    let types = proptest::sample::select(GgmlType::ALL);
    (types, 1_u64..4, vec(1_u64..5, 0..4)).prop_map(|(tensor_type, blocks, higher)| {
        let mut dims = vec![blocks * tensor_type.block_size()];
        dims.extend(higher);
        (tensor_type, dims)
    })
}

fn builder(
    version: u32,
    alignment: Option<u32>,
    metadata: &[(String, OwnedValue)],
    tensors: &[(String, (GgmlType, Vec<u64>))],
) -> GgufBuilder<'static> {
    let mut builder = GgufBuilder::new();
    builder.version(version);
    for (key, value) in metadata {
        builder.metadata(key, value.clone());
    }
    if let Some(alignment) = alignment {
        builder.metadata("general.alignment", alignment);
    }
    for (index, (name, (tensor_type, dims))) in tensors.iter().enumerate() {
        let mut padded = [1; 4];
        padded[..dims.len()].copy_from_slice(dims);
        let len = tensor_bytes(name, *tensor_type, padded).unwrap();
        let data: Vec<u8> = (0..len).map(|at| (at as usize + index) as u8).collect();
        builder.tensor(name, *tensor_type, dims, data);
    }
    builder
}

proptest! {
    #[test]
    fn any_file_reads_back_as_written(
        version in 2_u32..=3,
        alignment in proptest::option::of((0_u32..10).prop_map(|power| 1 << power)),
        metadata in btree_map("[a-z.]{1,20}", value(), 0..8),
        tensors in btree_map("[a-z0-9._]{1,63}", tensor(), 0..6),
    ) {
        let metadata: Vec<_> = metadata.into_iter().collect();
        let tensors: Vec<_> = tensors.into_iter().collect();
        let file = builder(version, alignment, &metadata, &tensors).build().unwrap();
        let gguf = Gguf::parse(&file, file.len() as u64).unwrap();

        prop_assert_eq!(gguf.version(), version);
        prop_assert_eq!(gguf.alignment(), alignment.unwrap_or(32));
        let read: Vec<(String, OwnedValue)> = gguf
            .metadata()
            .iter()
            .filter(|&(key, _)| key != "general.alignment")
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        prop_assert_eq!(&read, &metadata);
        prop_assert_eq!(gguf.tensors().len(), tensors.len());
        for (index, (info, (name, (tensor_type, dims)))) in
            gguf.tensors().iter().zip(&tensors).enumerate()
        {
            prop_assert_eq!(info.name(), name);
            prop_assert_eq!(info.tensor_type(), *tensor_type);
            prop_assert_eq!(&info.dims()[..dims.len()], dims.as_slice());
            prop_assert_eq!(info.elements(), dims.iter().product::<u64>());
            let data = gguf.tensor_data(info, &file).unwrap();
            prop_assert!(data.iter().enumerate().all(|(at, &byte)| byte == (at + index) as u8));
            let start = gguf.data_offset() + info.data_offset();
            prop_assert_eq!(start % u64::from(gguf.alignment()), 0);
            prop_assert_eq!(gguf.tensor(name), Some(info));
        }
        let again = GgufBuilder::from_file(&gguf, &file).unwrap().build().unwrap();
        prop_assert!(again == file);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), file_bytes in any::<u64>()) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(bytes);
        let _ = Gguf::parse(&file, file.len() as u64);
        let _ = Gguf::parse(&file, file_bytes);
    }

    #[test]
    fn spoiled_models_never_panic(
        spoils in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = TinyModel::llama().build().unwrap();
        let tables = Gguf::parse(&file, file.len() as u64).unwrap().data_offset() as usize;
        for (at, byte) in spoils {
            file[at.index(tables)] = byte;
        }
        if let Ok(gguf) = Gguf::parse(&file, file.len() as u64) {
            let _ = audit_model(&gguf);
        }
    }
}

#[test]
fn tiny_models_are_the_same_after_reading_and_writing() {
    for model in [TinyModel::llama(), TinyModel::gemma3()] {
        let file = model.build().unwrap();
        let gguf = Gguf::parse(&file, file.len() as u64).unwrap();
        assert!(
            GgufBuilder::from_file(&gguf, &file)
                .unwrap()
                .build()
                .unwrap()
                == file
        );
    }
}

#[test]
fn lists_decode_one_element_at_a_time() {
    let mut builder = GgufBuilder::new();
    builder.metadata("texts", ["a", "", "ü"].as_slice());
    builder.metadata("numbers", [-1_i32, 7].as_slice());
    let file = builder.build().unwrap();
    let gguf = Gguf::parse(&file, file.len() as u64).unwrap();
    let texts: List<'_, &str> = gguf.metadata().require("texts").unwrap();
    assert_eq!(texts.iter().collect::<Vec<_>>(), ["a", "", "ü"]);
    let numbers: List<'_, i32> = gguf.metadata().require("numbers").unwrap();
    assert_eq!((numbers.len(), numbers.iter().sum::<i32>()), (2, 6));
    let Some(Value::Array(array)) = gguf.metadata().value("numbers") else {
        unreachable!()
    };
    assert_eq!(
        array.iter().collect::<Vec<_>>(),
        [Value::I32(-1), Value::I32(7)]
    );
}

#[test]
fn absent_key_is_none_or_an_error() {
    let file = GgufBuilder::new().build().unwrap();
    let gguf = Gguf::parse(&file, file.len() as u64).unwrap();
    assert_eq!(gguf.metadata().read::<u32>("k"), Ok(None));
    let expected = GgufError::MissingKey { key: "k".into() };
    assert_eq!(gguf.metadata().require::<u32>("k"), Err(expected));
}

#[test]
fn builder_refuses_what_the_reader_refuses() {
    let mut twice = GgufBuilder::new();
    twice.metadata("k", 1_u32).metadata("k", 2_u32);
    assert_eq!(
        twice.build().unwrap_err(),
        GgufError::DuplicateKey { key: "k".into() }
    );

    let mut short = GgufBuilder::new();
    short.tensor("t", GgmlType::F32, &[8], vec![0; 31]);
    let expected = GgufError::TensorDataLength {
        tensor: "t".into(),
        found: 31,
        expected: 32,
    };
    assert_eq!(short.build().unwrap_err(), expected);

    let mut flat = GgufBuilder::new();
    flat.tensor("t", GgmlType::F32, &[], vec![0; 4]);
    let expected = GgufError::BadDimensionCount {
        tensor: "t".into(),
        found: 0,
    };
    assert_eq!(flat.build().unwrap_err(), expected);

    let mut crooked = GgufBuilder::new();
    crooked.metadata("general.alignment", 0_u32);
    assert!(matches!(
        crooked.build().unwrap_err(),
        GgufError::BadAlignment { found: 0, .. }
    ));
}
