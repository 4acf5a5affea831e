#!/usr/bin/env python3
"""Makes brief.jsonl and brief-heldout.jsonl from the default model's own replies.

    tests/preferences/make_brief.py            (in the repository, after a release build)

Chosen: the first sentence of a reply sampled under an instruction to be brief. Rejected: the reply to the same prompt without it, cut after its last
whole sentence within 120 tokens, at least three times as long. The prompts are
ours, the replies the model's (SmolLM2-135M-Instruct, Apache-2.0). Held-out
prompts are about other things than those of training.
"""

import json
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "target/release/pocketune"
BRIEF = "Answer in one short, direct sentence."
FORMS = ["What is {}?", "Why is {} useful?", "Tell me about {}."]
THINGS = """a lighthouse; yeast; a compass; soap; a library; a bicycle bell; salt; a bridge; glass; a calendar;
a thermometer; honey; a mirror; paper; a train ticket; a garden; wool; a clock; steam; a map; rubber; a kettle;
cotton; a ladder; vinegar; a pulley; sand; a dictionary; copper; a tent; a magnet; bread; a canal; ink; an umbrella;
cork; a sailing boat; clay; a whistle; rice; a windmill; leather; a greenhouse; silk""".replace("\n", " ").split("; ")
UNSEEN = """a candle; cement; a passport; a telescope; sugar; a hammer; a dam; tea; a museum; a battery; wax; a helmet;
a lens; oil; a stapler; a postage stamp; concrete; a violin; a filter; cheese; a scarf; a microscope; a tunnel;
charcoal; a raincoat; a pencil; starch; a lawn; a camera; a wheelbarrow; an anchor; iron; a bakery; a pillow; a ruler;
flour; a ferry; a hinge; olive oil; a vaccine""".replace("\n", " ").split("; ")


def reply(prompt, seed, system=None, tokens=120):
    command = [PROGRAM, "chat", "--json", "--prompt", prompt, "--seed", str(seed), "--max-tokens", str(tokens)]
    if system:
        command += ["--system", system]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["replies"][0]


def whole_sentences(text):
    end = max(text.rfind(mark) for mark in ".!?")
    return text[: end + 1].strip()


def first_sentence(text):
    match = re.match(r"[^\n]*?[.!?](?=\s|$)", text.strip())
    return match.group(0) if match else ""


def pair(prompt, seed):
    long = whole_sentences(reply(prompt, seed)["text"])
    for attempt in range(4):
        text = first_sentence(reply(prompt, seed + 1000 * (attempt + 1), system=BRIEF, tokens=60)["text"])
        if 20 <= len(text) <= 160 and 3 * len(text) <= len(long):
            return {"prompt": prompt, "chosen": text, "rejected": long}
    return None


def conversational(record):
    says = lambda role, text: [{"role": role, "content": text}]
    return {
        "prompt": says("user", record["prompt"]),
        "chosen": says("assistant", record["chosen"]),
        "rejected": says("assistant", record["rejected"]),
    }


def write(name, things, seed):
    prompts = [form.format(thing) for thing in things for form in FORMS]
    pairs = [found for index, prompt in enumerate(prompts) if (found := pair(prompt, seed + index))]
    lines = [json.dumps(conversational(found), ensure_ascii=False) for found in pairs]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{name}: {len(pairs)} pairs of {len(prompts)} prompts")


if __name__ == "__main__":
    write("brief.jsonl", THINGS, 1)
    write("brief-heldout.jsonl", UNSEEN[:14], 5001)
