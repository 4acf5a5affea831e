//! The files of a crate, and which module each is.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of a crate.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path, for messages.
    pub path: PathBuf,
    /// The module that it is, outermost first; empty for the crate's root.
    pub module: Vec<String>,
    /// What it says.
    pub text: String,
}

impl SourceFile {
    /// A file at this path below `src/`.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            module: module(Path::new(path)),
            text: text.to_owned(),
        }
    }
}

/// The files under a crate's `src/`, other binaries than `main.rs` left out.
///
/// # Errors
/// What the system says, with the path.
pub fn sources(src: &Path) -> Result<Vec<SourceFile>, String> {
    let mut files = Vec::new();
    for path in rust_files(src)? {
        let below = path.strip_prefix(src).unwrap_or(&path);
        if below.starts_with("bin") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| in_file(&path, &error))?;
        let module = module(below);
        files.push(SourceFile { path, module, text });
    }
    Ok(files)
}

/// All Rust files below a folder, in order; without what builds leave there.
///
/// # Errors
/// What the system says, with the path.
pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| in_file(&folder, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| in_file(&folder, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let left_out = matches!(name, Some("target" | "build" | ".git" | ".build"));
            if path.is_dir() && !left_out {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn in_file(path: &Path, fault: &dyn std::fmt::Display) -> String {
    format!("{}: {fault}", path.display())
}

fn module(below_src: &Path) -> Vec<String> {
    let parts = below_src.with_extension("");
    let mut parts: Vec<String> = parts
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let is_named_by_its_folder = match parts.as_slice() {
        [only] => only == "lib" || only == "main",
        [.., last] => last == "mod",
        [] => false,
    };
    if is_named_by_its_folder {
        parts.pop();
    }
    parts
}
