#!/usr/bin/env bash
# From a fresh clone to a model that learns: installs what is missing, fetches a
# 135M-parameter model, shows its replies, teaches it to be brief from 131
# preferences, and shows the replies again beside the first ones.
#
#     scripts/demo.sh
#
# Some four minutes on two cores; about ten more the first time, most of it the
# compilation of llama.cpp.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

PROMPTS=(
    'What is a thunderstorm?'
    'Why do people keep a diary?'
    'Tell me about elephants.'
)

main() {
    no_arguments "$@"
    cd "$ROOT"
    "$SCRIPTS/install-tools.sh" --only rust,models
    . "$SCRIPTS/env.sh"
    local model prompt
    model=$("$SCRIPTS/fetch-model.sh" smollm2)
    # The whole workspace, so that scripts/test.sh finds llama.cpp compiled.
    cargo build --release --workspace

    # Not local: the trap needs it after main.
    folder=$(mktemp -d)
    trap 'rm -r "$folder"' EXIT
    say "
What the model says, at most 80 tokens each:"
    for prompt in "${PROMPTS[@]}"; do
        say "
? $prompt"
        reply --prompt "$prompt" | tee "$folder/$prompt" | fold -s -w 100
    done

    show tune --model "$model" --objective dpo --data tests/preferences/brief.jsonl \
        --heldout tests/preferences/brief-heldout.jsonl --ordinary tests/preferences/ordinary.jsonl \
        --out "$folder/brief.gguf"

    say "
The same prompts, before and under the adapter:"
    for prompt in "${PROMPTS[@]}"; do
        say "
? $prompt"
        reply --candidate "$folder/brief.gguf" --prompt "$prompt" |
            beside "$folder/$prompt"
    done
    cp "$folder/brief.gguf" "$TARGET/brief.gguf"
    say "
Go on by hand: ${TARGET#"$ROOT"/}/release/pocketune chat --candidate ${TARGET#"$ROOT"/}/brief.gguf"
}

reply() {
    "$TARGET/release/pocketune" chat --model "$model" --greedy --max-tokens 80 --quiet "$@"
    echo
}

# beside FILE: that file on the left, standard input on the right.
beside() {
    pr -m -t -w 110 <(fold -s -w 52 "$1") <(fold -s -w 52 -)
}

# Shows the command before it runs.
show() {
    say "
\$ pocketune $*
"
    "$TARGET/release/pocketune" "$@"
}

main "$@"
