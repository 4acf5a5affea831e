//! Writes what the Kotlin and Swift tests are delivered, for the default model, signed
//! with the keys that everybody knows:
//!
//!     cargo run --release --example delivery -- FOLDER
//!
//! `policy.json`; `brief.gguf`, released and validated; `stranger.gguf`, signed by nobody
//! who is trusted; `revoking.json`, the next policy, which revokes `brief.gguf`;
//! `reward.gguf`, a released reward head.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use pocketune_adapter::fixtures::{attest, bundle, name, release, sign_policy};
use pocketune_adapter::{Digest, Predicate, SubjectKind};
use pocketune_core::{DigestCache, Engine, EngineOptions, ModelSource};
use pocketune_store::bundle_path;
use pocketune_tests::delivery::{reward_head, trained, wide_policy};
use pocketune_tests::{engine, smollm2};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("delivery FOLDER")?);
    fs::create_dir_all(&folder)?;
    let source = ModelSource::Path(smollm2());
    let base = Engine::identify(&source, &DigestCache::in_memory())?;
    // So large a step that every reply changes.
    let adapter = trained(1, 3e-2)?;
    let sha256 = Digest::of(&adapter);
    let brief = folder.join("brief.gguf");
    fs::write(bundle_path(&brief), bundle(&adapter, &base, |_| ()))?;
    let stranger = folder.join("stranger.gguf");
    let released = Predicate::Release(Box::new(release(&adapter, &base)));
    fs::write(bundle_path(&stranger), attest(sha256, released, &[99]))?;
    fs::write(&brief, &adapter)?;
    fs::write(&stranger, &adapter)?;
    let mut policy = wide_policy();
    fs::write(folder.join("policy.json"), sign_policy(&policy, &[1, 2]))?;
    policy.version = 2;
    policy.revoked.digests.push(sha256);
    fs::write(folder.join("revoking.json"), sign_policy(&policy, &[1, 2]))?;
    // One thread: reading short prompts, several wait for one another beside other work.
    let options = EngineOptions {
        threads: Some(1),
        ..EngineOptions::default()
    };
    let engine = engine(smollm2(), &options);
    let head = reward_head(&engine).to_gguf()?;
    let mut released = release(&head, &base);
    released.kind = SubjectKind::RewardHead;
    released.channel = name("judges");
    let released = Predicate::Release(Box::new(released));
    let reward = folder.join("reward.gguf");
    fs::write(
        bundle_path(&reward),
        attest(Digest::of(&head), released, &[11, 12]),
    )?;
    fs::write(&reward, head)?;
    Ok(())
}
