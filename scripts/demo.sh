#!/usr/bin/env bash
# From a fresh clone to a model that learns: installs what is missing, fetches a
# 135M-parameter model, shows its replies, teaches it to be brief from 131
# preferences, and shows the replies again beside the first ones. Then a stranger's
# copy of what was learned is refused, a signed one is validated, comes into use and
# stands an experiment with a report. Each command is shown as it can be repeated; all
# files stay in target/demo/, which is emptied first.
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
# As seen from $ROOT, where everything runs.
DEMO=${TARGET#"$ROOT"/}/demo

main() {
    no_arguments "$@"
    cd "$ROOT"
    "$SCRIPTS/install-tools.sh" --only rust,models
    . "$SCRIPTS/env.sh"
    "$SCRIPTS/fetch-model.sh" smollm2 >/dev/null
    # The whole workspace, so that scripts/test.sh finds llama.cpp compiled.
    cargo build --release --workspace
    rm -rf "$DEMO"
    mkdir -p "$DEMO"
    say "
To repeat a command: PATH=$TARGET/release:\$PATH"

    say "
What the model says, at most 80 tokens each:"
    local before=() at
    for at in "${!PROMPTS[@]}"; do
        say "
? ${PROMPTS[at]}"
        before[at]=$(reply --prompt "${PROMPTS[at]}")
        fold -s -w 100 <<<"${before[at]}"
    done

    show tune --objective dpo --data tests/preferences/brief.jsonl \
        --heldout tests/preferences/brief-heldout.jsonl --ordinary tests/preferences/ordinary.jsonl \
        --out "$DEMO/brief.gguf"

    say "
The same prompts, before and under the adapter:"
    for at in "${!PROMPTS[@]}"; do
        say "
? ${PROMPTS[at]}"
        reply --candidate "$DEMO/brief.gguf" --prompt "${PROMPTS[at]}" | beside "${before[at]}"
    done
    trust
    experiment
    say "
Go on by hand: pocketune chat --candidate $DEMO/brief.gguf"
}

# Keys for the roles of a policy, an adapter signed by a stranger, and one signed by those
# that the policy names.
trust() {
    say "
A policy says who may release adapters and who may vouch for them. Keys first:"
    local role
    for role in root release validation stranger; do
        show key generate --no-passphrase --out "$DEMO/$role.pem"
    done
    show policy new --name demo --root "$DEMO/root.pem.pub" --release "$DEMO/release.pem.pub" \
        --validation "$DEMO/validation.pem.pub" --sign "$DEMO/root.pem" --out "$DEMO/policy.json"
    say "
A stranger signs a copy:"
    cp "$DEMO/brief.gguf" "$DEMO/forged.gguf"
    release "$DEMO/forged.gguf" "$DEMO/stranger.pem"
    show adapter verify "$DEMO/forged.gguf" --policy "$DEMO/policy.json" || true
    say "
What does the adapter change? 36 everyday prompts, whose replies critics judge, without it and under
it. Critics judge form, not truth."
    grep '"kind": *"everyday"' rust/judge/suites/helpfulness.jsonl >"$DEMO/everyday.jsonl"
    show evaluate --suite "$DEMO/everyday.jsonl" --by generation --max-tokens 80 --margin 0.2 \
        --candidate "$DEMO/brief.gguf" --validation-out "$DEMO/evaluation.json" \
        --items-out "$DEMO/items.jsonl"
    say "
Those whom the policy names sign it: one that it is released, the other what was measured."
    release "$DEMO/brief.gguf" "$DEMO/release.pem"
    show adapter attest validation "$DEMO/brief.gguf" --evaluation "$DEMO/evaluation.json" \
        --sign "$DEMO/validation.pem"
    say "
It is accepted, and comes into use:"
    show adapter install "$DEMO/brief.gguf" --store "$DEMO/app" --policy "$DEMO/policy.json"
    show adapter activate "$(sha256_of "$DEMO/brief.gguf")" --store "$DEMO/app"
    show chat --store "$DEMO/app" --greedy --quiet --prompt "${PROMPTS[0]}"
    show adapter roll-back --store "$DEMO/app"
    show adapter history --store "$DEMO/app"
}

# What those replies were worth decides whether the adapter stays: critics play the users.
experiment() {
    cat >"$DEMO/experiment.json" <<EOF
{
  "format": 1, "id": "brief", "hypothesis": "People prefer answers of one sentence.",
  "design": "side_by_side", "salt": "demo",
  "arms": {
    "incumbent": { "name": "current model" },
    "challenger": { "name": "brief", "adapters": ["$(sha256_of "$DEMO/brief.gguf")"] }
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
An experiment: both answer, and somebody picks. An arm is exactly the adapters that it lists.

\$ cat $DEMO/experiment.json
"
    cat "$DEMO/experiment.json"
    say "
Here critics pick the reply whose form they like better, and each pick is drawn from the 36 items
above. A hundred such experiments are simulated; the ledger is that of the first:"
    show experiment simulate --definition "$DEMO/experiment.json" --items "$DEMO/items.jsonl" \
        --experiments 100 --ledger-out "$DEMO/ledger.jsonl"
    show experiment analyze --definition "$DEMO/experiment.json" --ledger "$DEMO/ledger.jsonl"
    show experiment report --quiet --definition "$DEMO/experiment.json" --ledger "$DEMO/ledger.jsonl" \
        --subject "items=$DEMO/items.jsonl" --out "$DEMO/report.html"
    say "
For people to read: $DEMO/report.html"
}

# release FILE KEY
release() {
    show adapter attest release "$1" --name brief --channel stable --version 1 \
        --changelog 'Replies are one sentence.' --sign "$2"
}

reply() {
    "$TARGET/release/pocketune" chat --greedy --max-tokens 80 --quiet "$@"
    echo
}

# beside TEXT: that text on the left, standard input on the right.
beside() {
    pr -m -t -w 110 <(fold -s -w 52 <<<"$1") <(fold -s -w 52 -)
}

# Shows the command, quoted and broken as a shell takes it, before it runs.
show() {
    local line='$ pocketune' shown='' word
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./=:@%+,-]+$ ]] || word=${word@Q}
        if [[ $word == --* && ${#line} -gt 64 ]]; then
            shown+="$line \\"$'\n'
            line='   '
        fi
        line+=" $word"
    done
    say "
$shown$line
"
    "$TARGET/release/pocketune" "$@"
}

main "$@"
