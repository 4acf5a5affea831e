#!/usr/bin/env bash
# The tests of the kernels and of training on 64-bit ARM Linux, under qemu: NEON
# paths that this machine's own tests never see.
#
#     scripts/test-arm64.sh [CARGO-TEST-ARGUMENT...]
#
# The standard library is compiled from source (rust-source.sh), so that any recent
# Rust serves. A few minutes; figures of speed mean nothing there.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    "$SCRIPTS/install-tools.sh" --only rust,arm64
    cd "$ROOT"
    # Without tests in documentation: RUSTC does not choose the rustdoc that runs them.
    # RUSTC_BOOTSTRAP lets a stable compiler build std from source. The CPU level of
    # env.sh is the host's.
    env --unset=RUSTFLAGS RUSTC="$("$SCRIPTS/rust-source.sh")" RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -L /usr/aarch64-linux-gnu' \
        cargo test --release --target aarch64-unknown-linux-gnu --target-dir "$TARGET/arm64" \
        -Z build-std=std,panic_unwind --lib --tests \
        --package pocketune-kernels --package pocketune-train "$@"
}

main "$@"
