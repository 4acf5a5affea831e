#!/usr/bin/env python3
"""Makes KIND-thumbs.jsonl and KIND-edits.jsonl: the feedback of one user, from the training pairs of each kind.

    tests/preferences/make_feedback.py         (needs no model)

Thumbs: up on the chosen reply of a pair, down on the rejected reply of another. Edits: what a user would do to the
rejected reply, so that both begin alike where that is natural. Each thumb and each edit of a kind has a prompt of its
own, and none is a held-out or an unseen one. Which pair becomes what follows from the digest of its prompt.
"""

import hashlib

from make_style import impersonal
from measures import addresses, asks, is_paragraph, short_words
from replies import first_sentence, records, write

UP, DOWN, EDITS = 24, 24, 30


def shortened(pair):
    """The first sentence of the long reply, where it is one and about what was asked."""
    rejected = said(pair, "rejected")
    sentence = first_sentence(rejected)
    whole = sentence.endswith(".") and sentence[:1].isupper() and len(sentence.split()) >= 5 and len(sentence) <= 160
    asked = pair["prompt"][0]["content"].rstrip("?.").removesuffix(" useful").split()[-1]
    return sentence if whole and asked in sentence.lower() and 3 * len(sentence) <= len(rejected) else None


def spoken_to(pair):
    """The reply with "you" for "people", if the pair differs by such words only."""
    chosen = said(pair, "chosen")
    return chosen if impersonal(chosen) == said(pair, "rejected") else None


def joined(pair):
    """Separate paragraphs, or the points of a list, as one paragraph."""
    marks = ("1. ", "2. ", "- ")
    lines = [line.strip() for line in said(pair, "rejected").split("\n") if line.strip()]
    bare = [next((line[len(mark):] for mark in marks if line.startswith(mark)), line) for line in lines]
    return " ".join(bare)


def as_chosen(pair):
    """The chosen reply, where it is what a user would make of the rejected one."""
    return said(pair, "chosen")


EDITORS = {"brief": shortened, "style": spoken_to, "format": joined, "question": as_chosen, "simple": as_chosen}
PREFERRED = {
    "brief": lambda edited, original: 3 * len(edited) <= len(original),
    "style": lambda edited, original: addresses(edited) > addresses(original) == 0,
    "format": lambda edited, original: is_paragraph(edited) and not is_paragraph(original),
    "question": lambda edited, original: asks(edited) and not asks(original),
    "simple": lambda edited, original: short_words(edited) > short_words(original),
}


def said(pair, side):
    return pair[side][0]["content"]


def assistant(text):
    return [{"role": "assistant", "content": text}]


def shuffled(pairs):
    return sorted(pairs, key=lambda pair: hashlib.sha256(pair["prompt"][0]["content"].encode()).digest())


def edit(kind, pair, text):
    assert PREFERRED[kind](text, said(pair, "rejected")), pair
    return {"prompt": pair["prompt"], "chosen": assistant(text), "rejected": pair["rejected"], "edit": True}


def thumb(pair, up):
    return {"prompt": pair["prompt"], "completion": pair["chosen" if up else "rejected"], "label": up}


def make(kind):
    edits, others = [], []
    for pair in shuffled(records(f"{kind}.jsonl")):
        text = EDITORS[kind](pair) if len(edits) < EDITS else None
        if text is None:
            others.append(pair)
        else:
            edits.append(edit(kind, pair, text))
    thumbs = [thumb(pair, number % 2 == 0) for number, pair in enumerate(others[: UP + DOWN])]
    assert len(edits) == EDITS and sum(line["label"] for line in thumbs) == UP and len(thumbs) == UP + DOWN
    write(f"{kind}-edits.jsonl", edits)
    write(f"{kind}-thumbs.jsonl", thumbs)


if __name__ == "__main__":
    for kind in EDITORS:
        make(kind)
