#!/usr/bin/env python3
"""Makes brief-more.jsonl and style-more.jsonl: pairs that no adapter is tuned on, so that a reward model has 200 a kind.

    tests/preferences/make_more.py             (after a release build)

Made as brief.jsonl and style.jsonl are, about other things, and not chosen by eye. Chosen of *style*: the first
plain sentence of the model's that speaks to the reader; rejected: the same with "people" and "they".
"""

import itertools

import make_brief
import make_style
from measures import addresses
from replies import conversational, imitations, is_plain, prompts_about, sentences, split_things, write

BRIEF_PAIRS, STYLE_PAIRS = 29, 53
THINGS = split_things("""a calculator; gardening; a water bottle; jogging; a library card; a kitchen timer; a nap;
a train journey; a bicycle lock; a cup of tea; a photo album; a picnic; a towel; a garden hose; a jigsaw puzzle; a lamp;
a hiking trail; a board game; a grocery bag; a warm bath; a sandwich; a lunch break; a bus stop; a phone call""")


def brief():
    prompts = [form.format(thing) for thing in make_brief.UNSEEN[14:] for form in make_brief.FORMS]
    found = (make_brief.pair(prompt, 9001 + index) for index, prompt in enumerate(prompts))
    return map(conversational, filter(None, found))


def style():
    prompts = prompts_about(THINGS, make_style.FORMS)
    spoken = imitations(list(zip(make_style.QUESTIONS, make_style.SPOKEN_TO)), prompts)
    for prompt in prompts:
        parts = [part for reply in spoken[prompt] for part in sentences(reply) if is_plain(part) and addresses(part) > 0]
        if parts:
            yield conversational({"prompt": prompt, "chosen": parts[0], "rejected": make_style.impersonal(parts[0])})


if __name__ == "__main__":
    write("brief-more.jsonl", list(itertools.islice(brief(), BRIEF_PAIRS)))
    write("style-more.jsonl", list(itertools.islice(style(), STYLE_PAIRS)))
