//! Any bytes: the check returns, and what it accepts fits the tiny model.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pocketune_adapter::{BaseModel, CandidateAdapter};
use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;

static BASE: LazyLock<Arc<BaseModel>> = LazyLock::new(|| {
    let model = TinyModel::llama().build().expect("a valid model");
    let gguf = Gguf::parse(&model, model.len() as u64).expect("a valid model");
    Arc::new(BaseModel::of(&gguf).expect("a valid model"))
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(candidate) = CandidateAdapter::parse(bytes, &BASE) else {
        return;
    };
    assert!(candidate.alpha().is_none_or(f32::is_finite));
    assert!(!candidate.pairs().is_empty());
    let gguf = Gguf::parse(bytes, bytes.len() as u64).expect("what was checked is sound");
    assert_eq!(gguf.tensors().len(), candidate.tensors());
    for tensor in gguf.tensors() {
        assert_eq!(tensor.dims()[2..], [1, 1]);
    }
});
