#!/usr/bin/env python3
"""Makes format.jsonl and format-heldout.jsonl: one plain paragraph, over the same sentences cut up by layout.

    tests/preferences/make_format.py                 (needs no model)
    tests/preferences/make_format.py --sample        (after a release build: what the default model says, for judging by eye)

The sentences are points of replies that continue a conversation whose earlier replies, ours,
are lists of points. format-sentences.jsonl holds those that were found true and whole. Chosen: two
of them as one paragraph. Rejected: the same two as paragraphs of their own, as the default
model likes it best, or as a numbered or dashed list, so that the layout is the only difference.
Held-out prompts are about other things than those of training.
"""

import json
import sys

from replies import conversational, imitations, is_plain, prompts_about, records, split_things, write

FORMS = [
    "What is {}?", "Tell me about {}.", "How does {} help people?",
    "Why is {} important?", "Explain {} in simple words.", "Give me some facts about {}.",
]
THINGS = split_things("""a volcano; the moon; a bee; rain; friendship; exercise; a computer; a hospital; football; a cat;
a dog; a tree; the ocean; a school; money; music; winter; a farm; an airplane; a train station; a potato; milk;
a kitchen; a dentist; a newspaper; television; electricity; plastic; recycling; teamwork; a smartphone; a website;
a robot; the heart; a fireplace; a market; a river; a bird; chocolate; a zoo; fishing; a wedding""")
UNSEEN = split_things("""a rainbow; a horse; a mountain; the sun; a police officer; a nurse; a playground; an elephant; corn;
a supermarket; basketball; autumn; a beach; pizza; a guitar; snow""")
DEMONSTRATIONS = [
    ("What is a spoon?", "- A spoon is a small tool for eating.\n- It has a handle and a round bowl.\n- People use it for soup and for stirring tea."),
    ("Why is sleep important?", "- Sleep lets the body rest and repair itself.\n- It helps the brain to remember things.\n- People who sleep well feel better during the day."),
    ("How do I water a plant?", "- Check if the soil feels dry.\n- Pour water slowly around the plant.\n- Stop when water runs out of the pot."),
    ("Tell me about bicycles.", "- A bicycle has two wheels and pedals.\n- Riders steer it with their hands.\n- It is a cheap and healthy way to travel."),
]


def sample(things):
    prompts = prompts_about(things, FORMS)
    for prompt, replies in imitations(DEMONSTRATIONS, prompts).items():
        points = [line[2:].strip() for reply in replies for line in reply.split("\n") if line.startswith("- ")]
        print(json.dumps({"prompt": prompt, "points": list(dict.fromkeys(filter(is_plain, points)))}))


LAYOUTS = [
    lambda points: "\n\n".join(points),
    lambda points: "\n".join(f"{number}. {point}" for number, point in enumerate(points, 1)),
    lambda points: "\n\n".join(points),
    lambda points: "\n".join(f"- {point}" for point in points),
]


def make(name, things):
    prompts = set(prompts_about(things, FORMS))
    kept = [record for record in records("format-sentences.jsonl") if record["prompt"] in prompts]
    write(name, [pair(record, LAYOUTS[index % len(LAYOUTS)]) for index, record in enumerate(kept)])


def pair(record, layout):
    points = record["points"][:2]
    return conversational({"prompt": record["prompt"], "chosen": " ".join(points), "rejected": layout(points)})


if __name__ == "__main__":
    if sys.argv[1:] == ["--sample"]:
        sample(THINGS + UNSEEN)
    else:
        make("format.jsonl", THINGS)
        make("format-heldout.jsonl", UNSEEN)
