//! LoRAs of PEFT, to and from adapters.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pocketune_core::{CandidateAdapter, Engine, Error};
use pocketune_peft::{
    CONFIG, CONFIG_BYTES_MAX, Config, Layout, TENSORS, check_config, check_tensors, from_gguf,
    to_gguf,
};
use serde_json::json;

use super::{ADAPTER_BYTES_MAX, identify};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::{model_path, model_source, read_bytes};
use crate::out_files::{OutFile, OutFolder, Places, write, write_all};
use crate::output::Output;

const IMPORT_HELP: &str = "\
The adapter computes what PEFT 0.21.2 computes from the same folder, or it is refused, and the
reason names the field, the tensor or the module.

Applied: r, lora_alpha, use_rslora, and rank_pattern and alpha_pattern, whose keys are regular
expressions in the order of the file.
Refused: what changes more than a product of two matrices (DoRA, biases, whole modules, tokens),
what changes the base model's weights (init_lora_weights of pissa, olora, corda, loftq, lora_ga:
save those with path_initial_model_for_weight_conversion), fields that are not known.

rust/FORMATS.md lists every field.";

/// Turn a LoRA of PEFT into an adapter
#[derive(Debug, Args)]
#[command(after_help = IMPORT_HELP)]
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

pub(super) fn import(args: &ImportArgs, output: &Output) -> Result<ExitCode, CliError> {
    let files = [CONFIG, TENSORS].map(|name| args.folder.join(name));
    let model = model_path(args.model.model.as_deref()).ok();
    let mut places = Places::beside(files.iter().chain(&model));
    let out = places.personal("--out", &args.out)?;
    let header = Engine::inspect(&model_source(args.model.model.as_deref())?)?.header;
    check_config(&args.folder)?;
    let [config, tensors] = &files;
    let config = Config::parse(&read_bytes("PEFT configuration", config, CONFIG_BYTES_MAX)?)?;
    check_tensors(&args.folder)?;
    let tensors = read_bytes("PEFT weights", tensors, ADAPTER_BYTES_MAX)?;
    let base = identify(&args.model)?;
    let layout = Layout::new(&header, &base.shapes);
    let imported = to_gguf(&layout, &config, &tensors)?;
    // What is written is an adapter for this model.
    let adapter = CandidateAdapter::parse(imported.gguf, &base.shapes).map_err(Error::from)?;
    write(&out, adapter.bytes())?;
    for pattern in imported.idle_patterns {
        output.note(&format!(
            "no module matches {pattern}; PEFT passes over it too"
        ));
    }
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
    let header = Engine::inspect(&model_source(args.model.model.as_deref())?)?.header;
    let base = identify(&args.model)?;
    let adapter = super::parse(&args.file, &base)?;
    let layout = Layout::new(&header, &base.shapes);
    let (config, tensors) = from_gguf(&layout, &adapter, &args.base_name)?;
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
        let file = |name| places.personal(name, &self.out.join(name));
        let [config, tensors] = [CONFIG, TENSORS].map(file);
        Ok([config?, tensors?])
    }
}
