#!/usr/bin/env bash
# Writes rust/store/tests/fixtures/vN of the current version N of a store's schema: once, when
# a version is new. Everyday tests open the stores of all versions.
#
#     scripts/store-fixture.sh
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"
no_arguments "$@"

cd "$ROOT"
cargo test --release --package pocketune-store --test system -- --ignored --exact versions::write
