//! Writes small adapters of the tiny model as seeds into the directory named.

use pocketune_gguf::fixtures::TinyModel;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    let mut adapter = TinyModel::llama().adapter(1, 8.0);
    adapter.set("pocketune.objective", "dpo");
    std::fs::write(directory.join("whole"), adapter.build()?)?;
    adapter
        .tensors
        .retain(|tensor| tensor.name.starts_with("blk.0.attn_q"));
    std::fs::write(directory.join("pair"), adapter.build()?)?;
    Ok(())
}
