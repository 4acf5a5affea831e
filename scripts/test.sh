#!/usr/bin/env bash
# Every check and every test: what continuous integration runs.
#
#     scripts/test.sh
#
# On a bare Debian 12, as root, it installs what is missing; elsewhere it names
# it and stops. It needs package registries and nothing else of the network,
# about 12 GB of disk, and on two cores about half an hour the first time.
# Every step is a command to run by hand; one that fails does not stop the
# others. scripts/test-long.sh goes on where this ends.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    no_arguments "$@"
    cd "$ROOT"

    step tools "$SCRIPTS/install-tools.sh"
    prerequisite
    # After the tools: it puts a Rust that lies in ~/.cargo on the PATH.
    . "$SCRIPTS/env.sh"
    step models "$SCRIPTS/fetch-model.sh" all
    prerequisite

    step check "$SCRIPTS/check.sh"
    step rust cargo test --release --workspace
    alone soak::twenty_cycles_leave_nothing_behind
    alone soak::fifty_evaluation_sessions_leave_nothing_behind
    alone soak::five_hundred_tokens_with_cancellations_leave_nothing_behind
    step bindings "$SCRIPTS/gen-bindings.sh"
    step kotlin "$SCRIPTS/test-kotlin.sh"
    step swift "$SCRIPTS/test-swift.sh"
    step mobile "$SCRIPTS/check-mobile-targets.sh"
    finish_steps
}

# Without these nothing that follows can say anything.
prerequisite() { [ "$steps_failed" -eq 0 ] || finish_steps; }

main "$@"
