//! Compiles the shim that stops C++ exceptions before they reach Rust.
#![forbid(unsafe_code)]
#![allow(clippy::panic, reason = "a build script fails by panicking")]

use std::path::PathBuf;

fn main() {
    // llama-cpp-sys-2 publishes where it installed ggml's CMake package; the
    // headers of the same installation lie beside that directory's parent.
    let Some(cmake) = std::env::var_os("DEP_LLAMA_GGML_CMAKE_DIR") else {
        panic!("llama-cpp-sys-2 did not publish DEP_LLAMA_GGML_CMAKE_DIR");
    };
    let include = PathBuf::from(cmake).join("../../include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(true)
        .include(include)
        .file("shim/shim.cpp")
        .compile("pocketune_llama_shim");
    println!("cargo::rerun-if-changed=shim");
}
