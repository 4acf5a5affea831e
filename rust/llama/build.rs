//! Compiles the shim that stops C++ exceptions before they reach Rust, and notes which build
//! of llama.cpp is linked.
#![forbid(unsafe_code)]
#![allow(clippy::panic, reason = "a build script fails by panicking")]

use std::path::PathBuf;

/// The crate that compiles llama.cpp.
const CRATE: &str = "llama-cpp-sys-2";
const LOCK: &str = "../../Cargo.lock";

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
    println!(
        "cargo::rustc-env=POCKETUNE_LLAMA_BUILD={CRATE} {}",
        locked()
    );
    println!("cargo::rerun-if-changed={LOCK}");
}

/// The version of llama.cpp's crate that the workspace is locked to.
fn locked() -> String {
    let lock = std::fs::read_to_string(LOCK).unwrap_or_default();
    let named = format!("name = \"{CRATE}\"");
    let mut lines = lock.lines().skip_while(|line| *line != named);
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = "));
    match version {
        Some(version) => version.trim_matches('"').to_owned(),
        None => panic!("{LOCK} does not name {CRATE}"),
    }
}
