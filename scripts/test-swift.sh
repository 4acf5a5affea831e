#!/usr/bin/env bash
# Tests the Swift package in ios/ against the host library (on Linux or macOS).
#
#     scripts/test-swift.sh [swift test arguments, as --filter NAME]
#
# Needs the bindings (scripts/gen-bindings.sh). Finds or sets up a Swift by
# scripts/swift.sh. Fetches the small model and hands it to the tests as the
# environment variable POCKETUNE_MODEL; signed adapters for it are made in the folder
# POCKETUNE_DELIVERY. After the tests the public API is compared with its listing
# (scripts/swift-api.sh).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    # First: without a Swift the rest would be for nothing.
    part 'a Swift' "$SCRIPTS/swift.sh" --version
    [ -f "$ROOT/ios/Sources/PocketuneFFI/PocketuneFFI.swift" ] || die "no bindings: scripts/gen-bindings.sh first"

    POCKETUNE_MODEL=$("$SCRIPTS/fetch-model.sh" smollm2)
    export POCKETUNE_MODEL
    POCKETUNE_DELIVERY=$(part 'adapters to deliver' delivery)
    export POCKETUNE_DELIVERY
    # The package manifest reads this: see ios/Package.swift.
    export POCKETUNE_HOST_LIBRARY=$TARGET/release
    part 'build' "$SCRIPTS/swift.sh" build --build-tests --package-path "$ROOT/ios"
    part 'tests' "$SCRIPTS/swift.sh" test --package-path "$ROOT/ios" "$@"
    part 'public API' "$SCRIPTS/swift-api.sh" --check
}

main "$@"
