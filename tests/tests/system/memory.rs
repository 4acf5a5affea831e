//! The memory estimate, and the refusal that it leads to.

use std::sync::Arc;

use pocketune_core::{DigestCache, Engine, EngineOptions, Error, KvCacheType, ModelSource};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{smollm2, written};

fn estimate(context: u32, kv_cache_type: KvCacheType) -> pocketune_core::MemoryEstimate {
    let options = EngineOptions {
        context_tokens: Some(context),
        kv_cache_type,
        ..EngineOptions::default()
    };
    Engine::estimate(&ModelSource::Path(smollm2()), &options).unwrap()
}

#[test]
fn the_kv_cache_is_what_the_shapes_say() {
    // 30 layers, 3 key-value heads of 64, keys and values.
    let per_token = 30 * 3 * 64 * 2;
    assert_eq!(
        estimate(2048, KvCacheType::F16).kv_bytes,
        2048 * per_token * 2
    );
    assert_eq!(
        estimate(2048, KvCacheType::F32).kv_bytes,
        2048 * per_token * 4
    );
    assert_eq!(
        estimate(512, KvCacheType::Q8_0).kv_bytes,
        512 * per_token / 32 * 34
    );
}

#[test]
fn a_context_that_does_not_fit_is_refused_with_both_numbers() {
    let mut model = TinyModel::llama();
    model.set("llama.context_length", 1u32 << 24);
    let file = written(&model);
    let source = ModelSource::Path(file.path().to_owned());
    // Caches and attention masks of many gigabytes for a model of some hundred kilobytes.
    let options = EngineOptions {
        context_tokens: Some(1 << 24),
        batch_tokens: 4096,
        micro_batch_tokens: 4096,
        kv_cache_type: KvCacheType::F32,
        ..EngineOptions::default()
    };
    let refused = Engine::load(
        &source,
        &options,
        Arc::new(DigestCache::in_memory()),
        |_| true,
    );
    let Err(Error::OutOfMemory {
        required_bytes,
        available_bytes,
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert!(available_bytes > 0 && available_bytes < required_bytes);
}

#[test]
fn estimating_allocates_neither_weights_nor_caches() {
    let before = pocketune_core::ProcessMemory::now().unwrap();
    let peak = pocketune_core::PeakMemory::watch();
    let options = EngineOptions {
        context_tokens: Some(8192),
        ..EngineOptions::default()
    };
    let estimate = Engine::estimate(&ModelSource::Path(smollm2()), &options).unwrap();
    let grown = peak
        .peak()
        .anonymous_bytes
        .saturating_sub(before.anonymous_bytes);
    assert!(grown < estimate.kv_bytes / 2, "{grown} bytes");
}

#[test]
fn a_digest_is_computed_once_and_again_for_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("digests.json");
    let model = ModelSource::Path(smollm2());
    let hex = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
    let first = Engine::digest_of(&model, &DigestCache::in_file(&cache)).unwrap();
    assert_eq!(first.to_string(), hex);
    // What is remembered is what comes back: nothing was hashed.
    let other = "a".repeat(64);
    let remembered = std::fs::read_to_string(&cache).unwrap();
    std::fs::write(&cache, remembered.replace(hex, &other)).unwrap();
    let again = Engine::digest_of(&model, &DigestCache::in_file(&cache)).unwrap();
    assert_eq!(again.to_string(), other);
    std::fs::write(&cache, "damaged").unwrap();
    assert_eq!(
        Engine::digest_of(&model, &DigestCache::in_file(&cache)).unwrap(),
        first
    );
}
