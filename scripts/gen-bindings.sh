#!/usr/bin/env bash
# Builds rust/ffi for this machine and writes its Kotlin and Swift bindings.
#
#     scripts/gen-bindings.sh
#
# Writes, all of it ignored by git:
#
#     target/release/libpocketune_ffi.so              the library host tests load
#     android/sdk/build/generated/uniffi/             Kotlin, package dev.pocketune.ffi
#     ios/Sources/PocketuneFFI/PocketuneFFI.swift     Swift
#     ios/Sources/CPocketune/include/CPocketune.h     the C header below it
#
# The bindings are read out of the unstripped release library, never out of one
# of the profile `mobile`, and do not depend on the platform.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

KOTLIN=$ROOT/android/sdk/build/generated/uniffi
SWIFT=$ROOT/ios/Sources/PocketuneFFI
HEADER=$ROOT/ios/Sources/CPocketune/include

main() {
    no_arguments "$@"
    cd "$ROOT"
    # The whole workspace: a build of single packages resolves other features
    # for their common dependencies and would compile llama.cpp once more.
    cargo build --release --workspace

    local library
    library=$(host_library)
    rm -rf "$KOTLIN"
    "$TARGET/release/pocketune-bindgen" generate --language kotlin --no-format \
        --config uniffi.toml --out-dir "$KOTLIN" "$library"
    swift --swift-sources "$library" "$SWIFT"
    swift --headers "$library" "$HEADER"
    say "bindings of ${library##*/}: ${KOTLIN#"$ROOT"/}, ${SWIFT#"$ROOT"/}"
}

swift() {
    "$TARGET/release/pocketune-bindgen-swift" --config uniffi.toml "$@"
}

host_library() {
    local file
    for file in "$TARGET"/release/libpocketune_ffi.{so,dylib}; do
        if [ -f "$file" ]; then
            printf '%s\n' "$file"
            return
        fi
    done
    die "cargo built no libpocketune_ffi: is rust/ffi still a cdylib?"
}

main "$@"
