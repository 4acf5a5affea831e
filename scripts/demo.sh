#!/usr/bin/env bash
# From a fresh clone to a model that talks: installs what is missing, fetches a
# 135M-parameter model, measures it on this machine and chats with it.
#
#     scripts/demo.sh
#
# About ten minutes the first time on two cores, most of it the compilation of
# llama.cpp; seconds after that.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    no_arguments "$@"
    cd "$ROOT"
    "$SCRIPTS/install-tools.sh" --only rust,models
    . "$SCRIPTS/env.sh"
    local model
    model=$("$SCRIPTS/fetch-model.sh" smollm2)
    # The whole workspace, so that scripts/test.sh finds llama.cpp compiled.
    cargo build --release --workspace

    show bench --model "$model" --repetitions 3
    show chat --model "$model" --greedy --max-tokens 60 \
        --prompt 'Name three rivers in Europe.' --prompt 'Which of them is the longest?'
    say "
Go on by hand: ${TARGET#"$ROOT"/}/release/pocketune chat"
}

# Shows the command before it runs.
show() {
    say "
\$ pocketune $*
"
    "$TARGET/release/pocketune" "$@"
}

main "$@"
