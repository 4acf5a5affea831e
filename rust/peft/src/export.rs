//! From GGUF to PEFT.

use std::collections::{BTreeMap, BTreeSet};

use pocketune_adapter::CandidateAdapter;
use pocketune_gguf::{GgmlType, Gguf};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;

use crate::error::PeftError;
use crate::layout::Layout;
use crate::tensors::{Half, name};

/// `adapter_config.json` and `adapter_model.safetensors` of an adapter.
///
/// # Errors
/// [`PeftError::NoModule`], [`PeftError::NotBuilt`].
pub fn from_gguf(
    layout: &Layout<'_>,
    adapter: &CandidateAdapter,
    base_name: &str,
) -> Result<(Vec<u8>, Vec<u8>), PeftError> {
    let broken = |error: &dyn std::fmt::Display| PeftError::NotBuilt(error.to_string());
    let bytes = adapter.bytes();
    let gguf = Gguf::parse(bytes, bytes.len() as u64).map_err(|error| broken(&error))?;
    let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut ranks: BTreeMap<String, u64> = BTreeMap::new();
    for pair in adapter.pairs() {
        let Some(module) = layout.module(&pair.target) else {
            return Err(PeftError::NoModule(pair.target.clone()));
        };
        for (half, peft) in [("lora_a", Half::A), ("lora_b", Half::B)] {
            let Some(tensor) = gguf.tensor(&format!("{}.{half}", pair.target)) else {
                continue;
            };
            let data = gguf.tensor_data(tensor, bytes).unwrap_or_default();
            let [columns, rows, ..] = tensor.dims();
            let (columns, rows) = (columns as usize, rows as usize);
            let dtype = match tensor.tensor_type() {
                GgmlType::F16 => Dtype::F16,
                GgmlType::BF16 => Dtype::BF16,
                _ => Dtype::F32,
            };
            let width = data.len() / rows.max(1);
            let mut out = vec![0; data.len()];
            let order = match half {
                "lora_b" => layout.rows(&pair.target, rows),
                _ => (0..rows).collect(),
            };
            for (row, &to) in data.chunks_exact(width.max(1)).zip(&order) {
                out[to * width..][..width].copy_from_slice(row);
            }
            tensors.insert(name(&module, peft), (dtype, vec![rows, columns], out));
        }
        ranks.insert(module, pair.rank);
    }
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        let view = TensorView::new(*dtype, shape.clone(), data);
        view.map(|view| (name, view))
            .map_err(|error| broken(&error))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let file = safetensors::serialize(views, None).map_err(|error| broken(&error))?;
    let modules: Vec<String> = layout.modules().collect();
    Ok((config(adapter, &ranks, &modules, base_name), file))
}

fn config(
    adapter: &CandidateAdapter,
    ranks: &BTreeMap<String, u64>,
    modules: &[String],
    base_name: &str,
) -> Vec<u8> {
    let rank = adapter.lora_facts().rank;
    let alpha = adapter.alpha();
    let others = || ranks.iter().filter(|&(_, &other)| other != rank);
    let rank_pattern: BTreeMap<&String, u64> = others().map(|(name, &r)| (name, r)).collect();
    // Without alpha the scale is 1: alpha is then each module's rank.
    let alpha_pattern: BTreeMap<&String, u64> = match alpha {
        Some(_) => BTreeMap::new(),
        None => rank_pattern.clone(),
    };
    let document = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": rank,
        "lora_alpha": alpha.map_or(rank as f64, f64::from),
        "target_modules": targets(ranks, modules),
        "rank_pattern": rank_pattern,
        "alpha_pattern": alpha_pattern,
        "bias": "none",
        "lora_dropout": 0.0,
        "inference_mode": true,
    });
    serde_json::to_vec_pretty(&document).unwrap_or_default()
}

/// The last parts of the names where those name no other modules of the model, else the
/// names in full.
fn targets(ranks: &BTreeMap<String, u64>, modules: &[String]) -> Vec<String> {
    let last = |module: &str| module.rsplit('.').next().unwrap_or(module).to_owned();
    let short: BTreeSet<String> = ranks.keys().map(|module| last(module)).collect();
    let mut named = modules
        .iter()
        .filter(|module| short.contains(&last(module)));
    if named.all(|module| ranks.contains_key(module)) {
        short.into_iter().collect()
    } else {
        ranks.keys().cloned().collect()
    }
}
