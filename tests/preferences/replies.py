"""What the scripts here share: replies of the default model, rules about text, writing pairs."""

import json
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "target/release/pocketune"
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
SEEDS = (1, 2, 3)


def run(*arguments):
    command = [PROGRAM, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def chat(*options):
    return run("chat", "--json", *options)["replies"]


def greedy(prompt, tokens=120):
    return chat("--prompt", prompt, "--greedy", "--max-tokens", tokens, "--threads", 1)[0]


def imitations(demonstrations, prompts, whole=True):
    """Replies that continue a conversation in which each demonstration was a turn:
    for each prompt one a seed, those cut off only if they need not be whole."""
    transcripts = [option for prompt in prompts for option in ("--prompt", transcript(demonstrations, prompt))]
    found = {prompt: [] for prompt in prompts}
    for seed in SEEDS:
        replies = chat("--raw", "--threads", 1, "--seed", seed, "--max-tokens", 80, *transcripts)
        for prompt, reply in zip(prompts, replies):
            if reply["stop_reason"] == "end_of_turn" or not whole:
                found[prompt].append(reply["text"].strip())
    return found


def transcript(demonstrations, prompt):
    turn = lambda role, text: f"<|im_start|>{role}\n{text}<|im_end|>\n"
    shown = "".join(turn("user", asked) + turn("assistant", reply) for asked, reply in demonstrations)
    return turn("system", SYSTEM) + shown + turn("user", prompt) + "<|im_start|>assistant\n"


def token_counts(texts):
    """Tokens of each text, from one run of the program."""
    mark = "\n@@@\n"
    tokens = lambda text: [token["id"] for token in run("tokenize", "--json", text)["tokens"]]
    border, ids = tokens(mark), tokens(mark.join(texts))
    counts, start = [], 0
    for end in range(len(ids) + 1):
        if end == len(ids) or ids[end : end + len(border)] == border:
            counts.append(end - start)
            start = end + len(border)
    assert len(counts) == len(texts)
    return counts


def whole_sentences(text):
    end = max(text.rfind(mark) for mark in ".!?")
    return text[: end + 1].strip()


def first_sentence(text):
    match = re.match(r"[^\n]*?[.!?](?=\s|$)", text.strip())
    return match.group(0) if match else ""


def sentences(text):
    return re.split(r"(?<=[.!?])\s+", text)


def is_plain(sentence):
    """Whether a sentence is whole, says no word twice in a row of two, and is about neither the model nor its makers."""
    words = re.findall(r"[a-z]+", sentence.lower())
    couples = list(zip(words, words[1:]))
    return (
        re.fullmatch(r"[A-Z][A-Za-z0-9 ,'-]{12,140}\.", sentence) is not None
        and len(set(couples)) == len(couples)
        and not {"i", "we", "us", "our", "my", "me"} & set(words)
    )


def prompts_about(things, forms):
    """The first half of the forms for even things, the second half for odd ones."""
    half = len(forms) // 2
    return [form.format(thing) for index, thing in enumerate(things) for form in (forms[half:] if index % 2 else forms[:half])]


def split_things(text):
    return text.replace("\n", " ").strip().split("; ")


def records(name):
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def write(name, found):
    lines = [json.dumps(record, ensure_ascii=False) for record in found]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{name}: {len(lines)} lines")


def conversational(pair):
    says = lambda role, text: [{"role": role, "content": text}]
    return {
        "prompt": says("user", pair["prompt"]),
        "chosen": says("assistant", pair["chosen"]),
        "rejected": says("assistant", pair["rejected"]),
    }
