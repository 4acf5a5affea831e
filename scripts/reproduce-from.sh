#!/usr/bin/env bash
# Does one build of pocketune measure again, to the last bit, what another one measured and signed?
#
#     scripts/reproduce-from.sh BEFORE AFTER CANDIDATE [SUITE]
#
# BEFORE and AFTER are two `pocketune` programs, CANDIDATE is an adapter of the default model, SUITE a file of
# JSON lines (default: the first 30 questions of the built-in factuality suite). BEFORE evaluates
# by log-probability and by generation and signs the validation; AFTER reproduces it with one
# thread and with two. Takes some minutes.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case "${1-}" in -h | --help) usage && exit ;; esac
before=${1:?two programs are compared (see --help)}
after=${2:?two programs are compared (see --help)}
candidate=${3:?an adapter is needed (see --help)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$candidate" "$folder/candidate.gguf"
if [ $# -gt 3 ]; then
    cp "$4" "$folder/suite.jsonl"
else
    head -n 30 "$ROOT/rust/judge/suites/factuality.jsonl" >"$folder/suite.jsonl"
fi
adapter=(--candidate "$folder/candidate.gguf" --suite "$folder/suite.jsonl")
# Status 1 where the adapter is not shown to be within the margin: that is signed too.
"$before" evaluate "${adapter[@]}" --by both --max-tokens 32 --validation-out "$folder/evaluation.json" || [ $? -eq 1 ]
"$before" key generate --no-passphrase --out "$folder/key.pem"
"$before" adapter attest validation "$folder/candidate.gguf" --evaluation "$folder/evaluation.json" \
    --sign "$folder/key.pem"
for threads in 1 2; do
    "$after" evaluate "${adapter[@]}" --reproduce "$folder/candidate.gguf.intoto.jsonl" --threads "$threads"
done
