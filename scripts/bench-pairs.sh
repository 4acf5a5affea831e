#!/usr/bin/env bash
# Is one build of pocketune as fast as another? Runs a benchmark of both in turn and compares
# pair by pair, so that a machine whose speed drifts does not decide.
#
#     scripts/bench-pairs.sh BEFORE AFTER [--training] [--pairs N] [--repetitions N] [-- OPTION...]
#
# BEFORE and AFTER are two `pocketune` programs, each with its pocketune-bench beside it; the
# same one twice says how much the machine itself varies. Runs `pocketune bench`, with --training
# `pocketune tune-bench`; OPTIONs go to it. 11 pairs unless told, 3 repetitions a run (with
# --training five steps). Nothing else may compute meanwhile.
#
# Prints for prefill and decode, or for training, the median of AFTER/BEFORE and its lower bound:
# with 11 pairs the third smallest ratio, below which the true median lies with less than 5 %
# (binomial). The second line of each takes both as shares of what the same process measured
# of llama.cpp's own speed, or of the fastest matrix product, so that a machine that slows down
# between two processes counts less.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    local -A programs
    programs[before]=${1:?two programs are compared (see --help)}
    programs[after]=${2:?two programs are compared (see --help)}
    shift 2
    local pairs=11 repetitions=3 command=bench
    while [ $# -gt 0 ]; do
        case $1 in
            --training) command=tune-bench && shift ;;
            --pairs) pairs=${2:?--pairs needs a number} && shift 2 ;;
            --repetitions) repetitions=${2:?--repetitions needs a number} && shift 2 ;;
            --) shift && break ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    [ "$command" = tune-bench ] || set -- --repetitions "$repetitions" "$@"
    # Not local: the trap runs when this function has ended.
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    local pair
    for pair in $(seq "$pairs"); do
        # Who goes first changes from pair to pair: a warm machine favours neither.
        local order=(before after) which
        ((pair % 2)) || order=(after before)
        for which in "${order[@]}"; do
            "${programs[$which]}" "$command" --json "$@" >"$folder/$which-$pair.json"
        done
        say "pair $pair of $pairs"
    done
    python3 - "$folder" "$pairs" "$command" <<'PY'
import json, math, statistics, sys

folder, pairs, command = sys.argv[1], int(sys.argv[2]), sys.argv[3]
runs = {
    which: [json.load(open(f"{folder}/{which}-{pair}.json", encoding="utf-8")) for pair in range(1, pairs + 1)]
    for which in ("before", "after")
}
if command == "tune-bench":
    FIGURES = {
        "training": (" tokens/s", lambda run: run["tokens_per_s"]),
        "training, of the fastest product": ("", lambda run: run["useful_share_of_peak"]),
    }
else:
    FIGURES = {}
    for name in ("prefill", "decode"):
        speed, raw = f"{name}_tokens_per_s", f"raw_{name}_tokens_per_s"
        FIGURES[name] = (" tokens/s", lambda run, speed=speed: run[speed])
        FIGURES[f"{name}, of llama.cpp's"] = ("", lambda run, speed=speed, raw=raw: run[speed] / run[raw])

# The largest rank whose order statistic lies above the median with at most 5 %.
rank = 0
while sum(math.comb(pairs, k) for k in range(rank + 1)) <= 0.05 * 2**pairs:
    rank += 1
for title, (unit, figure) in FIGURES.items():
    before, after = ([figure(run) for run in runs[which]] for which in ("before", "after"))
    ratios = sorted(a / b for a, b in zip(after, before))
    bound = f"{ratios[rank - 1]:.3f}" if rank else "(too few pairs)"
    digits = 1 if unit else 3
    print(
        f"{title}: {statistics.median(before):.{digits}f} -> {statistics.median(after):.{digits}f}{unit}, "
        f"ratio {statistics.median(ratios):.3f}, lower bound {bound}"
    )
PY
}

main "$@"
