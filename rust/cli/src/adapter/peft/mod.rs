//! LoRAs of PEFT, to and from GGUF.
//!
//! PEFT keeps A and B as rows (`lora_A` r x K, `lora_B` N x r), as GGUF does. What
//! differs: names, the order of Q's and K's rows in `llama` models, whose rotary halves
//! GGUF interleaves, and scales, which PEFT has by module and GGUF once.

mod config;
mod export;
mod import;
mod layout;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ADAPTER_BYTES_MAX, identify};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::{model_path, model_source, read_bytes};
use crate::out_files::{OutFile, OutFolder, Places, write, write_all};
use crate::output::Output;

/// Turn a LoRA of PEFT into an adapter
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Folder with adapter_config.json and adapter_model.safetensors
    folder: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Where the adapter goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Turn an adapter into a LoRA of PEFT
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The adapter
    file: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Folder that adapter_config.json and adapter_model.safetensors go to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The base model's name for PEFT
    #[arg(long, default_value = "", value_name = "NAME")]
    base_name: String,
}

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";

pub(super) fn import(args: &ImportArgs, output: &Output) -> Result<ExitCode, CliError> {
    let [config, tensors] = [CONFIG, TENSORS].map(|name| args.folder.join(name));
    let model = model_path(args.model.model.as_deref()).ok();
    let mut places = Places::beside([&config, &tensors].into_iter().chain(&model));
    let out = places.file("--out", &args.out)?;
    let layout = layout::Layout::of(&model_source(args.model.model.as_deref())?)?;
    let config = read_bytes("PEFT configuration", &config, 1 << 20)?;
    let tensors = read_bytes("PEFT weights", &tensors, ADAPTER_BYTES_MAX)?;
    let bytes = import::to_gguf(&layout, &config::Config::parse(&config)?, &tensors)?;
    // Nothing is written that is no adapter for this model.
    let base = identify(&args.model)?;
    let adapter = super::parse_bytes(bytes, &base)?;
    write(&out, adapter.bytes())?;
    super::inspect(&adapter, &base, output)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn export(args: &ExportArgs, output: &Output) -> Result<ExitCode, CliError> {
    let model = model_path(args.model.model.as_deref()).ok();
    let folder = OutFolder::check("--out", &args.out)?;
    let mut places = Places::beside(model.iter().chain([&args.file]));
    if folder.exists() {
        args.out_files(&mut places)?;
    }
    let layout = layout::Layout::of(&model_source(args.model.model.as_deref())?)?;
    let base = identify(&args.model)?;
    let adapter = super::parse(&args.file, &base)?;
    let (config, tensors) = export::from_gguf(&layout, &adapter, &args.base_name)?;
    folder.fill(|| {
        let [to_config, to_tensors] = args.out_files(&mut Places::default())?;
        write_all(&[(&to_tensors, &tensors), (&to_config, &config)])
    })?;
    if output.json {
        output.json(&json!({ "tensors": adapter.tensors() }))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl ExportArgs {
    fn out_files(&self, places: &mut Places) -> Result<[OutFile; 2], CliError> {
        let file = |name| places.file(name, &self.out.join(name));
        let [config, tensors] = [CONFIG, TENSORS].map(file);
        Ok([config?, tensors?])
    }
}

/// What a LoRA of PEFT says that GGUF cannot.
fn refused<T>(reason: impl Into<String>) -> Result<T, CliError> {
    Err(CliError::Peft(reason.into()))
}
