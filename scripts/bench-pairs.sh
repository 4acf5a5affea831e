#!/usr/bin/env bash
# Is one build of pocketune as fast as another? Runs `pocketune bench` of both in turn and compares
# pair by pair, so that a machine whose speed drifts does not decide.
#
#     scripts/bench-pairs.sh BEFORE AFTER [--pairs N] [--repetitions N] [-- BENCH-OPTION...]
#
# BEFORE and AFTER are two `pocketune` programs, each with its pocketune-bench beside it; the
# same one twice says how much the machine itself varies. 11 pairs unless told, 3 repetitions a run. Nothing else may compute meanwhile.
# Prints, for prefill and decode, the median of AFTER/BEFORE and its lower bound: with 11 pairs
# the third smallest ratio, below which the true median lies with less than 5 % (binomial). The
# second line of each takes both as shares of llama.cpp's own speed in the same process, so that
# a machine that slows down between two processes counts less.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    local -A programs
    programs[before]=${1:?two programs are compared (see --help)}
    programs[after]=${2:?two programs are compared (see --help)}
    shift 2
    local pairs=11 repetitions=3
    while [ $# -gt 0 ]; do
        case $1 in
            --pairs) pairs=${2:?--pairs needs a number} && shift 2 ;;
            --repetitions) repetitions=${2:?--repetitions needs a number} && shift 2 ;;
            --) shift && break ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    # Not local: the trap runs when this function has ended.
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    local pair
    for pair in $(seq "$pairs"); do
        # Who goes first changes from pair to pair: a warm machine favours neither.
        local order=(before after) which
        ((pair % 2)) || order=(after before)
        for which in "${order[@]}"; do
            "${programs[$which]}" bench --json --repetitions "$repetitions" "$@" >"$folder/$which-$pair.json"
        done
        say "pair $pair of $pairs"
    done
    python3 - "$folder" "$pairs" <<'PY'
import json, math, statistics, sys

folder, pairs = sys.argv[1], int(sys.argv[2])


def figure(which, pair, name):
    with open(f"{folder}/{which}-{pair}.json", encoding="utf-8") as file:
        return json.load(file)[f"{name}_tokens_per_s"]


# The largest rank whose order statistic lies above the median with at most 5 %.
rank = 0
while sum(math.comb(pairs, k) for k in range(rank + 1)) <= 0.05 * 2**pairs:
    rank += 1
for name in ("prefill", "decode"):
    for title, share in ((name, False), (f"{name}, of llama.cpp's", True)):
        def values(which):
            for pair in range(1, pairs + 1):
                own = figure(which, pair, name)
                yield own / figure(which, pair, f"raw_{name}") if share else own

        before, after = list(values("before")), list(values("after"))
        ratios = sorted(a / b for a, b in zip(after, before))
        bound = f"{ratios[rank - 1]:.3f}" if rank else "(too few pairs)"
        digits = 3 if share else 1
        print(
            f"{title}: {statistics.median(before):.{digits}f} -> {statistics.median(after):.{digits}f}"
            f"{'' if share else ' tokens/s'}, ratio {statistics.median(ratios):.3f}, lower bound {bound}"
        )
PY
}

main "$@"
