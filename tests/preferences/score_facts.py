#!/usr/bin/env python3
"""Answers facts.jsonl with the default model: the option that is likeliest as a reply, by token.

    tests/preferences/score_facts.py [ARGUMENTS OF pocketune score]     (e.g. --model FILE)
"""

import collections
import json
import subprocess
import sys

from replies import HERE, PROGRAM


def log_probability_by_token(question, option):
    command = [PROGRAM, "score", "--json", "--threads", "1", "--prompt", question, "--reply", option, *sys.argv[1:]]
    scored = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return scored["log_probability"] / len(scored["tokens"])


def main():
    by_subject = collections.defaultdict(list)
    for line in (HERE / "facts.jsonl").read_text(encoding="utf-8").splitlines():
        fact = json.loads(line)
        scores = [log_probability_by_token(fact["question"], option) for option in fact["options"]]
        best = max(range(4), key=scores.__getitem__)
        right = scores[fact["answer"]]
        margin = right - max(score for index, score in enumerate(scores) if index != fact["answer"])
        by_subject[fact["subject"]].append(margin > 0)
        print(f"{fact['id']}\t{margin:+.3f}\t{fact['options'][best]}", flush=True)
    for subject, answers in by_subject.items():
        print(f"{subject}: {sum(answers)} of {len(answers)}")
    answers = sum(by_subject.values(), [])
    print(f"all: {sum(answers)} of {len(answers)}, {sum(answers) / len(answers):.1%}")


if __name__ == "__main__":
    main()
