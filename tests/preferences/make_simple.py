#!/usr/bin/env python3
"""Makes simple.jsonl and simple-heldout.jsonl: a reply in short words, over a usual one of about the same length.

    tests/preferences/make_simple.py                 (needs no model)
    tests/preferences/make_simple.py --sample        (after a release build: writes simple-sentences.jsonl)

Chosen: one or two sentences from replies that continue a conversation whose earlier replies, ours, are in short
words. Rejected: the first sentence of the model's usual reply. Of all that were sampled, the two whose lengths are
closest, where the chosen one has clearly more short words; nobody chose them by eye, and some are untrue, on both
sides alike. Held-out prompts are about other things than those of training.
"""

import sys

from make_question import QUESTIONS, THINGS, UNSEEN
from measures import short_words
from replies import conversational, first_sentence, imitations, is_plain, prompts_about, records, sentences, write

FORMS = [
    "Explain {}.", "Define {}.", "How would you explain {} to me?",
    "Teach me about {}.", "Give me a short introduction to {}.", "What makes {} special?",
]
SIMPLE = """\
A spoon is a tool to eat soup with. You hold it in your hand and dip it in the bowl.
When you sleep, your body can rest and heal. It is good for your mind as well.
Dip a can in the tap and pour it on the soil. Stop when the soil is wet.
A bike has two big wheels and a seat. You push it with your feet and it goes fast.""".split("\n")
# In 100 words.
CLEARLY_MORE = 12
LONGEST_RATIO = 1.6


def sample(things):
    prompts = prompts_about(things, FORMS)
    simple = imitations(list(zip(QUESTIONS, SIMPLE)), prompts)
    usual = imitations([], prompts, whole=False)
    for prompt in prompts:
        candidates = [text for reply in simple[prompt] for text in beginnings(reply)]
        openings = list(filter(is_plain, map(first_sentence, usual[prompt])))
        couples = [couple for opening in openings for text in candidates if is_simpler(*(couple := (text, opening)))]
        if couples:
            chosen, rejected = min(couples, key=lambda couple: ratio(*couple))
            yield {"prompt": prompt, "simple": chosen, "usual": rejected}


def beginnings(reply):
    parts = sentences(reply)
    return [" ".join(parts[:count]) for count in (1, 2) if len(parts) >= count and all(map(is_plain, parts[:count]))]


def is_simpler(text, opening):
    return short_words(text) >= short_words(opening) + CLEARLY_MORE and ratio(text, opening) <= LONGEST_RATIO


def ratio(one, other):
    lengths = sorted([len(one), len(other)])
    return lengths[1] / lengths[0]


def make(name, things):
    prompts = set(prompts_about(things, FORMS))
    kept = [record for record in records("simple-sentences.jsonl") if record["prompt"] in prompts]
    write(name, map(pair, kept))


def pair(record):
    return conversational({"prompt": record["prompt"], "chosen": record["simple"], "rejected": record["usual"]})


if __name__ == "__main__":
    if sys.argv[1:] == ["--sample"]:
        write("simple-sentences.jsonl", sample(THINGS + UNSEEN))
    else:
        make("simple.jsonl", THINGS)
        make("simple-heldout.jsonl", UNSEEN)
