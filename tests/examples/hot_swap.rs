//! How long it takes from a signed adapter in the store to an engine computing under it:
//! read, hash, verify, check, load, activate.
//!
//!     cargo run --release --example hot_swap [-- SWAPS]
//!
//! Two adapters of rank 8 on all projections of the default model take turns. Prints one
//! JSON line with the median and the longest time, in milliseconds; fails above 50.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use pocketune_adapter::fixtures::{at, bundle, sign_policy};
use pocketune_core::{Digest, EngineOptions, Store};
use pocketune_store::bundle_path;
use pocketune_tests::delivery::{trained, wide_policy};
use pocketune_tests::{engine, smollm2};
use serde_json::json;

const BAR_MS: f64 = 50.0;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let swaps: usize = std::env::args().nth(1).map_or(Ok(40), |n| n.parse())?;
    let now = at("2026-11-25T07:00:00Z");
    let folder = tempfile::tempdir()?;
    let engine = Arc::new(engine(smollm2(), &EngineOptions::default()));
    let store = Store::open_with(&folder.path().join("store"), engine, None)?;
    let adapters = store.adapters();
    let policy = sign_policy(&wide_policy(), &[1, 2]);
    store.pin_policy(&policy, now)?;
    let mut digests: Vec<Digest> = Vec::new();
    for version in [1, 2] {
        let bytes = trained(version, 1e-3)?;
        let path = folder.path().join(format!("{version}.gguf"));
        let said = bundle(&bytes, adapters.base()?, |release| {
            release.version = version
        });
        fs::write(&path, bytes)?;
        fs::write(bundle_path(&path), said)?;
        digests.push(adapters.install(&path, now)?.sha256());
    }
    let mut times: Vec<f64> = Vec::new();
    for swap in 0..swaps {
        let started = Instant::now();
        adapters.activate(&[(digests[swap % 2], 1.0)], now)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let adapter_bytes = adapters.installed()?[0].size_bytes;
    let report = json!({
        "swaps": swaps,
        "adapter_bytes": adapter_bytes,
        "median_ms": median,
        "longest_ms": times.last(),
    });
    println!("{report}");
    Ok(if median <= BAR_MS {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
