//! `inspect`: what is known about a model file before it is loaded.

use std::process::ExitCode;

use clap::Args;
use pocketune_core::{Engine, EngineOptions, ModelFacts, ModelHeader};
use serde_json::{Value, json};

use crate::args::ModelArgs;
use crate::error::CliError;
use crate::estimate::EstimateReport;
use crate::files;
use crate::load;
use crate::output::{Output, grouped, human_bytes, line};
use crate::tensors::{self, Tensor};

const EXAMPLES: &str = "\
Examples:
  pocketune inspect
  pocketune inspect --model other.gguf --tensors
  pocketune inspect --json";

/// Show a model file's metadata and memory estimate
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// List the tensors
    #[arg(long)]
    tensors: bool,
}

pub(crate) fn run(args: &InspectArgs, output: &Output) -> Result<ExitCode, CliError> {
    let path = files::model_path(args.model.model.as_deref())?;
    let source = pocketune_core::ModelSource::Path(path.clone());
    let facts = Engine::inspect(&source)?;
    let waiting = output.spinner("hashing");
    let digest = Engine::digest_of(&source, &files::digest_cache())?;
    waiting.finish_and_clear();
    let estimate = EstimateReport::from(&Engine::estimate(&source, &EngineOptions::default())?);
    let tensors = if args.tensors {
        Some(tensors::list(&path)?)
    } else {
        None
    };
    if output.json {
        let mut object = facts_json(&facts);
        object["sha256"] = json!(digest.to_string());
        object["memory"] = json!(estimate);
        if let Some(tensors) = tensors {
            object["tensors"] = json!(tensors);
        }
        output.json(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = facts_rows(&facts);
    rows.push(("sha256", digest.to_string()));
    rows.extend(estimate.rows());
    output.rows(&rows)?;
    for tensor in tensors.iter().flatten() {
        output.text(&tensor_line(tensor))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tensor_line(tensor: &Tensor) -> String {
    let dims: Vec<_> = tensor.dims.iter().map(u64::to_string).collect();
    let bytes = human_bytes(tensor.bytes);
    let name = line(&tensor.name);
    format!(
        "{:>7}  {:>16}  {bytes:>10}  {name}\n",
        tensor.r#type,
        dims.join(" × ")
    )
}

fn facts_rows(facts: &ModelFacts) -> Vec<(&'static str, String)> {
    let header = &facts.header;
    let mut rows = vec![
        ("model", load::title(facts)),
        ("architecture", header.architecture.name().to_owned()),
        ("quantization", line(&header.quantization)),
        ("parameters", grouped(header.parameters)),
        ("file", human_bytes(facts.file_bytes)),
        (
            "license",
            line(header.license.as_deref().unwrap_or("not named")),
        ),
        (
            "trained context",
            format!("{} tokens", grouped(u64::from(header.context_length))),
        ),
        (
            "layers",
            format!("{}, width {}", header.block_count, header.embedding_length),
        ),
        (
            "heads",
            format!(
                "{}, {} of keys and values",
                header.head_count, header.head_count_kv
            ),
        ),
        (
            "vocabulary",
            format!("{} tokens", grouped(u64::from(header.vocabulary_size))),
        ),
        (
            "chat template",
            if facts.has_chat_template() {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        ),
    ];
    if let Some(window) = &header.sliding_window {
        let sliding = window.layers.iter().filter(|&&slides| slides).count();
        rows.push((
            "sliding window",
            format!("{} tokens in {sliding} layers", window.tokens),
        ));
    }
    rows
}

fn facts_json(facts: &ModelFacts) -> Value {
    let header: &ModelHeader = &facts.header;
    let tokenizer = &header.tokenizer;
    let rope = &header.rope;
    json!({
        "name": header.name,
        "architecture": header.architecture.name(),
        "quantization": header.quantization,
        "size_label": header.size_label,
        "license": header.license,
        "file_bytes": facts.file_bytes,
        "tensor_bytes": header.tensor_bytes,
        "parameters": header.parameters,
        "context_length": header.context_length,
        "embedding_length": header.embedding_length,
        "block_count": header.block_count,
        "head_count": header.head_count,
        "head_count_kv": header.head_count_kv,
        "key_length": header.key_length,
        "value_length": header.value_length,
        "feed_forward_length": header.feed_forward_length,
        "rms_norm_epsilon": header.rms_norm_epsilon,
        "rope": {
            "dimension_count": rope.dimension_count,
            "freq_base": rope.freq_base,
            "freq_base_sliding": rope.freq_base_sliding,
            "scaling": rope.scaling,
            "scaling_factor": rope.scaling_factor,
        },
        "sliding_window": header.sliding_window.as_ref().map(|window| json!({
            "tokens": window.tokens,
            "layers": window.layers,
        })),
        "vocabulary_size": header.vocabulary_size,
        "tokenizer": {
            "model": tokenizer.model,
            "pre": tokenizer.pre,
            "bos": tokenizer.bos,
            "eos": tokenizer.eos,
            "eot": tokenizer.eot,
            "unknown": tokenizer.unknown,
            "padding": tokenizer.padding,
            "add_bos": tokenizer.add_bos,
            "add_eos": tokenizer.add_eos,
        },
        "chat_template": header.chat_template,
    })
}
