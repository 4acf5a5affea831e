//! From PEFT to GGUF.

use std::collections::BTreeSet;

use pocketune_gguf::GgufBuilder;
use safetensors::SafeTensors;

use crate::config::{Config, Setting};
use crate::error::PeftError;
use crate::layout::{Layout, Matrix};
use crate::tensors::{Half, Pair, Values, name, pairs};

/// An adapter and what PEFT would have warned of.
pub struct Imported {
    /// The adapter's file.
    pub gguf: Vec<u8>,
    /// Keys of patterns that match no module.
    pub idle_patterns: Vec<String>,
}

/// An adapter in GGUF of `file`, PEFT's weights, under its configuration.
///
/// # Errors
/// [`PeftError`], with the field, tensor or module that is to blame.
pub fn to_gguf(layout: &Layout<'_>, config: &Config, file: &[u8]) -> Result<Imported, PeftError> {
    let tensors = SafeTensors::deserialize(file)?;
    let pairs = pairs(&tensors)?;
    if pairs.is_empty() {
        return Err(PeftError::NoTensors);
    }
    let base_name = config.base_name.as_ref();
    let trained_on = base_name.map_or_else(String::new, |name| format!(", {name}"));
    let matrix = |(module, pair): (&String, &Pair<'_>)| {
        let matrix = layout.matrix(module, &trained_on)?;
        check_shapes(module, pair, &matrix, &trained_on)?;
        Ok(matrix)
    };
    let matrices: Vec<Matrix> = pairs.iter().map(matrix).collect::<Result<_, PeftError>>()?;
    let modules: Vec<&str> = pairs.keys().map(String::as_str).collect();
    let found: BTreeSet<&str> = modules.iter().copied().collect();
    config.targets.check(&found, layout.modules())?;
    let (settings, idle_patterns) = config.settings(&modules)?;
    for ((module, pair), setting) in pairs.iter().zip(&settings) {
        check_rank(module, pair, setting)?;
    }
    let alpha = alpha(&modules, &settings)?;
    let mut builder = GgufBuilder::new();
    builder
        .metadata("general.type", "adapter")
        .metadata("general.architecture", layout.architecture)
        .metadata("adapter.type", "lora")
        .metadata("adapter.lora.alpha", alpha as f32)
        .metadata("pocketune.imported_from", "peft");
    for (((module, pair), matrix), setting) in pairs.iter().zip(&matrices).zip(&settings) {
        let order = layout.rows(&matrix.tensor, matrix.rows);
        let factor = setting.scale * setting.rank as f64 / alpha;
        let a = Values::of(&name(module, Half::A), &pair.a)?;
        let b_name = name(module, Half::B);
        let b = Values::of(&b_name, &pair.b)?;
        let b = b.permuted(&order).scaled(&b_name, factor)?;
        let half = |half: &str| format!("{}.{half}", matrix.tensor);
        let dims = [matrix.columns as u64, setting.rank];
        builder.tensor(&half("lora_a"), a.tensor_type, &dims, a.bytes);
        let dims = [setting.rank, matrix.rows as u64];
        builder.tensor(&half("lora_b"), b.tensor_type, &dims, b.bytes);
    }
    let built = builder.build();
    Ok(Imported {
        gguf: built.map_err(|error| PeftError::NotBuilt(error.to_string()))?,
        idle_patterns,
    })
}

/// A of r x columns and B of rows x r, for a matrix of rows x columns.
fn check_shapes(
    module: &str,
    pair: &Pair<'_>,
    matrix: &Matrix,
    trained_on: &str,
) -> Result<(), PeftError> {
    let (&[rank_a, columns], &[rows, rank_b]) = (pair.a.shape(), pair.b.shape()) else {
        // Checked with the names.
        return Ok(());
    };
    if (rows, columns) != (matrix.rows, matrix.columns) {
        let reason = format!(
            "its module {module} is a matrix of {rows} x {columns}, here it has {} x {}",
            matrix.rows, matrix.columns
        );
        return Err(PeftError::OtherModel {
            trained_on: trained_on.to_owned(),
            reason,
        });
    }
    if rank_a != rank_b {
        return Err(PeftError::RanksDiffer {
            module: module.to_owned(),
            rank_a,
            rank_b,
        });
    }
    Ok(())
}

fn check_rank(module: &str, pair: &Pair<'_>, setting: &Setting) -> Result<(), PeftError> {
    match pair.a.shape().first() {
        Some(&found) if found as u64 != setting.rank => Err(PeftError::OtherRank {
            module: module.to_owned(),
            found,
            configured: setting.rank,
            field: setting.rank_from.clone(),
        }),
        _ => Ok(()),
    }
}

/// GGUF has one alpha for all modules: that of the first whose scale is not 0. The factors
/// of others go into their B. An alpha of 0 would mean none, and so a scale of 1.
fn alpha(modules: &[&str], settings: &[Setting]) -> Result<f64, PeftError> {
    for (module, setting) in modules.iter().zip(settings) {
        if setting.scale != 0.0 && !(setting.scale as f32).is_normal() {
            return Err(PeftError::ScaleRange {
                module: (*module).to_owned(),
                scale: setting.scale,
            });
        }
    }
    let mut alphas = settings
        .iter()
        .map(|setting| setting.scale * setting.rank as f64);
    let alpha = alphas.find(|&alpha| alpha != 0.0);
    alpha.ok_or(PeftError::ScalesZero)
}
