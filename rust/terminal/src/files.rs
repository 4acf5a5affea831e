//! Small text files that the command line names, and the places it knows.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pocketune_base::{OpenError, open_regular};
use pocketune_core::{DigestCache, ModelSource};
use zeroize::Zeroizing;

use crate::error::RunError;

/// Prompts, grammars, schemas and templates are far smaller.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Keys of every kind are far shorter, and passphrases too. So much memory is taken at once.
const SECRET_BYTES_MAX: usize = 1 << 16;
const DEFAULT_MODEL: &str = "smollm2-135m-instruct-q4_1.gguf";

/// The model to use: the one given, or the default one if it was fetched.
pub fn model_path(given: Option<&Path>) -> Result<PathBuf, RunError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let models = set_variable("POCKETUNE_MODELS")
        .map(PathBuf::from)
        .or_else(|| Some(cache_root()?.join("models")));
    models
        .map(|models| models.join(DEFAULT_MODEL))
        .filter(|path| path.exists())
        .ok_or(RunError::NoModel)
}

/// The same for an engine.
pub fn model_source(given: Option<&Path>) -> Result<ModelSource, RunError> {
    Ok(ModelSource::Path(model_path(given)?))
}

/// Digests of models seen before, so that each is hashed once.
pub fn digest_cache() -> Arc<DigestCache> {
    Arc::new(match cache_root() {
        Some(root) => DigestCache::in_file(root.join("digests.json")),
        None => DigestCache::in_memory(),
    })
}

/// A file that somebody named, and what it is read as.
#[derive(Debug, Clone)]
pub struct Named {
    what: &'static str,
    file: String,
}

impl Named {
    /// By its path.
    pub fn new(what: &'static str, path: &Path) -> Self {
        let file = path.display().to_string();
        Self { what, file }
    }

    fn stdin(what: &'static str) -> Self {
        let file = "standard input".to_owned();
        Self { what, file }
    }

    /// That it cannot be read.
    pub fn unreadable(&self, source: io::Error) -> RunError {
        let Self { what, file } = self.clone();
        RunError::Unreadable { what, file, source }
    }

    /// Why a file was not opened; `hint` says how else it may come.
    fn not_opened(&self, error: OpenError, hint: &'static str) -> RunError {
        let Self { what, file } = self.clone();
        match error {
            OpenError::NotAFile { found } => RunError::NotAFile {
                what,
                file,
                found,
                hint,
            },
            OpenError::Io(source) => RunError::Unreadable { what, file, source },
        }
    }

    /// That it is too long.
    pub fn too_long(&self, limit_bytes: u64) -> RunError {
        let Self { what, file } = self.clone();
        RunError::TooLong {
            what,
            file,
            limit_bytes,
        }
    }

    /// Text without byte order marks at its start.
    fn text<'b>(&self, bytes: &'b [u8]) -> Result<&'b str, RunError> {
        let text = pocketune_base::text(bytes);
        text.map_err(|source| RunError::Text {
            file: self.file.clone(),
            source,
        })
    }
}

const STDIN: &str = "-";

/// Reads a text file; `-` is standard input. `what` names it in errors.
pub fn read_text(what: &'static str, path: &Path) -> Result<String, RunError> {
    let bytes = read_or_stdin(what, path, TEXT_BYTES_MAX)?;
    text_of(what, path, &bytes).map(str::to_owned)
}

/// Reads a prompt that is piped in.
pub fn read_prompt(from: impl Read) -> Result<String, RunError> {
    let named = Named::stdin("prompt");
    let bytes = bounded(&named, from, TEXT_BYTES_MAX)?;
    named.text(&bytes).map(str::to_owned)
}

/// Reads a regular file of at most `limit_bytes`; `-` is standard input.
pub fn read_or_stdin(
    what: &'static str,
    path: &Path,
    limit_bytes: u64,
) -> Result<Vec<u8>, RunError> {
    if path == Path::new(STDIN) {
        return bounded(&Named::stdin(what), io::stdin().lock(), limit_bytes);
    }
    let named = Named::new(what, path);
    let file = open_regular(path);
    let file = file.map_err(|error| named.not_opened(error, "; `-` reads standard input"))?;
    bounded(&named, file, limit_bytes)
}

/// Reads a key or a passphrase into memory that is erased when it is dropped; `-` is standard
/// input. Nothing on the way keeps a copy: no buffer of the standard library's, and none that
/// grew.
pub fn read_secret_bytes(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, RunError> {
    let (named, mut file) = if path == Path::new(STDIN) {
        let named = Named::stdin(what);
        let unbuffered = io::stdin().as_fd().try_clone_to_owned();
        let file = unbuffered.map_err(|source| named.unreadable(source))?;
        (named, File::from(file))
    } else {
        let named = Named::new(what, path);
        let file = open_regular(path);
        let file = file.map_err(|error| named.not_opened(error, "; `-` reads standard input"))?;
        (named, file)
    };
    let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES_MAX + 1]);
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(named.unreadable(error)),
        }
    }
    if length > SECRET_BYTES_MAX {
        return Err(named.too_long(SECRET_BYTES_MAX as u64));
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The text of what was read from `path`.
pub fn text_of<'b>(what: &'static str, path: &Path, bytes: &'b [u8]) -> Result<&'b str, RunError> {
    let named = match path == Path::new(STDIN) {
        true => Named::stdin(what),
        false => Named::new(what, path),
    };
    named.text(bytes)
}

/// Reads a regular file of at most `limit_bytes`.
pub fn read_bytes(what: &'static str, path: &Path, limit_bytes: u64) -> Result<Vec<u8>, RunError> {
    let named = Named::new(what, path);
    let file = open(&named, path)?;
    bounded(&named, file, limit_bytes)
}

/// Opens a regular file.
pub fn open(named: &Named, path: &Path) -> Result<File, RunError> {
    open_regular(path).map_err(|error| named.not_opened(error, ""))
}

fn bounded(named: &Named, from: impl Read, limit_bytes: u64) -> Result<Vec<u8>, RunError> {
    let mut bytes = Vec::new();
    from.take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| named.unreadable(source))?;
    match bytes.len() as u64 > limit_bytes {
        true => Err(named.too_long(limit_bytes)),
        false => Ok(bytes),
    }
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
