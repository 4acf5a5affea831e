//! The tensor table of a model file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use pocketune_base::open_regular;
use pocketune_core::Error;
use pocketune_gguf::{Gguf, GgufError};
use serde::Serialize;

use crate::error::CliError;

const FIRST_READ_BYTES: u64 = 1 << 20;

#[derive(Debug, Serialize)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) r#type: &'static str,
    /// The contiguous axis first.
    pub(crate) dims: Vec<u64>,
    pub(crate) bytes: u64,
}

/// Reads the table. The file was audited before; only its tables are read.
pub(crate) fn list(path: &Path) -> Result<Vec<Tensor>, CliError> {
    let mut file = open_regular(path)
        .map_err(io::Error::from)
        .map_err(Error::ModelUnreadable)?;
    let file_bytes = file.metadata().map_err(Error::ModelUnreadable)?.len();
    let mut wanted = FIRST_READ_BYTES;
    loop {
        let bytes =
            read_start(&mut file, wanted.min(file_bytes)).map_err(Error::ModelUnreadable)?;
        match Gguf::parse(&bytes, file_bytes) {
            Ok(gguf) => return Ok(table(&gguf)),
            Err(GgufError::NeedMore { at_least_bytes }) if wanted < file_bytes => {
                wanted = at_least_bytes.max(wanted.saturating_mul(4));
            }
            Err(error) => return Err(Error::ModelInvalid(error).into()),
        }
    }
}

fn read_start(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(bytes).read_to_end(&mut start)?;
    Ok(start)
}

fn table(gguf: &Gguf<'_>) -> Vec<Tensor> {
    let axes = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    gguf.tensors()
        .iter()
        .map(|tensor| Tensor {
            name: tensor.name().to_owned(),
            r#type: tensor.tensor_type().name(),
            dims: tensor
                .dims()
                .into_iter()
                .take(axes(tensor.n_dims()))
                .collect(),
            bytes: tensor.byte_len(),
        })
        .collect()
}
