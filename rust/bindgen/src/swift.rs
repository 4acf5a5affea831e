//! The Swift generator: unlike `uniffi-bindgen generate` it can write sources,
//! header and module map apart, which a Swift package keeps in two targets.

fn main() {
    uniffi::uniffi_bindgen_swift();
}
