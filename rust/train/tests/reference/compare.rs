//! Adapters by formula, and gradients beside those that other programs found. The
//! system tests use this file too.

use pocketune_gguf::fixtures::hashed;
use pocketune_train::{Lora, LoraShape, Model};
use serde_json::Value;

/// The adapter of a case: all projections, neither A nor B zero; `size` is a power
/// of two, so that both sides have the same F32 numbers.
pub fn adapter(model: &Model, case: &Value) -> Lora {
    let shape = LoraShape {
        rank: case["rank"].as_u64().unwrap() as usize,
        alpha: case["alpha"].as_f64().unwrap() as f32,
        ..LoraShape::default()
    };
    let mut lora = Lora::zero(model, shape).unwrap();
    let size = case["size"].as_f64().unwrap() as f32;
    for (index, parameter) in (0..).zip(lora.parameters_mut()) {
        *parameter = hashed(index) * size;
    }
    lora
}

/// Name and gradient of each of the adapter's matrices.
fn by_tensor<'g>(lora: &Lora, gradient: &'g [f32]) -> Vec<(String, &'g [f32])> {
    let mut rest = gradient;
    let mut named = Vec::new();
    for (layer, projection, a, b) in lora.matrices() {
        for (half, matrix) in [("lora_a", a), ("lora_b", b)] {
            let (this, others) = rest.split_at(matrix.rows() * matrix.columns());
            named.push((format!("{}.{half}", projection.tensor(layer)), this));
            rest = others;
        }
    }
    named
}

/// The largest errors over the tensors of an adapter.
#[derive(Debug, Default)]
pub struct Errors {
    /// `‖g − ref‖/‖ref‖`, or that of the norms where only those are known.
    pub tensor: f64,
    /// Of single entries, in units of their tensor's root mean square.
    pub entry: f64,
}

/// How far `gradient` is from what a reference says of each tensor: all entries, or
/// the norm and some entries.
pub fn errors(lora: &Lora, gradient: &[f32], expected: &Value) -> Errors {
    let mut errors = Errors::default();
    let named = by_tensor(lora, gradient);
    assert_eq!(named.len(), expected.as_object().unwrap().len());
    for (name, gradient) in named {
        let expected = &expected[&name];
        let (norm, entries) = known(expected);
        let off = |&(index, value): &(usize, f64)| f64::from(gradient[index]) - value;
        let of_norm = (length(gradient.iter().map(|&g| f64::from(g))) - norm).abs();
        let of_tensor = if entries.len() == gradient.len() {
            length(entries.iter().map(off))
        } else {
            of_norm
        };
        let most = entries
            .iter()
            .map(|entry| off(entry).abs())
            .fold(0.0, f64::max);
        let rms = norm / (gradient.len() as f64).sqrt();
        errors.tensor = errors.tensor.max(of_tensor / norm);
        errors.entry = errors.entry.max(most / rms);
    }
    errors
}

/// Norm and entries of a tensor's gradient.
fn known(expected: &Value) -> (f64, Vec<(usize, f64)>) {
    if expected.is_array() {
        let all = numbers(expected);
        return (
            length(all.iter().copied()),
            all.into_iter().enumerate().collect(),
        );
    }
    let samples = expected["samples"].as_object().unwrap().iter();
    let samples = samples.map(|(index, value)| (index.parse().unwrap(), value.as_f64().unwrap()));
    (expected["norm"].as_f64().unwrap(), samples.collect())
}

fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

/// A list of numbers.
pub fn numbers(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap();
    list.iter().map(|value| value.as_f64().unwrap()).collect()
}

/// A list of tokens.
pub fn tokens(list: &Value) -> Vec<u32> {
    numbers(list).iter().map(|&token| token as u32).collect()
}
