#!/usr/bin/env bash
# Makes the numbers in tests/reference anew, with PyTorch, PEFT and TRL.
#
#     scripts/reference.sh
#
# Tests only read them: run this after a change of the models that
# rust/train/tests/reference writes, or of tests/reference/requirements.txt.
# The peers live in a virtual environment in the cache (about 6 GB). Takes two
# minutes and 4 GB of memory; one thread, so that sums keep their order.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"
no_arguments "$@"

cd "$ROOT"
smollm2=$("$SCRIPTS/fetch-model.sh" smollm2)
python=$(peers_python)
cargo test --release -p pocketune-train --test peft -- --ignored export_models
export POCKETUNE_EXPORTED=$TARGET/tmp HF_HUB_OFFLINE=1
cd tests/reference
"$python" torch_optim.py
"$python" trl_losses.py
"$python" trl_tokens.py "$smollm2"
"$python" loss_curves.py "$smollm2"
"$python" peft_gradients.py "$smollm2"
"$python" peft_config.py
"$python" peft_import.py "$smollm2"
"$python" jinja_language.py
"$python" chat_templates.py
