//! Products against sums written out in F64.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::noise;
use pocketune_kernels::{
    LowRank, Matrix, Panels, ThreadPool, matmul_backward, matmul_forward, outer_product,
};

fn close(got: &[f32], expected: impl Fn(usize) -> f64) {
    for (index, &got) in got.iter().enumerate() {
        let expected = expected(index);
        assert!(
            (f64::from(got) - expected).abs() < 2e-4,
            "{index}: {got} for {expected}"
        );
    }
}

const SHAPES: [(usize, usize, usize); 5] = [
    (1, 32, 1),
    (16, 64, 6),
    (19, 288, 193),
    (33, 320, 7),
    (5, 8, 200),
];

const RANK: usize = 5;

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
    products.sum()
}

#[test]
fn forward_is_the_product() {
    for (t, k, n) in SHAPES {
        let (w, x) = (noise(1, n * k), noise(2, t * k));
        let product = |at: usize| -> f64 {
            let (token, row) = (at / n, at % n);
            (0..k)
                .map(|i| f64::from(w[row * k + i]) * f64::from(x[token * k + i]))
                .sum()
        };
        for threads in [1, 3] {
            let pool = ThreadPool::new(threads);
            let mut y = Panels::from_tokens(&noise(3, t * n), n);
            let (w, x) = (Matrix::dense(&w, n, k), Panels::from_tokens(&x, k));
            matmul_forward(&pool, &w, &x, &mut y, &[]);
            close(&y.to_tokens(), product);
            let (f, z) = (noise(4, n * RANK), noise(5, t * RANK));
            let low = LowRank {
                factor: Matrix::dense(&f, n, RANK),
                z: &Panels::from_tokens(&z, RANK),
                scale: 0.5,
            };
            matmul_forward(&pool, &w, &x, &mut y, &[low, low]);
            close(&y.to_tokens(), |at| {
                let (token, row) = (at / n, at % n);
                product(at) + dot(&f[row * RANK..][..RANK], &z[token * RANK..][..RANK])
            });
        }
    }
}

#[test]
fn backward_is_the_transposed_product() {
    for (t, k, n) in SHAPES {
        let (w, dy) = (noise(1, n * k), noise(2, t * n));
        let product = |at: usize| -> f64 {
            let (token, column) = (at / k, at % k);
            (0..n)
                .map(|i| f64::from(w[i * k + column]) * f64::from(dy[token * n + i]))
                .sum()
        };
        for threads in [1, 3] {
            let pool = ThreadPool::new(threads);
            let mut dx = Panels::from_tokens(&noise(3, t * k), k);
            let before = dx.to_tokens();
            let (w, dy) = (Matrix::dense(&w, n, k), Panels::from_tokens(&dy, n));
            let (f, z) = (noise(4, RANK * k), noise(5, t * RANK));
            let low = LowRank {
                factor: Matrix::dense(&f, RANK, k),
                z: &Panels::from_tokens(&z, RANK),
                scale: 0.5,
            };
            matmul_backward(&pool, &w, &dy, &mut dx, true, &[low, low]);
            close(&dx.to_tokens(), |at| {
                let (token, column) = (at / k, at % k);
                let f: Vec<f32> = (0..RANK).map(|row| f[row * k + column]).collect();
                product(at) + f64::from(before[at]) + dot(&f, &z[token * RANK..][..RANK])
            });
            matmul_backward(&pool, &w, &dy, &mut dx, false, &[]);
            close(&dx.to_tokens(), product);
        }
    }
}

#[test]
fn outer_sums_over_tokens() {
    for (t, k, n) in SHAPES {
        let (a, b) = (noise(1, t * n), noise(2, t * k));
        for threads in [1, 3] {
            let pool = ThreadPool::new(threads);
            let mut g = vec![1.0; n * k];
            let (pa, pb) = (Panels::from_tokens(&a, n), Panels::from_tokens(&b, k));
            outer_product(&pool, &pa, &pb, &mut g, 2.0);
            close(&g, |at| {
                let (row, column) = (at / k, at % k);
                let sum: f64 = (0..t)
                    .map(|i| f64::from(a[i * n + row]) * f64::from(b[i * k + column]))
                    .sum();
                1.0 + 2.0 * sum
            });
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (t, k, n) = (40, 96, 100);
    let (w, x) = (noise(1, n * k), noise(2, t * k));
    let (w, x) = (Matrix::dense(&w, n, k), Panels::from_tokens(&x, k));
    let results: Vec<_> = (1..=4)
        .map(|threads| {
            let pool = ThreadPool::new(threads);
            let (mut y, mut dx) = (Panels::new(t, n), Panels::new(t, k));
            matmul_forward(&pool, &w, &x, &mut y, &[]);
            matmul_backward(&pool, &w, &y, &mut dx, false, &[]);
            (y.to_tokens(), dx.to_tokens())
        })
        .collect();
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn blocks_multiply_like_their_floats() {
    let (t, k, n) = (20, 512, 50);
    let pool = ThreadPool::new(2);
    for tensor_type in [
        GgmlType::Q8_0,
        GgmlType::Q4_1,
        GgmlType::Q4_K,
        GgmlType::Q6_K,
    ] {
        let bytes = blocks(tensor_type, n * k);
        let w = Matrix::blocks(tensor_type, &bytes, n, k).unwrap();
        let mut floats = vec![0.0; n * k];
        for (row, out) in floats.chunks_exact_mut(k).enumerate() {
            w.dequantize_row(row, 0, out);
        }
        let dense = Matrix::dense(&floats, n, k);
        let x = Panels::from_tokens(&noise(2, t * k), k);
        let products = [w, dense].map(|w| {
            let (mut y, mut dx) = (Panels::new(t, n), Panels::new(t, k));
            matmul_forward(&pool, &w, &x, &mut y, &[]);
            matmul_backward(&pool, &w, &y, &mut dx, false, &[]);
            (y.to_tokens(), dx.to_tokens())
        });
        assert!(products[0].0.iter().any(|&y| y != 0.0));
        assert_eq!(products[0].0, products[1].0, "{tensor_type}");
    }
}

/// Blocks with small scales and arbitrary bits.
fn blocks(tensor_type: GgmlType, elements: usize) -> Vec<u8> {
    let block = tensor_type.block_bytes() as usize;
    let count = elements / tensor_type.block_size() as usize;
    let mut bytes: Vec<u8> = noise(7, count * block)
        .iter()
        .map(|&value| (value * 127.0) as i8 as u8)
        .collect();
    for block in bytes.chunks_exact_mut(block) {
        let scale = half_of(0.01);
        if tensor_type == GgmlType::Q6_K {
            block[208..210].copy_from_slice(&scale);
        } else {
            block[..2].copy_from_slice(&scale);
            if matches!(tensor_type, GgmlType::Q4_1 | GgmlType::Q4_K) {
                block[2..4].copy_from_slice(&scale);
            }
        }
    }
    bytes
}

fn half_of(value: f32) -> [u8; 2] {
    half::f16::from_f32(value).to_le_bytes()
}
