#!/usr/bin/env bash
# Memory of training steps on the shapes of Qwen2.5 0.5B, 1.5B and 3B, Q4_0.
#
#     scripts/bench-memory.sh [SHAPE...]      (default: 0.5b 1.5b 3b)
#
# Synthetic weights of the llama architecture, rank 8 on all seven projections,
# AdamW with F32 state, 2 threads: one SFT step and one DPO pair of 256 tokens (0.5b:
# of 1,024 too), then the same beside an engine with the same model. Memory is the
# peak of anonymous, shared and dirty file-backed pages above the process before
# training. The models (3 GB) are written to the cache once.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

# The limits to keep, in MB, by shape and tokens.
declare -A LIMITS=([0.5b,256]=136 [1.5b,256]=262 [3b,256]=368 [0.5b,1024]=513)

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    local shapes=("$@") shape failed=0
    [ $# -gt 0 ] || shapes=(0.5b 1.5b 3b)
    cd "$ROOT"
    "$SCRIPTS/install-tools.sh" --only rust
    cargo build --release --workspace --examples --bins
    # Pages of files just written are dirty until they are on the disk.
    sync
    printf '%-6s %-6s %-5s %-8s %10s %10s %10s %10s %10s\n' \
        shape tokens loss engine 'limit MB' 'peak MB' 'of limit' 'step s' 'cancel ms'
    for shape in "${shapes[@]}"; do
        local file=$CACHE/synthetic-$shape.gguf
        if [ ! -f "$file" ]; then
            "$TARGET/release/examples/synthetic" "$shape" "$file.new"
            mv "$file.new" "$file"
            sync
        fi
        measure "$shape" 256 sft || failed=1
        measure "$shape" 256 dpo || failed=1
        if [ "$shape" = 0.5b ]; then
            share_of_peak "$shape"
            measure "$shape" 1024 sft || failed=1
            measure "$shape" 1024 dpo || failed=1
        fi
        measure "$shape" 256 sft --with-engine || failed=1
    done
    exit "$failed"
}

# How much of the fastest F32 product a step at 512 MB reaches.
share_of_peak() {
    "$TARGET/release/pocketune" tune-bench --model "$CACHE/synthetic-$1.gguf" --threads 2 --steps 3 --memory-mb 512 --json |
        python3 -c '
import json, sys
report = json.load(sys.stdin)
useful, peak = report["useful_flops_per_s"] / 1e9, report["gemm_peak_flops_per_s"] / 1e9
print(f"{sys.argv[1]} at 512 MB: {useful:.0f} useful Gflop/s of {peak:.0f}: {useful / peak:.2f}")
' "$1"
}

# One line of the table; fails above the limit.
measure() {
    local shape=$1 tokens=$2 objective=$3 engine=${4-} limit=${LIMITS[$1,$2]}
    "$TARGET/release/pocketune" tune-bench --model "$CACHE/synthetic-$shape.gguf" --threads 2 --steps 1 --cancels 5 \
        --sequence-tokens "$tokens" --objective "$objective" --memory-mb "$limit" ${engine:+"$engine"} --json |
        python3 -c '
import json, sys
report = json.load(sys.stdin)
shape, tokens, loss, limit = sys.argv[1:5]
peak = report["peak_anon_bytes"] / 1e6
repacked = report.get("engine_repacked_bytes")
engine = "-" if repacked is None else f"{repacked / 1e6:.0f} MB"
step, cancel = report["step_ms_median"] / 1e3, report["cancel_ms_max"]
print(f"{shape:6} {tokens:6} {loss:5} {engine:8} {limit:>10} {peak:10.1f} {peak / float(limit):10.3f} {step:10.2f} {cancel:10.0f}")
sys.exit(peak > float(limit))
' "$shape" "$tokens" "$objective" "$limit"
}

main "$@"
