//! The Swift generator: unlike `uniffi-bindgen generate` it can write sources,
//! header and module map apart, which a Swift package keeps in two targets.
#![forbid(unsafe_code)]

fn main() {
    uniffi::uniffi_bindgen_swift();
}
