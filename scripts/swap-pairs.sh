#!/usr/bin/env bash
# Does one build swap adapters as fast as another? Runs the example `hot_swap` of both in turn
# and compares pair by pair.
#
#     scripts/swap-pairs.sh BEFORE AFTER [PAIRS]      (default: 11 pairs of 60 swaps)
#
# BEFORE and AFTER are two built examples (target/release/examples/hot_swap). Nothing else may
# compute meanwhile. Prints all ratios AFTER/BEFORE of the median times, and their median.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case "${1-}" in -h | --help) usage && exit ;; esac
before=${1:?two examples are compared (see --help)}
after=${2:?two examples are compared (see --help)}
for pair in $(seq "${3:-11}"); do
    # Who goes first changes from pair to pair.
    order=("$before" "$after")
    ((pair % 2)) || order=("$after" "$before")
    # Above its own limit the example fails, and prints its figures all the same.
    first=$("${order[0]}" 60 || true)
    second=$("${order[1]}" 60 || true)
    if ((pair % 2)); then echo "$first $second"; else echo "$second $first"; fi
done | python3 -c '
import re, statistics, sys

pairs = [[float(ms) for ms in re.findall(r"median_ms\":([\d.]+)", line)] for line in sys.stdin]
ratios = sorted(after / before for before, after in pairs)
print(*(f"{ratio:.3f}" for ratio in ratios))
print(f"median {statistics.median(ratios):.3f}")
'
