//! Products at the shapes of real models: `cargo run --release --example speed`.
//!
//! Prints Gflop/s of each, with weights dequantised on the way. Only ratios
//! within one run of a quiet machine mean anything.
#![forbid(unsafe_code)]

use std::time::Instant;

use pocketune_gguf::GgmlType;
use pocketune_kernels::{Matrix, Panels, ThreadPool, matmul_backward, matmul_forward};

fn main() {
    let types = [
        GgmlType::F32,
        GgmlType::Q4_0,
        GgmlType::Q4_1,
        GgmlType::Q4_K,
        GgmlType::Q6_K,
    ];
    for threads in [1, 2] {
        let pool = ThreadPool::new(threads);
        for (k, n) in [
            (576, 1536),
            (1536, 576),
            (896, 4864),
            (4864, 896),
            (2048, 11008),
        ] {
            for tensor_type in types {
                let Some(row) = tensor_type.row_bytes(k as u64) else {
                    continue;
                };
                let bytes = noise(row as usize * n, tensor_type);
                let Ok(w) = Matrix::blocks(tensor_type, &bytes, n, k) else {
                    continue;
                };
                let (x, mut y) = (activations(k), Panels::new(256, n));
                let flops = 2.0 * 256.0 * (k * n) as f64;
                let forward = best(|| matmul_forward(&pool, &w, &x, &mut y, &[]));
                let mut dx = Panels::new(256, k);
                let backward = best(|| matmul_backward(&pool, &w, &y, &mut dx, false, &[]));
                println!(
                    "{threads} threads, {n} x {k} {tensor_type}: forward {:.0}, backward {:.0} Gflop/s",
                    flops / forward / 1e9,
                    flops / backward / 1e9
                );
            }
        }
    }
}

/// Blocks whose scales and weights differ, small enough to stay finite.
fn noise(count: usize, tensor_type: GgmlType) -> Vec<u8> {
    if tensor_type == GgmlType::F32 {
        let floats = (0..count / 4).map(|n| (n % 251) as f32 / 251.0 - 0.5);
        return floats.flat_map(f32::to_le_bytes).collect();
    }
    // No byte of a half's exponent is set high enough for infinity.
    (0..count)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 7) as u8 & 0x3f)
        .collect()
}

fn activations(features: usize) -> Panels {
    let values: Vec<f32> = (0..256 * features)
        .map(|n| (n % 241) as f32 / 241.0 - 0.5)
        .collect();
    Panels::from_tokens(&values, features)
}

fn best(mut work: impl FnMut()) -> f64 {
    (0..7)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
