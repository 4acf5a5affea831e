#!/usr/bin/env python3
"""Chat templates as transformers renders them: rust/template/tests/published/expected.json.

    tests/reference/chat_templates.py
    tests/reference/chat_templates.py TEMPLATES EXPECTED    (folder of others, file to write)

The templates beside that file are written for these tests after the public descriptions of
the families whose names they have, with the same markers and ways; none is a copy. Each is
rendered over conversations.json, without and with the opening of a reply, by
render_jinja_template at a fixed time (chat_renderer.py has the versions).

A result is a text, or {"raised": …} where the template refused by raise_exception, or
{"failed": …} with Python's error.
"""

import json
import pathlib
import sys

from chat_renderer import TESTS, described, line, origin, raised, write
from transformers.utils.chat_template_utils import render_jinja_template

PUBLISHED = TESTS / "published"
TOKENS = {
    "chatml": {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"},
    "llama2": {"bos_token": "<s>", "eos_token": "</s>"},
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "qwen": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "gemma": {"bos_token": "<bos>", "eos_token": "<eos>"},
    "phi": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    "mistral": {"bos_token": "<s>", "eos_token": "</s>"},
    "deepseek": {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"},
    "granite": {"bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>"},
    "lfm": {"bos_token": "<|startoftext|>", "eos_token": "<|im_end|>"},
    "command": {"bos_token": "<BOS_TOKEN>", "eos_token": "<|END_OF_TURN_TOKEN|>"},
}
# The family whose special tokens a template is given; the first that its name begins with.
FAMILIES = {"hermes": "llama3", "smollm": "chatml", "zephyr": "llama2", "olmo": "phi"}


def tokens(name):
    name = next((to for begin, to in FAMILIES.items() if name.startswith(begin)), name)
    return next((found for family, found in TOKENS.items() if name.startswith(family)), TOKENS["chatml"])


def rendered(source, conversation, variables, opening):
    try:
        texts, _ = render_jinja_template(
            [conversation["messages"]],
            tools=conversation.get("tools"),
            documents=conversation.get("documents"),
            chat_template=source,
            add_generation_prompt=opening,
            **variables,
        )
    except Exception as error:
        return {"raised": str(error)} if raised(error) else {"failed": described(error)}
    return texts[0]


def results(source, special, conversations):
    for conversation in conversations:
        variables = {**special, **conversation.get("variables", {})}
        plain, opened = (rendered(source, conversation, variables, opening) for opening in (False, True))
        yield conversation["name"], {"plain": plain, "opened": opened}


def main():
    folder, expected = PUBLISHED, PUBLISHED / "expected.json"
    if len(sys.argv) == 3:
        folder, expected = map(pathlib.Path, sys.argv[1:])
    conversations = json.loads((PUBLISHED / "conversations.json").read_text())
    lines = []
    for path in sorted(folder.glob("*.jinja")):
        # Line ends stay as they are.
        source, special = path.read_bytes().decode(), tokens(path.stem)
        rows = results(source, special, conversations)
        rows = ",\n".join(f"   {line(name)}: {line(result)}" for name, result in rows)
        lines.append(f'  {line(path.stem)}: {{"variables": {line(special)}, "results": {{\n{rows}\n  }}}}')
    body = ",\n".join(lines)
    write(expected, f'{{\n "origin": {line(origin())},\n "templates": {{\n{body}\n }}\n}}\n')


main()
