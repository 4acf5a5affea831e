//! Parses and audits a model file: `cargo run --release -p pocketune-gguf --example audit -- MODEL.gguf`.
#![forbid(unsafe_code)]

use pocketune_gguf::{Gguf, audit_model};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: audit MODEL.gguf")?;
    let bytes = std::fs::read(&path)?;
    let start = Instant::now();
    let gguf = Gguf::parse(&bytes, bytes.len() as u64)?;
    let parsed = start.elapsed();
    let header = audit_model(&gguf)?;
    let audited = start.elapsed().saturating_sub(parsed);
    println!(
        "version {}, alignment {}, data at {}",
        gguf.version(),
        gguf.alignment(),
        gguf.data_offset()
    );
    println!(
        "{} keys, {} tensors",
        gguf.metadata().len(),
        gguf.tensors().len()
    );
    println!("{header:#?}");
    println!("parsed in {parsed:?}, audited in {audited:?}");
    Ok(())
}
