#!/usr/bin/env bash
# Renders chat templates that others published, which are not ours to commit, and compares them
# with what transformers makes of them.
#
#     scripts/published-templates.sh FOLDER
#
# FOLDER holds the templates and the expected.json that
# `tests/reference/chat_templates.py FOLDER FOLDER/expected.json` wrote for them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

case "${1-}" in -h | --help) usage && exit ;; esac
POCKETUNE_TEMPLATES=$(realpath "${1:?which folder (see --help)}")
export POCKETUNE_TEMPLATES
cd "$ROOT"
cargo test --release --package pocketune-template --test published -- --ignored --exact \
    templates_of_a_folder_render_as_in_transformers
