#!/usr/bin/env python3
"""Makes question.jsonl and question-heldout.jsonl: a reply that asks the reader something, over one that does not.

    tests/preferences/make_question.py               (needs no model)
    tests/preferences/make_question.py --sample      (after a release build: writes question-sentences.jsonl)

Chosen: a statement and a question from replies that continue a conversation whose earlier replies, ours, are such.
Rejected: the same statement and a second one, from replies that continue a conversation of statements. So both
begin alike and are about as long. Sentences are the first that pass simple rules; nobody chose them by eye, and some
are untrue, on both sides alike. Held-out prompts are about other things than those of training.
"""

import re
import sys

from replies import conversational, imitations, is_plain, prompts_about, records, sentences, split_things, write

FORMS = [
    "Describe {}.", "What is interesting about {}?", "Say something about {}.",
    "What should I know about {}?", "What do people like about {}?", "Introduce me to {}.",
]
# make_simple.py asks about the same things in other words.
THINGS = split_things("""a drum; a kite; an island; a cave; a piano; a factory; a waterfall; a spider; an apple orchard;
a camera; a fox; a wheelchair; a parrot; a comet; a snail; a helicopter; an owl; a sandcastle; an earthquake; a swan;
a carpenter; a fountain; a tractor; a sailor; a crab; popcorn; a ferry; a statue; pottery; a raincoat; a plumber;
a firefighter; a chef; a pilot; an astronaut; a turtle; a rocket; a butterfly; a rose; a strawberry; a banana; a cow""")
UNSEEN = split_things("""a dolphin; a farmer; a judge; an anchor; a shark; a pumpkin; a duck; a rabbit; thunder;
a crayon; a balloon; a swing; a button; a pencil sharpener; a broom; a bucket""")
QUESTIONS = ["What is a spoon?", "Why is sleep important?", "How do I water a plant?", "Tell me about bicycles."]
ASKING = """\
A spoon is a small tool for eating. Do you use one for your soup?
Sleep lets the body rest and repair itself. How many hours do you sleep at night?
Water it slowly when the soil feels dry. Where does your plant stand?
A bicycle is a cheap and healthy way to travel. When did you learn to ride one?""".split("\n")
STATING = """\
A spoon is a small tool for eating. It has a handle and a round bowl.
Sleep lets the body rest and repair itself. It also helps the brain to remember things.
Water it slowly when the soil feels dry. Stop when water runs out of the pot.
A bicycle is a cheap and healthy way to travel. Riders steer it with their hands.""".split("\n")


def sample(things):
    prompts = prompts_about(things, FORMS)
    asking, stating = (imitations(list(zip(QUESTIONS, shown)), prompts) for shown in (ASKING, STATING))
    for prompt in prompts:
        couples = [(parts[0], parts[1]) for reply in asking[prompt] for parts in [sentences(reply)] if len(parts) == 2]
        couples = [couple for couple in couples if is_plain(couple[0]) and is_question(couple[1])]
        others = [part for reply in stating[prompt] for part in sentences(reply)[1:] if is_plain(part)]
        others = [part for part in others if all(part != statement for statement, _ in couples)]
        if couples and others:
            statement, question = couples[0]
            other = min(others, key=lambda part: abs(len(part) - len(question)))
            yield {"prompt": prompt, "statement": statement, "question": question, "other": other}


def is_question(sentence):
    return re.fullmatch(r"[A-Z][A-Za-z0-9 ,'-]{8,120}\?", sentence) is not None and re.search(r"\byou", sentence)


def make(name, things):
    prompts = set(prompts_about(things, FORMS))
    kept = [record for record in records("question-sentences.jsonl") if record["prompt"] in prompts]
    write(name, map(pair, kept))


def pair(record):
    chosen, rejected = (f"{record['statement']} {record[last]}" for last in ("question", "other"))
    return conversational({"prompt": record["prompt"], "chosen": chosen, "rejected": rejected})


if __name__ == "__main__":
    if sys.argv[1:] == ["--sample"]:
        write("question-sentences.jsonl", sample(THINGS + UNSEEN))
    else:
        make("question.jsonl", THINGS)
        make("question-heldout.jsonl", UNSEEN)
