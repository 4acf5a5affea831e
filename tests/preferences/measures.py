#!/usr/bin/env python3
"""The measures of the five preferences, and the statistics of the README's tables.

    tests/preferences/measures.py              (in the repository, after a release build)
"""

import re

from replies import greedy, records, token_counts

YOU = {"you", "your", "yours", "yourself", "yourselves"}
PARAGRAPH = re.compile(r"[^\s0-9*#`-][^\n*#`]*")


def in_100_words(text, counts):
    words = re.findall(r"[a-z][a-z']*", text.lower())
    return 100 * sum(map(counts, words)) / max(1, len(words))


def addresses(text):
    """style: forms of "you" in 100 words."""
    return in_100_words(text, lambda word: word.split("'")[0] in YOU)


def short_words(text):
    """simple: words of at most four letters in 100 words; apostrophes count as letters."""
    return in_100_words(text, lambda word: len(word) <= 4)


def asks(text):
    """question: the reply ends with one."""
    return text.rstrip().endswith("?")


def is_paragraph(text):
    """format: one paragraph of plain text, without line breaks, list marks and markup."""
    return PARAGRAPH.fullmatch(text.strip()) is not None


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def show_pairs(kind, measure):
    for name in (f"{kind}.jsonl", f"{kind}-heldout.jsonl"):
        pairs = records(name)
        row = [name, len(pairs)]
        for side in ("chosen", "rejected"):
            texts = [pair[side][0]["content"] for pair in pairs]
            tokens = token_counts(texts)
            row += [f"{mean(tokens):.1f}", f"{mean(map(measure, texts, tokens)):.3g}"]
        print(" | ".join(map(str, row)))


def show_base():
    replies = [greedy(record["prompt"]) for record in records("unseen-prompts.jsonl")]
    whole = [reply["stop_reason"] == "end_of_turn" for reply in replies]
    print(f"{len(replies)} greedy replies, {mean(whole):.1%} whole within 120 tokens")
    print(f"brief: {mean(reply['generated_tokens'] for reply in replies):.1f} tokens")
    rates = [addresses(reply["text"]) for reply in replies]
    print(f"style: {mean(rates):.2f} forms of \"you\" in 100 words; {mean(rate >= 4 for rate in rates):.1%} with at least 4")
    print(f"format: {mean(is_paragraph(reply['text']) for reply in replies):.1%} one plain paragraph")
    print(f"question: {mean(asks(reply['text']) for reply in replies):.1%} end with a question")
    print(f"simple: {mean(short_words(reply['text']) for reply in replies):.2f} short words in 100 words")


def check():
    """measures.jsonl holds what both this file and the tests' own measures must say."""
    for case in records("measures.jsonl"):
        assert abs(addresses(case["text"]) - case["addresses"]) < 1e-9, case
        assert abs(short_words(case["text"]) - case["short_words"]) < 1e-9, case
        assert asks(case["text"]) == case["asks"], case
        assert is_paragraph(case["text"]) == case["paragraph"], case


if __name__ == "__main__":
    check()
    print("file | pairs | chosen: tokens | measure | rejected: tokens | measure")
    show_pairs("brief", lambda text, tokens: tokens)
    show_pairs("style", lambda text, tokens: addresses(text))
    show_pairs("format", lambda text, tokens: is_paragraph(text))
    show_pairs("question", lambda text, tokens: asks(text))
    show_pairs("simple", lambda text, tokens: short_words(text))
    show_base()
