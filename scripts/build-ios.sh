#!/usr/bin/env bash
# Builds what the Swift package ships: ios/build/Pocketune.xcframework, for
# iPhones and for the simulator on Apple silicon, and the Swift bindings.
#
#     scripts/build-ios.sh [--ios VERSION]        (default: 16.0)
#
# Needs, and says so where it is missing: macOS with Xcode 16 or newer, CMake,
# and rustup with the targets aarch64-apple-ios and aarch64-apple-ios-sim.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

TARGETS=(aarch64-apple-ios aarch64-apple-ios-sim)
FRAMEWORK=$ROOT/ios/build/Pocketune.xcframework
HEADERS=$ROOT/ios/Sources/CPocketune/include

main() {
    local ios=16.0
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --ios) ios=${2:?--ios needs a version} && shift 2 ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    require_tools
    cd "$ROOT"

    # Before the framework: its header comes from here.
    "$SCRIPTS/gen-bindings.sh"
    # On the CPU only: iOS ends an app that uses the GPU in the background.
    export IPHONEOS_DEPLOYMENT_TARGET=$ios GGML_METAL=OFF
    local target libraries=()
    for target in "${TARGETS[@]}"; do
        cargo build --profile mobile --package pocketune-ffi --lib --target "$target"
        libraries+=(-library "$TARGET/$target/mobile/libpocketune_ffi.a" -headers "$HEADERS")
    done

    rm -rf "$FRAMEWORK"
    mkdir -p "${FRAMEWORK%/*}"
    xcodebuild -create-xcframework "${libraries[@]}" -output "$FRAMEWORK"
    say "built: ${FRAMEWORK#"$ROOT"/}, which ios/Package.swift refers to"
}

require_tools() {
    [ "$(uname -s)" = Darwin ] || die "iOS libraries can only be built on macOS, with Xcode"
    xcodebuild -version >/dev/null 2>&1 || die "no Xcode: install it, then: sudo xcode-select --switch /Applications/Xcode.app"
    have cmake || die "no CMake: brew install cmake"
    have rustup || die "no rustup: the iOS targets of Rust come from it"
    local target
    for target in "${TARGETS[@]}"; do
        rustup target list --installed | grep -qx "$target" || die "rustup target add $target"
    done
}

main "$@"
