#!/usr/bin/env bash
# Training steps of Pocketune beside PyTorch + PEFT, on this machine, in one run.
#
#     scripts/bench-peers.sh [ROUNDS]      (default: 3)
#
# SmolLM2-135M, 256 tokens, rank 8 on all projections, AdamW, two threads. The
# peer lives in a virtual environment in the cache (about 6 GB, pinned versions);
# both sides take turns. At the end, a DPO pair beside an SFT step. Figures count only while nothing else computes. Memory is
# anonymous memory on our side (the mapped weights, 98 MB, come on top) and the
# resident size on the other.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    local rounds=${1:-3} round python
    cd "$ROOT"
    "$SCRIPTS/install-tools.sh" --only rust,models
    "$SCRIPTS/fetch-model.sh" smollm2 >/dev/null
    cargo build --release --workspace
    python=$(peers_python)
    local results
    results=$(mktemp)
    for round in $(seq "$rounds"); do
        say "round $round of $rounds"
        ours "ours, 512 MB" 512
        ours "ours, smallest" "$(smallest)"
        peer "PyTorch + PEFT, F32" float32
        # Emulated, it takes half a minute a step.
        if grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo; then peer "PyTorch + PEFT, BF16" bfloat16; fi
    done >"$results"
    table <"$results"
    for round in $(seq "$rounds"); do
        pair_and_step
    done | pair_table
    rm "$results"
}

# The smallest budget that runs, in MB: what the refusal of a smaller one says.
smallest() {
    "$TARGET/release/pocketune" tune-bench --memory-mb 1 2>&1 | sed -n 's/.*: \([0-9]*\) are needed.*/\1/p'
}

# One line a run: name, tokens a second, bytes; tabs between.
ours() {
    "$TARGET/release/pocketune" tune-bench --threads 2 --steps 3 --memory-mb "$2" --json |
        python3 -c 'import json, sys; r = json.load(sys.stdin); print(sys.argv[1], r["tokens_per_s"], r["peak_anon_bytes"], sep="\t")' "$1"
}

peer() {
    "$python" tests/reference/peer_sft.py "$2" 2 256 3 2>/dev/null |
        python3 -c 'import json, sys; r = json.load(sys.stdin); print(sys.argv[1], r["tokens_per_s"], r["peak_rss_bytes"], sep="\t")' "$1"
}

# A DPO pair of half a shared prompt and a quarter each reply, and an SFT step of as
# many tokens: their medians, and their first steps, where a pair's reference is new.
pair_and_step() {
    local objective
    for objective in sft dpo; do
        "$TARGET/release/pocketune" tune-bench --threads 2 --steps 3 --memory-mb 512 --objective "$objective" --json
    done | python3 -c 'import json, sys
for line in sys.stdin:
    report = json.loads(line)
    print(report["step_ms_median"], report["first_step_ms"], end=" ")
print()'
}

pair_table() {
    python3 -c '
import statistics, sys
rounds = [list(map(float, line.split())) for line in sys.stdin]
cached = statistics.median(dpo / sft for sft, _, dpo, _ in rounds)
new = statistics.median(dpo / sft for sft, _, _, dpo in rounds)
print(f"a DPO pair in SFT steps: {cached:.2f} with its reference cached, {new:.2f} with a new one")
'
}

# Medians over the rounds, and ratios to the peer's F32.
table() {
    python3 -c '
import statistics, sys
runs = {}
for line in sys.stdin:
    name, speed, size = line.rstrip("\n").split("\t")
    runs.setdefault(name, []).append((float(speed), float(size)))
middle = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in runs.items()}
base = middle["PyTorch + PEFT, F32"][0]
for name, (speed, size) in middle.items():
    print(f"{name:24} {speed:7.0f} tokens/s  {speed / base:5.2f} x  {size / 1e6:7.0f} MB")
'
}

main "$@"
