#!/usr/bin/env bash
# Tests the Kotlin SDK on a desktop JVM against the host library, and
# type-checks the sources that only compile for Android.
#
#     scripts/test-kotlin.sh [TEST]      TEST: a class or Class#method
#
# Needs the bindings (scripts/gen-bindings.sh), a JDK 17 or newer and Maven
# (scripts/install-tools.sh --only kotlin), and the small model, which it
# fetches and hands to the tests as the environment variable POCKETUNE_MODEL.
# Signed adapters for it are made in the folder POCKETUNE_DELIVERY.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    have mvn || die "no Maven: scripts/install-tools.sh --only kotlin"
    [ -n "$(find "$ROOT/android/sdk/build/generated/uniffi" -name '*.kt' 2>/dev/null)" ] || die "no bindings: scripts/gen-bindings.sh first"

    POCKETUNE_MODEL=$("$SCRIPTS/fetch-model.sh" smollm2)
    export POCKETUNE_MODEL
    POCKETUNE_DELIVERY=$(part 'adapters to deliver' delivery)
    export POCKETUNE_DELIVERY
    local selected=()
    [ $# -eq 0 ] || selected=("-Dtest=$1")
    # The compiler leaves classes whose source has gone, and sees them beside the new ones.
    rm -rf "$ROOT/tests/kotlin/target/classes" "$ROOT/tests/kotlin/target/test-classes"
    part 'compile' maven --quiet test-compile
    say "android/sdk/src/android: type-checked against Android's classes"
    # As it was compiled just now.
    part 'tests' maven "-Dlibrary.dir=$TARGET/release" "${selected[@]}" surefire:test
}

maven() {
    mvn --batch-mode --no-transfer-progress -Dstyle.color=never --file "$ROOT/tests/kotlin/pom.xml" "$@"
}

main "$@"
