//! Writes the tables of the tiny models as seeds into the directory named.

use pocketune_gguf::Gguf;
use pocketune_gguf::fixtures::TinyModel;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    for (name, model) in [
        ("llama", TinyModel::llama()),
        ("gemma3", TinyModel::gemma3()),
    ] {
        let file = model.build()?;
        let tables = Gguf::parse(&file, file.len() as u64)?.data_offset();
        let tables = file.get(..usize::try_from(tables)?).ok_or("no tables")?;
        std::fs::write(directory.join(name), tables)?;
    }
    Ok(())
}
