#!/usr/bin/env bash
# Runs load, chat, cancel, save, fail and drop on a tiny model under valgrind.
# Definite leaks and invalid accesses fail; llama.cpp's process-wide tables,
# which are still reachable at exit, do not.
set -euo pipefail
if [[ "${1:-}" == "--help" ]]; then
    sed -n '2,4s/^# //p' "$0"
    exit 0
fi
cd "$(dirname "$0")/.."
if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing: apt-get install valgrind" >&2
    exit 1
fi
# valgrind knows no AVX-512: use the level of .cargo/config.toml, in a target
# directory of its own where scripts/env.sh would choose another level.
if [[ -n "${RUSTFLAGS:-}" ]]; then
    unset RUSTFLAGS
    export CARGO_TARGET_DIR=target/valgrind
fi
cargo build --release --workspace --examples
valgrind --quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite \
    --show-leak-kinds=definite --num-callers=30 \
    "${CARGO_TARGET_DIR:-target}/release/examples/cycle"
echo "no leak, no invalid access"
