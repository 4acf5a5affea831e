"""SFT gradients of PEFT adapters, in F64: peft_tied.json, peft_untied.json, peft_wide.json
and, given the path of SmolLM2's GGUF file, peft_smollm2.json.

    peft_gradients.py [SMOLLM2]
"""

import sys

import torch
from common import TEXT, adapter, compare, exported, gradients, load, rounded, sha256, tokens, with_adapter, write

def sft(path, case, samples, dtype):
    model = with_adapter(load(path, dtype), case)
    ids = torch.tensor([case["tokens"]])
    labels = ids.clone()
    labels[:, : case["loss_from"]] = -100
    # The loss that transformers' models return is rounded to F32.
    logits = model(input_ids=ids).logits[0, :-1]
    loss = torch.nn.functional.cross_entropy(logits, labels[0, 1:])
    loss.backward()
    sizes = {name: parameter.numel() for name, parameter, _ in adapter(model)}
    return rounded(loss.item()), gradients(model, samples), sizes


def make(path, file, case, samples=None):
    loss, found, sizes = sft(path, case, samples, torch.float64)
    stock_loss, stock, _ = sft(path, case, samples, torch.float32)
    print(f"{file}: transformers' own F32 differs by {abs(loss - stock_loss):.1e} and {compare(found, stock, sizes)}")
    write(file, {**case, "sha256": sha256(path), "loss": loss, "gradients": found})


for name in ["tied", "untied"]:
    case = {"model": name, "rank": 2, "alpha": 5, "size": 1 / 8, "tokens": tokens(1, 24), "loss_from": 5}
    make(exported(name), f"peft_{name}.json", case)
case = {"model": "wide", "rank": 3, "alpha": 5, "size": 1 / 8, "tokens": tokens(2, 40), "loss_from": 1}
make(exported("wide"), "peft_wide.json", case, samples=16)
if len(sys.argv) > 1:
    case = {"rank": 8, "alpha": 16, "size": 1 / 64, "tokens": TEXT, "loss_from": 16}
    make(sys.argv[1], "peft_smollm2.json", case, samples=8)
