//! `adapter`: attest, verify, install and use adapters.

mod attest;
mod peft;
mod store;
mod subject;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_core::{BaseIdentity, CandidateAdapter, Engine, Error};
use serde_json::json;

use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::{digest_cache, model_source, read_bytes};
use crate::output::{Output, line};

const EXAMPLES: &str = "\
Examples:
  pocketune adapter import-peft trained-with-peft/ --out brief.gguf
  pocketune adapter inspect brief.gguf
  pocketune adapter attest release brief.gguf --name brief --channel stable --version 3 \\
      --changelog 'Answers are shorter.' --sign release.pem
  pocketune adapter attest validation brief.gguf --evaluation evaluation.json --sign validation.pem
  pocketune adapter verify brief.gguf --policy policy.json --json
  pocketune adapter verify facts.jsonl --kind suite --policy policy.json
  pocketune adapter install brief.gguf --store app --policy policy.json
  pocketune adapter activate 5d41… --store app
  pocketune chat --store app

Attestations (signed in-toto statements in DSSE envelopes) of FILE are in FILE.intoto.jsonl
beside it; each `attest` appends one. An adapter store is the folder in which an app keeps
its installed and active adapters.";

pub(crate) use attest::{UnsignableText, signable_line};

/// An adapter file may be this long.
const ADAPTER_BYTES_MAX: u64 = 1 << 30;

/// Convert, sign, verify, install and activate LoRA adapters
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AdapterArgs {
    #[command(subcommand)]
    command: AdapterCommand,
}

#[derive(Debug, Subcommand)]
enum AdapterCommand {
    /// Show an adapter file's metadata and size of change
    Inspect {
        /// Adapter file (GGUF)
        file: PathBuf,
        #[command(flatten)]
        model: ModelArgs,
    },
    /// Sign a statement about an adapter or another released file
    Attest(attest::AttestArgs),
    Verify(verify::VerifyArgs),
    ImportPeft(peft::ImportArgs),
    ExportPeft(peft::ExportArgs),
    #[command(flatten)]
    Store(store::StoreCommand),
}

pub(crate) fn run(args: &AdapterArgs, output: &Output) -> Result<ExitCode, CliError> {
    match &args.command {
        AdapterCommand::Inspect { file, model } => {
            let base = identify(model)?;
            inspect(&parse(file, &base)?, &base, output)?;
            Ok(ExitCode::SUCCESS)
        }
        AdapterCommand::Attest(args) => attest::run(args, output),
        AdapterCommand::Verify(args) => verify::run(args, output),
        AdapterCommand::ImportPeft(args) => peft::import(args, output),
        AdapterCommand::ExportPeft(args) => peft::export(args, output),
        AdapterCommand::Store(command) => store::run(command, output),
    }
}

/// The model that adapters are to change.
pub(crate) fn identify(model: &ModelArgs) -> Result<BaseIdentity, CliError> {
    let source = model_source(model.model.as_deref())?;
    Ok(Engine::identify(&source, &digest_cache())?)
}

fn parse(path: &Path, base: &BaseIdentity) -> Result<CandidateAdapter, CliError> {
    parse_bytes(read_bytes("adapter", path, ADAPTER_BYTES_MAX)?, base)
}

fn parse_bytes(bytes: Vec<u8>, base: &BaseIdentity) -> Result<CandidateAdapter, CliError> {
    let parsed = CandidateAdapter::parse(bytes, &base.shapes);
    Ok(parsed.map_err(Error::from)?)
}

fn inspect(
    adapter: &CandidateAdapter,
    base: &BaseIdentity,
    output: &Output,
) -> Result<(), CliError> {
    let lora = adapter.lora_facts();
    let changes = adapter.pairs().iter().zip(adapter.update_norms());
    let ratios = changes.map(|(pair, update)| {
        let norm = base.norms.of(&pair.target).unwrap_or(f64::NAN);
        (update / norm, &pair.target)
    });
    let most = ratios.max_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, target) = most.map_or((0.0, "none"), |(ratio, target)| (ratio, target));
    let sha256 = pocketune_core::Digest::of(adapter.bytes());
    if output.json {
        return Ok(output.json(&json!({
            "sha256": sha256,
            "size_bytes": adapter.bytes().len(),
            "lora": lora,
            "pairs": adapter.pairs().len(),
            "update_norm_max": ratio,
            "update_norm_max_at": target,
            "facts": adapter.unverified_facts(),
        }))?);
    }
    let mut rows = vec![
        ("sha256", sha256.to_string()),
        ("bytes", adapter.bytes().len().to_string()),
        ("rank", lora.rank.to_string()),
        (
            "alpha",
            lora.alpha
                .map_or("none".to_owned(), |alpha| alpha.to_string()),
        ),
        ("changes", lora.targets.join(", ")),
        ("at most by", format!("{ratio:.4} of a norm, {target}")),
    ];
    for (name, fact) in adapter.unverified_facts() {
        rows.push(("says", line(&format!("{name} = {fact}"))));
    }
    Ok(output.rows(&rows)?)
}
