#!/usr/bin/env python3
"""Next-token distributions of SmolLM2 under LoRAs in PEFT's own form.

    tests/reference/peft_import.py SMOLLM2.gguf        → peft_import.json, peft_trained/

Two adapters, filled by formula in PEFT's order, so that the test can write the same
folder: a plain one, and one of rank-stabilised scale (arXiv:2312.03732) with patterns of
rank and alpha. A third one is trained here for some steps, small enough to lie beside:
the folder as PEFT writes it. transformers + PEFT in F32 on the dequantised weights; of
each distribution the 64 likeliest tokens and what is left.
"""

import json
import sys

import torch
from common import HERE, TENSORS, TEXT, hashed, load, rounded, sha256
from peft import LoraConfig, get_peft_model

CASES = {
    "plain": {"r": 8, "lora_alpha": 16},
    "patterns": {
        "r": 8,
        "lora_alpha": 16,
        "use_rslora": True,
        "rank_pattern": {"self_attn.k_proj": 4},
        "alpha_pattern": {"mlp.up_proj": 4, "self_attn.k_proj": 24},
    },
}
SIZE = 0.08
TRAINED = HERE / "peft_trained"
KEPT = 64
# Pieces of one text, of different lengths and beginnings.
PROMPTS = [TEXT[start : start + 8 + 2 * start] for start in range(20)]


def fill(model):
    start = 0
    for layer in model.get_base_model().model.layers:
        for name in TENSORS:
            module = layer.get_submodule(name)
            for weights in (module.lora_A["default"].weight, module.lora_B["default"].weight):
                values = torch.from_numpy(hashed(start, weights.numel()) * SIZE)
                weights.data = values.reshape(weights.shape).float()
                start += weights.numel()


def distributions(model):
    found = []
    for prompt in PROMPTS:
        with torch.no_grad():
            logits = model(torch.tensor([prompt])).logits[0, -1].double()
        log_p = torch.log_softmax(logits, dim=-1)
        top = log_p.topk(KEPT)
        found.append({
            "tokens": top.indices.tolist(),
            "log_probabilities": [rounded(x) for x in top.values.tolist()],
        })
    return found


def trained(path):
    """A LoRA of rank 1 on queries and keys, made likelier to say the text, and saved."""
    config = LoraConfig(
        r=1,
        lora_alpha=8,
        target_modules=["q_proj", "k_proj"],
        task_type="CAUSAL_LM",
        base_model_name_or_path="SmolLM2-135M-Instruct",
    )
    torch.manual_seed(1)
    model = get_peft_model(load(path, torch.float32), config, autocast_adapter_dtype=False)
    tokens = torch.tensor([TEXT])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-2)
    for _ in range(8):
        model(tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.peft_config["default"].base_model_name_or_path = "SmolLM2-135M-Instruct"
    model.save_pretrained(TRAINED)
    (TRAINED / "README.md").unlink()
    return distributions(model.eval())


def main():
    path = sys.argv[1]
    cases = {}
    base = None
    for name, settings in CASES.items():
        model = load(path, torch.float32)
        if base is None:
            base = distributions(model)
        config = LoraConfig(
            target_modules=[module.split(".")[1] for module in TENSORS], task_type="CAUSAL_LM", **settings
        )
        model = get_peft_model(model, config, autocast_adapter_dtype=False).eval()
        fill(model)
        cases[name] = {"config": settings, "distributions": distributions(model)}
    cases["trained"] = {"folder": TRAINED.name, "distributions": trained(path)}
    result = {
        "model_sha256": sha256(path),
        "size": SIZE,
        "prompts": PROMPTS,
        "base": base,
        "cases": cases,
    }
    text = json.dumps(result)
    for key in ('"base"', '"cases"', '"plain"', '"patterns"', '"trained"', '{"tokens"'):
        text = text.replace(key, "\n" + key)
    (HERE / "peft_import.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
