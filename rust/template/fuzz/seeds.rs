//! Writes the templates and snippets of the tests as seeds: `cargo run --bin seeds -- corpus/template`.

use std::fs;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    fs::create_dir_all(&directory)?;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/published");
    for entry in fs::read_dir(tests)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jinja")
            && let Some(name) = path.file_stem()
        {
            let source = fs::read_to_string(&path)?;
            fs::write(directory.join(name), format!("{source}\0 <|im_end|> Hi\n"))?;
        }
    }
    Ok(())
}
