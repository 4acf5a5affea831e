//! The numbers of training: `unsafe` inside, safe functions outside.
//!
//! Shapes: T tokens, K input features, N output features, H heads of D
//! features, V vocabulary entries.
//!
//! Activations lie in [`Panels`]: 16 tokens side by side, one row of 16 floats a
//! feature. A vector register then holds one feature of neighbouring tokens, so
//! that norms, rotations and softmax need no reductions across lanes, and weights
//! are used as they come out of dequantisation, row by row, without packing.
//! Two products carry everything, attention included:
//!
//! - [`matmul_forward`]: `Y = W·X`,
//! - [`matmul_backward`]: `dX += Wᵀ·dY`,
//!
//! each with products of [`LowRank`] added while the output is near; a third, [`outer_product`], sums over tokens for the gradients of weights.
//!
//! All arithmetic is F32. Results depend on the shapes, never on the number of
//! threads or on timing. Every function blocks until it is done.
//!
//! [`WIDTH`] lanes are one AVX-512 register, two of AVX2 or four of NEON, chosen
//! when the crate is compiled.

mod attention;
mod control;
mod dequantize;
mod elementwise;
mod lanes;
mod mapping;
mod mask;
mod matmul;
mod matrix;
mod norm;
mod outer;
mod panels;
mod pool;
mod rope;
mod rows;
mod share;
mod softmax;

pub use attention::{Attention, attention_backward, attention_forward};
pub use control::{Control, Workers};
pub use dequantize::{dequantize, is_supported};
pub use elementwise::{add, add_scaled, dropout, swiglu_backward, swiglu_forward};
pub use lanes::WIDTH;
pub use mapping::MappedFile;
pub use mask::{Segment, TreeMask};
pub use matmul::{LowRank, TILE_BYTES, matmul_backward, matmul_forward};
pub use matrix::{Matrix, ShapeError};
pub use norm::{rms_norm_backward, rms_norm_forward};
pub use outer::outer_product;
pub use panels::Panels;
pub use pool::ThreadPool;
pub use rope::{RopeTable, rope_backward, rope_forward};
pub use rows::Recycling;
pub use softmax::{LogSumExp, kl_backward, kl_divergence, log_sum_exp, softmax_backward};
