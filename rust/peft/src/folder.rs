//! The folder that PEFT wrote.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::error::{PeftError, shown};

/// PEFT's name for the configuration.
pub const CONFIG: &str = "adapter_config.json";
/// PEFT's name for the weights.
pub const TENSORS: &str = "adapter_model.safetensors";
const PICKLE: &str = "adapter_model.bin";
/// A configuration is a few kilobytes; one with a rank for each module may be far longer.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// So many files of a folder are looked at for a hint.
const HINT_FILES_MAX: usize = 1000;

/// Whether PEFT's configuration is in `folder`. Reads names alone. A folder that cannot be
/// looked into passes: reading the file says why.
///
/// # Errors
/// [`PeftError::NotAFolder`]; [`PeftError::FileMissing`], with a hint about what lies there
/// instead.
pub fn check_config(folder: &Path) -> Result<(), PeftError> {
    if folder.is_file() {
        return Err(PeftError::NotAFolder);
    }
    present(folder, CONFIG, config_hint)
}

/// As [`check_config`], of the weights.
///
/// # Errors
/// [`PeftError::FileMissing`].
pub fn check_tensors(folder: &Path) -> Result<(), PeftError> {
    present(folder, TENSORS, tensors_hint)
}

fn present(
    folder: &Path,
    file: &'static str,
    hint: fn(&[Entry]) -> String,
) -> Result<(), PeftError> {
    if folder.join(file).exists() {
        return Ok(());
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    let mut entries: Vec<Entry> = entries
        .take(HINT_FILES_MAX)
        .filter_map(|entry| Entry::of(&entry.ok()?.path()))
        .collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Err(PeftError::FileMissing {
        file,
        hint: hint(&entries),
    })
}

/// What lies in the folder instead.
struct Entry {
    name: String,
    /// A folder that is an adapter itself, such as a checkpoint.
    is_adapter: bool,
}

impl Entry {
    fn of(path: &Path) -> Option<Self> {
        Some(Self {
            name: path.file_name().and_then(OsStr::to_str)?.to_owned(),
            is_adapter: path.join(CONFIG).is_file(),
        })
    }
}

fn config_hint(entries: &[Entry]) -> String {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if let Some(inner) = entries.iter().find(|entry| entry.is_adapter) {
        format!("; one is in its folder {}", shown(&inner.name))
    } else if has("adapters.safetensors") || has("adapters.npz") {
        "; it seems to come from MLX, whose adapters have another form".to_owned()
    } else if has("config.json") {
        "; it holds a whole model, no adapter".to_owned()
    } else {
        String::new()
    }
}

fn tensors_hint(entries: &[Entry]) -> String {
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    let tensors = |entry: &&Entry| entry.name.ends_with(".safetensors");
    let part = |entry: &&Entry| entry.name.contains("-of-") || entry.name.ends_with(".index.json");
    if has(PICKLE) {
        format!(
            "; {PICKLE} is a pickle, which may run code when it is read. Where you trust it, load the adapter with \
             PEFT and save it with save_pretrained, or: python -c \"import torch, safetensors.torch as s; \
             s.save_file({{k: v.contiguous() for k, v in torch.load('{PICKLE}', weights_only=True).items()}}, \
             '{TENSORS}')\""
        )
    } else if let Some(part) = entries.iter().find(part) {
        format!(
            "; {} is a part of several, which PEFT itself does not read: save the adapter as one file",
            shown(&part.name)
        )
    } else if let Some(other) = entries.iter().find(tensors) {
        format!("; if {} is it, give it that name", shown(&other.name))
    } else {
        String::new()
    }
}
