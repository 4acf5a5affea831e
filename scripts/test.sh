#!/usr/bin/env bash
# Every check and every test: what continuous integration runs.
#
#     scripts/test.sh [--without swift]
#
# On a bare Debian 12, as root, it installs what is missing; elsewhere it names
# it and stops. It needs package registries and nothing else of the network,
# about 12 GB of disk, and on two cores about half an hour the first time.
# Every step is a command to run by hand; one that fails does not stop the
# others. scripts/test-long.sh goes on where this ends.
#
# A machine may not allow what a step needs, as some containers do with Swift
# (scripts/swift.sh says what that is). Such a step is INCOMPLETE, with the reason
# below it, and the others count.
#
#     status 0   everything passed
#     status 1   something failed
#     status 77  nothing failed, but something could not run here
#
# --without swift leaves out what needs Swift, its tests and the check of its
# formatting, and says so.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    local swift=yes
    while [ $# -gt 0 ]; do
        case "$1 ${2-}" in
            '-h '* | '--help '*) usage && exit ;;
            '--without swift') swift='' && shift 2 ;;
            *) die "unknown argument: $* (see --help)" ;;
        esac
    done
    cd "$ROOT"

    step tools "$SCRIPTS/install-tools.sh" --only "rust,models,kotlin,lint${swift:+,swift}"
    prerequisite
    # After the tools: it puts a Rust that lies in ~/.cargo on the PATH.
    . "$SCRIPTS/env.sh"
    step models "$SCRIPTS/fetch-model.sh" all
    prerequisite

    if [ -n "$swift" ]; then
        step check "$SCRIPTS/check.sh"
    else
        step check "$SCRIPTS/check.sh" --without swift-format
    fi
    step scripts "$SCRIPTS/test-scripts.sh"
    # Apart from the tests: compiling takes the longest of all.
    step 'rust, compiling' cargo test --release --workspace --no-run
    step rust cargo test --release --workspace
    alone soak::twenty_cycles_leave_nothing_behind
    alone soak::fifty_evaluation_sessions_leave_nothing_behind
    alone soak::five_hundred_tokens_with_cancellations_leave_nothing_behind
    step bindings "$SCRIPTS/gen-bindings.sh"
    step kotlin "$SCRIPTS/test-kotlin.sh"
    if [ -n "$swift" ]; then step swift "$SCRIPTS/test-swift.sh"; else leave_out swift; fi
    step mobile "$SCRIPTS/check-mobile-targets.sh"
    finish_steps
}

# Without these nothing that follows can say anything.
prerequisite() { [ $((steps_failed + steps_incomplete)) -eq 0 ] || finish_steps; }

main "$@"
