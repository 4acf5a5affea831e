#!/usr/bin/env python3
"""Makes brief.jsonl and brief-heldout.jsonl from the default model's own replies.

    tests/preferences/make_brief.py            (in the repository, after a release build)

Chosen: the first sentence of a reply sampled under an instruction to be brief. Rejected: the reply to the same prompt without it, cut after its last
whole sentence within 120 tokens, at least three times as long. The prompts are
ours, the replies the model's (SmolLM2-135M-Instruct, Apache-2.0). Held-out
prompts are about other things than those of training.
"""

from replies import chat, conversational, first_sentence, split_things, whole_sentences, write

BRIEF = "Answer in one short, direct sentence."
FORMS = ["What is {}?", "Why is {} useful?", "Tell me about {}."]
THINGS = split_things("""a lighthouse; yeast; a compass; soap; a library; a bicycle bell; salt; a bridge; glass; a calendar;
a thermometer; honey; a mirror; paper; a train ticket; a garden; wool; a clock; steam; a map; rubber; a kettle;
cotton; a ladder; vinegar; a pulley; sand; a dictionary; copper; a tent; a magnet; bread; a canal; ink; an umbrella;
cork; a sailing boat; clay; a whistle; rice; a windmill; leather; a greenhouse; silk""")
UNSEEN = split_things("""a candle; cement; a passport; a telescope; sugar; a hammer; a dam; tea; a museum; a battery; wax; a helmet;
a lens; oil; a stapler; a postage stamp; concrete; a violin; a filter; cheese; a scarf; a microscope; a tunnel;
charcoal; a raincoat; a pencil; starch; a lawn; a camera; a wheelbarrow; an anchor; iron; a bakery; a pillow; a ruler;
flour; a ferry; a hinge; olive oil; a vaccine""")


def reply(prompt, seed, tokens, *options):
    return chat("--prompt", prompt, "--seed", seed, "--max-tokens", tokens, *options)[0]["text"]


def pair(prompt, seed):
    long = whole_sentences(reply(prompt, seed, 120))
    for attempt in range(4):
        text = first_sentence(reply(prompt, seed + 1000 * (attempt + 1), 60, "--system", BRIEF))
        if 20 <= len(text) <= 160 and 3 * len(text) <= len(long):
            return {"prompt": prompt, "chosen": text, "rejected": long}
    return None


def make(name, things, seed):
    prompts = [form.format(thing) for thing in things for form in FORMS]
    write(name, [conversational(found) for index, prompt in enumerate(prompts) if (found := pair(prompt, seed + index))])


if __name__ == "__main__":
    make("brief.jsonl", THINGS, 1)
    make("brief-heldout.jsonl", UNSEEN[:14], 5001)
