#!/usr/bin/env bash
# Makes the numbers in tests/reference that rust/judge is compared with anew.
#
#     scripts/reference-judge.sh [growthbook|crowd_kit|gbstats|confseq]...   (default: all)
#
# Tests only read them. Each peer has a virtual environment of its own in the
# cache, since they want different versions of the same packages; confseq wants
# Python 3.10 (named by $PYTHON310, or python3.10) and the headers of Boost.Math
# (Debian: libboost-math-dev). gbstats takes five minutes, the others less.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    [ $# -gt 0 ] || set -- growthbook crowd_kit gbstats confseq
    cd "$ROOT/tests/reference"
    local peer
    for peer in "$@"; do
        case $peer in
            growthbook | crowd_kit | gbstats | confseq) "of_$peer" ;;
            *) die "unknown peer: $peer (see --help)" ;;
        esac
    done
}

of_growthbook() {
    local folder cases
    folder=$(mktemp -d)
    # cargo fetches the crate; nothing of it is built.
    printf '%s\n' '[package]' 'name = "cases"' 'version = "0.0.0"' 'edition = "2021"' \
        '[lib]' 'path = "lib.rs"' '[dependencies]' 'growthbook-rust = "=0.4.0"' '[workspace]' >"$folder/Cargo.toml"
    touch "$folder/lib.rs"
    cases=$(cargo metadata --quiet --format-version 1 --manifest-path "$folder/Cargo.toml" |
        python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "growthbook-rust":
        print(os.path.dirname(package["manifest_path"]))')/tests/cases/cases.json
    python3 growthbook_hash.py "$cases"
    rm -r "$folder"
}

of_crowd_kit() {
    "$(environment python3 crowd_kit crowd-kit==1.4.2)" crowd_kit.py
}

of_gbstats() {
    local streams=$TARGET/peeking-streams
    (cd "$ROOT" && cargo run --release --example peeking 10000 "$streams")
    "$(environment python3 gbstats gbstats==0.8.0 numpy==1.26.4 scipy==1.17.1)" gbstats_power.py "$streams"
}

of_confseq() {
    local python=${PYTHON310:-python3.10}
    have "$python" || die "confseq wants Python 3.10: name it with PYTHON310"
    "$(environment "$python" confseq confseq==0.0.11 numpy==1.26.4 scipy==1.15.3)" confseq_sequences.py
}

# environment PYTHON NAME PACKAGE...: prints the Python of an environment with these packages.
environment() {
    local python=$1 folder=$CACHE/judge-$2
    shift 2
    if [ "$(cat "$folder/packages" 2>/dev/null)" != "$*" ]; then
        "$python" -m venv "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
        printf '%s\n' "$*" >"$folder/packages"
    fi
    printf '%s\n' "$folder/bin/python"
}

main "$@"
