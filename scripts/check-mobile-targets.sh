#!/usr/bin/env bash
# Type-checks pocketune-ffi and all below it for Android and iOS, including the
# code that only these compile, without an NDK or Xcode.
#
#     scripts/check-mobile-targets.sh [TARGET...]
#                      (default: aarch64-linux-android aarch64-apple-ios)
#
# It checks Rust only: C and C++ are replaced by scripts/stand-ins/, nothing is
# linked. Real libraries come from scripts/build-android.sh and build-ios.sh.
#
# The standard library of these targets is checked from source: rust-source.sh.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

PACKAGE=pocketune-ffi
STAND_INS=$SCRIPTS/stand-ins
WORK=$TARGET/mobile-check

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    local targets=("$@") target
    [ $# -gt 0 ] || targets=(aarch64-linux-android aarch64-apple-ios)

    RUSTC=$("$SCRIPTS/rust-source.sh")
    fake_ndk
    for target in "${targets[@]}"; do
        say "checking $PACKAGE for $target"
        check "$target"
    done
}

check() {
    local target=$1 underscored=${1//-/_}
    cd "$ROOT"
    # RUSTC_BOOTSTRAP lets a stable compiler check std from source, and cargo deny
    # our warnings: clippy never sees this code. The CPU level of env.sh is the
    # host's, not the target's.
    env --unset=RUSTFLAGS --unset=IPHONEOS_DEPLOYMENT_TARGET \
        "CC_$underscored=$STAND_INS/cc" "CXX_$underscored=$STAND_INS/cc" \
        "AR_$underscored=$STAND_INS/ar" CMAKE="$STAND_INS/cmake" \
        PATH="$STAND_INS/path:$PATH" \
        "BINDGEN_EXTRA_CLANG_ARGS_$underscored=-isystem $STAND_INS/include" \
        ANDROID_NDK="$WORK/ndk" \
        RUSTC="$RUSTC" RUSTC_BOOTSTRAP=1 CARGO_PROFILE_DEV_DEBUG=false \
        cargo check --package "$PACKAGE" --lib --target "$target" --target-dir "$WORK" \
        -Z build-std=std,panic_abort -Z warnings --config 'build.warnings="deny"'
}

# The folders and the one file whose presence llama-cpp-sys-2 asks for.
fake_ndk() {
    mkdir -p "$WORK"/ndk/build/cmake "$WORK"/ndk/toolchains/llvm/prebuilt/linux-x86_64/sysroot
    : >"$WORK/ndk/build/cmake/android.toolchain.cmake"
}

main "$@"
