//! Writes a `llama` model of random Q4_0 weights in the shape of a larger one, to
//! measure memory and speed with: `cargo run --release --example synthetic -- SHAPE FILE`.
#![forbid(unsafe_code)]

use std::fs;
use std::process::ExitCode;

use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::{Shape, TinyModel};

/// The shapes of Qwen2.5's smaller models (their configurations on the hub).
fn shape(name: &str) -> Option<Shape> {
    let (layers, embedding, feed_forward, heads, heads_kv, head_length) = match name {
        "0.5b" => (24, 896, 4864, 14, 2, 64),
        "1.5b" => (28, 1536, 8960, 12, 2, 128),
        "3b" => (36, 2048, 11008, 16, 2, 128),
        _ => return None,
    };
    Some(Shape {
        layers,
        embedding,
        feed_forward,
        heads,
        heads_kv,
        head_length,
        vocabulary: 151_936,
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, path] = arguments.as_slice() else {
        eprintln!("synthetic 0.5b|1.5b|3b FILE");
        return ExitCode::from(2);
    };
    let Some(shape) = shape(name) else {
        eprintln!("no shape {name}");
        return ExitCode::from(2);
    };
    let mut model = TinyModel::llama_of(&shape);
    model
        .set("general.name", format!("Synthetic {name}").as_str())
        .set("llama.context_length", 4096_u32)
        .quantize(GgmlType::Q4_0);
    let written = model
        .build()
        .map_err(|error| error.to_string())
        .and_then(|bytes| fs::write(path, bytes).map_err(|error| error.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
