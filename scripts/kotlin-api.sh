#!/usr/bin/env bash
# Writes android/sdk/api/pocketune.api anew: the public API of the Kotlin SDK, line by
# line, as the everyday tests compare it. Commit it with the change that it is about.
#
#     scripts/kotlin-api.sh
#
# Needs what scripts/test-kotlin.sh needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
no_arguments "$@"

mkdir -p "$ROOT/android/sdk/api"
POCKETUNE_WRITE_API=1 "$SCRIPTS/test-kotlin.sh" ApiTest
