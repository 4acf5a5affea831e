#!/usr/bin/env bash
# From a fresh clone to a model that learns: installs what is missing, fetches a
# 135M-parameter model, shows its replies, teaches it to be brief from 131
# preferences, and shows the replies again beside the first ones. Then a stranger's
# copy of what was learned is refused, a signed one is validated, comes into use and
# stands an experiment, whose report is written to target/report.html.
#
#     scripts/demo.sh
#
# Some five minutes on two cores; about ten more the first time, most of it the
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
    cd "$folder"
    trust
    experiment
    say "
Go on by hand: ${TARGET#"$ROOT"/}/release/pocketune chat --candidate ${TARGET#"$ROOT"/}/brief.gguf"
}

# Keys for the roles of a policy, an adapter signed by a stranger, and one signed by those
# that the policy names.
trust() {
    local role
    for role in root release validation stranger; do
        "$TARGET/release/pocketune" key generate --no-passphrase --out "$role.pem" >/dev/null
    done
    "$TARGET/release/pocketune" policy new --name demo --root root.pem.pub --release release.pem.pub \
        --validation validation.pem.pub --sign root.pem --out policy.json >/dev/null
    say "
A policy says who may release adapters and who may vouch for them. A stranger signs a copy:"
    cp brief.gguf forged.gguf
    release forged.gguf stranger.pem
    show adapter verify forged.gguf --policy policy.json --model "$model" || true
    say "
Those whom the policy names sign the other one, and it comes into use:"
    release brief.gguf release.pem
    grep '"kind": *"everyday"' "$ROOT/rust/judge/suites/helpfulness.jsonl" >everyday.jsonl
    show evaluate --model "$model" --suite everyday.jsonl --by generation --max-tokens 80 --margin 0.2 \
        --candidate brief.gguf --validation-out validation.json --items-out items.jsonl
    "$TARGET/release/pocketune" adapter attest validation brief.gguf --model "$model" \
        --evaluation validation.json --sign validation.pem
    show adapter install brief.gguf --store app --policy policy.json --model "$model"
    show adapter activate "$(sha256_of brief.gguf)" --store app --model "$model"
    show chat --store app --model "$model" --greedy --quiet --prompt "${PROMPTS[0]}"
    show adapter roll-back --store app --model "$model"
    show adapter history --store app
}

# What those replies were worth decides whether the adapter stays: critics play the users.
experiment() {
    cat >definition.json <<EOF
{
  "format": 1, "id": "brief", "hypothesis": "People prefer answers of one sentence.",
  "design": "side_by_side", "salt": "demo",
  "arms": {
    "incumbent": { "name": "the model as it is" },
    "challenger": { "name": "brief", "adapters": ["$(sha256_of brief.gguf)"] }
  },
  "metrics": [
    { "measure": "pick", "role": "primary" },
    { "measure": "critic_score", "role": "guardrail" },
    { "measure": "refusal", "role": "guardrail" }
  ],
  "limits": { "maxOutcomes": 500, "maxDays": 28 }
}
EOF
    say "
An experiment in which both answer and somebody picks. Here critics pick, from the replies above:"
    show experiment simulate --definition definition.json --items items.jsonl --experiments 100 \
        --ledger-out ledger.jsonl
    show experiment analyze --definition definition.json --ledger ledger.jsonl
    "$TARGET/release/pocketune" experiment report --quiet --definition definition.json --ledger ledger.jsonl \
        --subject items=items.jsonl --out report.html >/dev/null
    cp report.html "$TARGET/report.html"
    say "
The same for people to read: ${TARGET#"$ROOT"/}/report.html"
}

# release FILE KEY
release() {
    "$TARGET/release/pocketune" adapter attest release "$1" --model "$model" --name brief --channel stable \
        --version 1 --changelog 'Replies are one sentence.' --sign "$2"
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
