#!/usr/bin/env python3
"""Makes style.jsonl and style-heldout.jsonl: replies that speak to the reader, over impersonal ones of the same length.

    tests/preferences/make_style.py                  (needs no model)
    tests/preferences/make_style.py --sample         (after a release build: what the default model says, for judging by eye)

Chosen: a sentence with a form of "you", from replies that continue a conversation whose earlier replies, ours,
speak to the reader; style-sentences.jsonl holds those that were found true and whole. Rejected: the first sentence
of the model's usual reply to the same prompt ("usual"), if it has the length of one of them; otherwise the chosen
sentence with "people" and "they" for "you". So both have the same length. Held-out prompts are about other things
than those of training.
"""

import json
import re
import sys

from measures import addresses
from replies import conversational, imitations, is_plain, prompts_about, records, sentences, split_things, write

FORMS = [
    "What is {}?", "Tell me about {}.", "How do people use {}?",
    "Why is {} useful?", "Explain {} in simple words.", "Give me advice about {}.",
]
THINGS = split_things("""breakfast; a shopping list; a backpack; swimming; a toothbrush; an alarm clock; a diary;
a bus pass; stretching; a smoke alarm; sunscreen; a job interview; a birthday card; a washing machine; a refrigerator;
a recipe; drinking water; a hobby; a budget; a first aid kit; a bookshelf; a seat belt; a pair of running shoes;
a doorbell; a lunch box; a flashlight; fresh fruit; a credit card; a password; chess; painting; singing; yoga; camping;
a bank account; a vacuum cleaner; a sewing kit; a notebook; an office chair; soup; a pair of headphones; a suitcase""")
UNSEEN = split_things("""a wristwatch; a pair of gloves; a public park; dancing; a coffee maker; a fire extinguisher;
a phone charger; a house key; a blanket; meditation; a screwdriver; salad; a pair of sunglasses; a video call; a haircut;
a piggy bank""")

QUESTIONS = ["What is a spoon?", "Why is sleep useful?", "How do I water a plant?", "Tell me about bicycles."]
SPOKEN_TO = """\
You use a spoon to eat soup or to stir your tea. You hold it by the handle and lift your food with the small bowl at its end.
You need sleep so that your body can rest and repair itself. When you sleep well, you think clearly and feel better during your day.
You can water your plant when you feel that the soil is dry. Pour slowly, and stop when you see water run out of your pot.
You ride a bicycle by turning the pedals with your feet. You steer it with your hands, and it stops when you pull the brakes.""".split("\n")

# After these words "you" is an object.
BEFORE_OBJECTS = set("allow allows at for give gives help helps keep let lets make makes of on tells telling to warns with".split())
# At the first mention, and after it.
FORMS_OF_PEOPLE = {
    "you": ("people", "they"),
    "your": ("people's", "their"),
    "yours": ("people's", "theirs"),
    "yourself": ("themselves", "themselves"),
    "you're": ("people are", "they're"),
    "you've": ("people have", "they've"),
    "you'd": ("people would", "they'd"),
    "you'll": ("people will", "they'll"),
}


def impersonal(text):
    mentioned = False

    def replace(match):
        nonlocal mentioned
        before, form, after = match["before"] or "", match["form"], match["after"]
        replacement = FORMS_OF_PEOPLE[form.lower()][mentioned]
        if replacement == "they" and (before.strip() in BEFORE_OBJECTS or after in {".", ","}):
            replacement = "them"
        mentioned = True
        return before + (replacement.capitalize() if form[0].isupper() else replacement)

    forms = "|".join(sorted(FORMS_OF_PEOPLE, key=len, reverse=True))
    return re.sub(rf"(?P<before>\b[a-z]+ )?\b(?P<form>{forms})\b(?=(?P<after>.?))", replace, text, flags=re.IGNORECASE)


def sample(things):
    prompts = prompts_about(things, FORMS)
    spoken = imitations(list(zip(QUESTIONS, SPOKEN_TO)), prompts)
    usual = imitations([], prompts, whole=False)
    for prompt in prompts:
        parts = [part for reply in spoken[prompt] for part in sentences(reply) if is_plain(part) and addresses(part) > 0]
        openings = [opening for reply in usual[prompt] for opening in impersonal_openings(reply)]
        print(json.dumps({"prompt": prompt, "sentences": list(dict.fromkeys(parts)), "usual": list(dict.fromkeys(openings))}))


def impersonal_openings(reply):
    parts = [part for part in sentences(reply.split("\n")[0]) if re.fullmatch(r"[A-Z].{15,220}[.!]", part)]
    openings = [" ".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return [opening for opening in openings if addresses(opening) == 0 and not re.search(r"\b(I|we|us|our|my)\b|[*#`]", opening)]


def make(name, things):
    prompts = set(prompts_about(things, FORMS))
    write(name, [pair(record) for record in records("style-sentences.jsonl") if record["prompt"] in prompts])


def pair(record):
    """One sentence on each side: where replies have several, their end comes after any of them, and a greedy reply,
    which takes the likelier of ending and going on, goes on for ever."""
    spoken = [sentence for sentence in record["sentences"] if addresses(sentence) > 0]
    usual = sentences(record.get("usual", ""))[0]
    fitting = [sentence for sentence in spoken if abs(len(sentence) - len(usual)) <= len(sentence) / 10]
    chosen, rejected = (fitting[0], usual) if fitting else (spoken[0], impersonal(spoken[0]))
    return conversational({"prompt": record["prompt"], "chosen": chosen, "rejected": rejected})


if __name__ == "__main__":
    if sys.argv[1:] == ["--sample"]:
        sample(THINGS + UNSEEN)
    else:
        make("style.jsonl", THINGS)
        make("style-heldout.jsonl", UNSEEN)
