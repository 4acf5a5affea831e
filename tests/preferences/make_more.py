#!/usr/bin/env python3
"""Makes brief-more.jsonl and style-more.jsonl: pairs that no adapter is tuned on, so that a reward model has 200 a kind.

    tests/preferences/make_more.py             (after a release build)

Made as brief.jsonl and style.jsonl are, about other things, and not chosen by eye: the first plain sentence of the
model's that speaks to the reader, and the same with "people" and "they".
"""

import make_brief
import make_style
from measures import addresses
from replies import conversational, imitations, is_plain, prompts_about, sentences, split_things, write

BRIEF_PAIRS, STYLE_PAIRS = 29, 53
THINGS = split_things("""a raincoat; a calculator; gardening; a map; a water bottle; jogging; a library card; a tent;
a kitchen timer; a nap; a train journey; a dictionary; a scarf; a bicycle lock; a cup of tea; a photo album;
a picnic; a towel; an umbrella; a garden hose; a jigsaw puzzle; a lamp; a pillow; a hiking trail""")


def brief():
    prompts = [form.format(thing) for thing in make_brief.UNSEEN[14:] for form in make_brief.FORMS]
    found = 0
    for index, prompt in enumerate(prompts):
        if found < BRIEF_PAIRS and (pair := make_brief.pair(prompt, 9001 + index)):
            found += 1
            yield conversational(pair)


def style():
    prompts = prompts_about(THINGS, make_style.FORMS)
    spoken = imitations(list(zip(make_style.QUESTIONS, make_style.SPOKEN_TO)), prompts)
    found = 0
    for prompt in prompts:
        parts = [part for reply in spoken[prompt] for part in sentences(reply) if is_plain(part) and addresses(part) > 0]
        if found < STYLE_PAIRS and parts and (other := make_style.impersonal(parts[0])) != parts[0]:
            found += 1
            yield conversational({"prompt": prompt, "chosen": parts[0], "rejected": other})


if __name__ == "__main__":
    write("brief-more.jsonl", list(brief()))
    write("style-more.jsonl", list(style()))
