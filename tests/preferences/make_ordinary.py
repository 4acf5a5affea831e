#!/usr/bin/env python3
"""Makes ordinary.jsonl: everyday prompts with the default model's own greedy replies, at most 32 tokens each.

    tests/preferences/make_ordinary.py         (in the repository, after a release build)

On these texts the KL divergence of a tuned model from the default one is measured.
"""

import json

from replies import HERE, greedy

PROMPTS = """\
What is the capital of Portugal?
What is the capital of Canada?
Which country is Athens in?
Write a haiku about a quiet evening.
Write a two-line rhyme about a mouse.
Translate "good morning" into French.
Translate "thank you very much" into Spanish.
What is seven plus five?
A box holds six eggs. How many eggs are in two boxes?
What is the first step of making pancakes?
How long should I boil an egg?
Write a polite email asking to move a meeting to Friday.
Write a short message to thank a colleague for help.
Define the word "generous".
What does the word "ancient" mean?
Write a Python function that adds two numbers.
Write a line of Python that prints the numbers from 1 to 5.
What is the opposite of "early"?
Name three colors.
Fix the grammar: "She go to work every days."
Who wrote Hamlet?
Suggest a name for a small bakery.
Say hello to a new customer.
Summarize in one sentence: The shop opens at nine, closes at six and is shut on Sundays.""".split("\n")


def conversation(prompt):
    """TRL's conversational form of a prompt and its completion."""
    reply = greedy(prompt, tokens=32)["text"]
    return {"prompt": [{"role": "user", "content": prompt}], "completion": [{"role": "assistant", "content": reply}]}


if __name__ == "__main__":
    lines = [json.dumps(conversation(prompt), ensure_ascii=False) for prompt in PROMPTS]
    (HERE / "ordinary.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"ordinary.jsonl: {len(lines)} replies")
