//! What was measured of arms and baselines, kept in the folder of results: several runs of
//! the program share it.

use std::fs;
use std::path::{Path, PathBuf};

use pocketune_base::{Readers, write_whole};
use pocketune_core::{Digest, Engine, cpu_facts};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::REPLY_TOKENS;
use crate::data::Data;
use crate::obedience::{REQUEST_SEEDS, REQUEST_TOKENS};
use crate::{CONTEXT_TOKENS, Result};

/// Measurements by what they depend on.
pub(crate) struct Kept {
    folder: PathBuf,
    key: Value,
}

#[derive(Serialize, Deserialize)]
struct File<T> {
    key: Value,
    measured: T,
}

impl Kept {
    pub(crate) fn new(folder: &Path, engine: &Engine, data: &Data) -> Result<Self> {
        let key = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "cpu": cpu_facts().features,
            "model": engine.digest()?.to_string(),
            "tokens": [CONTEXT_TOKENS, REPLY_TOKENS, REQUEST_TOKENS],
            "request_seeds": REQUEST_SEEDS,
            "data": data.key()?,
        });
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// What is kept under this name and depends on the same model, data and `more`;
    /// otherwise what `measure` finds, which is kept.
    pub(crate) fn or_measured<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        more: &[Value],
        measure: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let key = json!([self.key, more]);
        let digest = Digest::of(key.to_string().as_bytes()).to_string();
        let short = digest.get(..16).unwrap_or_default();
        let path = self.folder.join(format!("{name}-{short}.json"));
        let found = fs::read(&path).ok();
        let found = found.and_then(|bytes| serde_json::from_slice::<File<T>>(&bytes).ok());
        if let Some(file) = found.filter(|file| file.key == key) {
            return Ok(file.measured);
        }
        let file = File {
            key,
            measured: measure()?,
        };
        write_whole(&path, &serde_json::to_vec(&file)?, Readers::Umask)?;
        Ok(file.measured)
    }
}
