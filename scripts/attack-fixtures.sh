#!/usr/bin/env bash
# Writes rust/adapter/tests/fixtures anew: the files of each attack, as its line in
# rust/adapter/tests/attacks/cases.rs makes them. The everyday tests hold the committed
# files against those lines.
#
#     scripts/attack-fixtures.sh
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"
no_arguments "$@"

cd "$ROOT"
cargo test --release --package pocketune-adapter --test attacks -- --ignored --exact write_fixtures
