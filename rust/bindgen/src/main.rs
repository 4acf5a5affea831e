//! `uniffi-bindgen` at the version that `pocketune-ffi` is compiled with: the
//! two check each other's version, so the generator is built from this
//! workspace. `scripts/gen-bindings.sh` runs it.
#![forbid(unsafe_code)]

fn main() {
    uniffi::uniffi_bindgen_main();
}
