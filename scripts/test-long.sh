#!/usr/bin/env bash
# The suites that take too long for every change: tests marked `ignore`, how fast adapters
# swap, critics rule and verdicts are reached, how often experiments are wrong (5 minutes),
# whether rewards are learned and damage is rolled back (15 minutes), whether the default
# recipe teaches (ten minutes a run), every fuzz target for a while, kernels and training on 64-bit
# ARM, and how an experiment's report looks in a browser. scripts/test.sh comes first.
#
#     scripts/test-long.sh [--fuzz-seconds N]      (default: 60 a target)
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

fuzz_seconds=60

main() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --fuzz-seconds) fuzz_seconds=${2:?--fuzz-seconds needs a number} && shift 2 ;;
            # A step of its own below.
            --fuzz) fuzz "$2" "$3" "$4" && exit ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    cd "$ROOT"
    step tools "$SCRIPTS/install-tools.sh" --only rust,models
    step models "$SCRIPTS/fetch-model.sh" all
    ignored_tests
    # The examples run `pocketune` from beside them. --package with each would resolve
    # other features, and compile half of the core once more.
    step build cargo build --release --workspace
    step hot_swap cargo run --release --example hot_swap
    step critics cargo run --release --example critics
    step verdict cargo run --release --example verdict
    step peeking cargo run --release --example peeking
    step reward_bars cargo run --release --example reward_bars
    step rollout cargo run --release --example rollout
    step learning cargo run --release --example learning
    fuzz_targets
    step arm64 "$SCRIPTS/test-arm64.sh"
    step report "$SCRIPTS/check-report.sh"
    finish_steps
}

# Of every test binary called `system`, the store's among them, each in a process of its
# own: some measure the memory of theirs. Child processes of others are no tests, nor is what writes
# fixtures.
ignored_tests() {
    local test tests
    mapfile -t tests < <(cargo test --release --workspace --test system -- --ignored --list |
        sed -n '/child: test$/d; /::write: test$/d; s/: test$//p')
    for test in "${tests[@]}"; do
        alone "$test"
    done
}

fuzz_targets() {
    local file folder
    for file in rust/*/fuzz/fuzz_targets/*.rs; do
        [ -e "$file" ] || continue
        folder=${file%/fuzz_targets/*}
        step "fuzz $(basename "$file" .rs)" "$0" --fuzz "$folder" "$(basename "$file" .rs)" "$fuzz_seconds"
    done
}

# fuzz FOLDER TARGET SECONDS. RUSTC_BOOTSTRAP: the address sanitizer is an
# unstable option, which a stable compiler takes all the same.
fuzz() {
    local folder=$ROOT/$1 target=$2 seconds=$3 program
    program=$("$SCRIPTS/cargo-tool.sh" cargo-fuzz)
    if [ -f "$folder/seeds.rs" ]; then
        (cd "$folder" && cargo run --quiet --bin seeds -- "corpus/$target")
    fi
    RUSTC_BOOTSTRAP=1 "$program" fuzz run --fuzz-dir "$folder" "$target" -- -max_total_time="$seconds"
}

main "$@"
