//! Where a model comes from, and its checked header.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pocketune_adapter::{BaseModel, Digest, tokenizer_fingerprint};
use pocketune_base::{OpenError, check_regular, open_regular};
use pocketune_gguf::{Gguf, GgufError, ModelHeader, audit_model};
use pocketune_kernels::MappedFile;
use pocketune_llama::duplicate_descriptor;

use crate::digest::DigestCache;
use crate::error::Error;
use crate::facts::ModelFacts;

/// A model file: a path, or an open descriptor as Android's content resolver hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A file to open.
    Path(PathBuf),
    /// An open, seekable descriptor of the whole file. It is duplicated: the
    /// caller keeps and closes its own. Its file offset moves.
    Descriptor(RawFd),
}

/// One opened file with the header that was checked in it. Everything later
/// reads this same open file, never the path again.
#[derive(Debug)]
pub(crate) struct ModelFile {
    pub(crate) file: File,
    pub(crate) facts: ModelFacts,
    pub(crate) base: Arc<BaseModel>,
    pub(crate) tokenizer_sha256: Digest,
    // Of this process: whoever reads weights shares it. llama.cpp maps the file by itself.
    mapping: OnceLock<Arc<MappedFile>>,
    digest: OnceLock<Digest>,
    // Hashing moves the file's offset: one at a time.
    hashing: Mutex<()>,
}

/// Metadata is read in growing pieces, so that a small header costs little.
const FIRST_READ_BYTES: u64 = 1 << 20;

impl ModelSource {
    pub(crate) fn open(&self) -> Result<ModelFile, Error> {
        let mut file = match self {
            Self::Path(path) => open_regular(path).map_err(unopened)?,
            Self::Descriptor(fd) => {
                File::from(duplicate_descriptor(*fd).map_err(Error::from_load)?)
            }
        };
        check_regular(&file).map_err(unopened)?;
        let file_bytes = file.metadata().map_err(Error::ModelUnreadable)?.size();
        let (header, base, tokenizer_sha256) = read_header(&mut file, file_bytes)?;
        Ok(ModelFile {
            file,
            facts: ModelFacts { file_bytes, header },
            base: Arc::new(base),
            tokenizer_sha256,
            mapping: OnceLock::new(),
            digest: OnceLock::new(),
            hashing: Mutex::new(()),
        })
    }
}

impl ModelFile {
    /// All bytes of the file, mapped when they are first asked for.
    pub(crate) fn mapped(&self) -> Result<Arc<MappedFile>, Error> {
        if let Some(mapping) = self.mapping.get() {
            return Ok(Arc::clone(mapping));
        }
        let mapping = MappedFile::of(&self.file).map_err(Error::ModelUnreadable)?;
        Ok(Arc::clone(self.mapping.get_or_init(|| Arc::new(mapping))))
    }

    /// SHA-256 of the file, hashed when it is first asked for and `digests` does not know it.
    pub(crate) fn digest(&self, digests: &DigestCache) -> io::Result<Digest> {
        let _one = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let digest = digests.digest(&self.file)?;
        Ok(*self.digest.get_or_init(|| digest))
    }
}

fn unopened(error: OpenError) -> Error {
    match error {
        OpenError::NotAFile { found } => Error::ModelNotAFile { found },
        OpenError::Io(error) => Error::ModelUnreadable(error),
    }
}

fn read_header(
    file: &mut File,
    file_bytes: u64,
) -> Result<(ModelHeader, BaseModel, Digest), Error> {
    file.seek(SeekFrom::Start(0))
        .map_err(Error::ModelUnreadable)?;
    let mut bytes = Vec::new();
    let mut wanted = FIRST_READ_BYTES;
    loop {
        let missing = wanted.min(file_bytes).saturating_sub(bytes.len() as u64);
        // No more than the tables take, which the parser bounds.
        bytes
            .try_reserve_exact(usize::try_from(missing).unwrap_or(usize::MAX))
            .map_err(|_| Error::AllocationFailed)?;
        file.take(missing)
            .read_to_end(&mut bytes)
            .map_err(Error::ModelUnreadable)?;
        match Gguf::parse(&bytes, file_bytes) {
            Err(GgufError::NeedMore { at_least_bytes }) if wanted < file_bytes => {
                wanted = at_least_bytes.max(wanted.saturating_mul(4)).min(file_bytes);
            }
            parsed => {
                let gguf = parsed?;
                let architecture = gguf.metadata().read::<&str>("general.architecture");
                let of_model = |fault| Error::of_model(architecture.ok().flatten(), fault);
                return Ok((
                    audit_model(&gguf).map_err(of_model)?,
                    BaseModel::of(&gguf)?,
                    tokenizer_fingerprint(&gguf),
                ));
            }
        }
    }
}
