//! Small text files that the command line names, and the places it knows.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pocketune_core::{DigestCache, ModelSource};

use crate::error::CliError;

/// Prompts, grammars, schemas and templates are far smaller.
const TEXT_BYTES_MAX: u64 = 1 << 20;
const DEFAULT_MODEL: &str = "smollm2-135m-instruct-q4_1.gguf";

/// The model to use: the one given, or the default one if it was fetched.
pub(crate) fn model_path(given: Option<&Path>) -> Result<PathBuf, CliError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let models = set_variable("POCKETUNE_MODELS")
        .map(PathBuf::from)
        .or_else(|| Some(cache_root()?.join("models")));
    models
        .map(|models| models.join(DEFAULT_MODEL))
        .filter(|path| path.exists())
        .ok_or(CliError::NoModel)
}

pub(crate) fn model_source(given: Option<&Path>) -> Result<ModelSource, CliError> {
    Ok(ModelSource::Path(model_path(given)?))
}

/// Digests of models seen before, so that each is hashed once.
pub(crate) fn digest_cache() -> Arc<DigestCache> {
    Arc::new(match cache_root() {
        Some(root) => DigestCache::in_file(root.join("digests.json")),
        None => DigestCache::in_memory(),
    })
}

/// Reads a text file; `-` is standard input. `what` names it in errors.
pub(crate) fn read_text(what: &'static str, path: &Path) -> Result<String, CliError> {
    let unreadable = |source| CliError::Unreadable { what, source };
    if path == Path::new("-") {
        return read_bounded(what, std::io::stdin().lock());
    }
    read_bounded(what, File::open(path).map_err(unreadable)?)
}

/// Reads a file of at most `limit_bytes`.
pub(crate) fn read_bytes(
    what: &'static str,
    path: &Path,
    limit_bytes: u64,
) -> Result<Vec<u8>, CliError> {
    let unreadable = |source| CliError::Unreadable { what, source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(CliError::TooLong { what, limit_bytes });
    }
    Ok(bytes)
}

pub(crate) fn read_bounded(what: &'static str, from: impl Read) -> Result<String, CliError> {
    let mut text = String::new();
    from.take(TEXT_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|source| CliError::Unreadable { what, source })?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        return Err(CliError::TooLong {
            what,
            limit_bytes: TEXT_BYTES_MAX,
        });
    }
    Ok(text)
}

/// `$XDG_CACHE_HOME/pocketune`, which by the XDG specification must be absolute to count.
fn cache_root() -> Option<PathBuf> {
    let cache = set_variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(set_variable("HOME")?).join(".cache")))?;
    Some(cache.join("pocketune"))
}

fn set_variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
