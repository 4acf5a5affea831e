#!/usr/bin/env python3
"""Next-token distributions of SmolLM2 under LoRAs in PEFT's own form.

    tests/reference/peft_import.py SMOLLM2.gguf        → peft_import.json, peft_trained/, peft_converted/

One adapter for each kind of pattern that PEFT knows, filled by formula in PEFT's order, so
that the test can write the same folder: adapter_config.json as PEFT saved it (with the
changes that a case names) and the same matrices. PEFT saves the folder, loads it again over
a fresh model, and that model's distributions are noted. Two more are trained here for some
steps, small enough to lie beside, as PEFT writes them: an ordinary one, and one that began
as PiSSA (arXiv:2404.02948) and was saved as an ordinary LoRA. transformers + PEFT in F32 on
the dequantised weights; of each distribution the 32 likeliest tokens and what is left.
"""

import copy
import json
import pathlib
import sys
import tempfile

import torch
from common import HERE, TENSORS, TEXT, hashed, load, rounded, sha256
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer

# Settings of LoraConfig, and what is changed in the file afterwards: a pattern that is given
# as pairs keeps their order, which PEFT does not when it saves.
CASES = {
    "plain": ({}, {}),
    "plain keys, rank-stabilised": (
        {
            "use_rslora": True,
            "rank_pattern": {"self_attn.k_proj": 4},
            "alpha_pattern": {"mlp.up_proj": 4, "self_attn.k_proj": 24},
        },
        {},
    ),
    "alternatives": (
        {
            "rank_pattern": {r"layers\.(1|2)\d\.self_attn\.[qv]_proj": 4},
            "alpha_pattern": {"(q|k)_proj": 2, r"mlp\.(up|down)_proj": 24},
        },
        {},
    ),
    "anchored": (
        {
            "alpha_pattern": {
                r"^model\.layers\.0\.self_attn\.[qk]_proj": 96,
                r"^model.layers.2\d.mlp.up_proj$": 2,
                "^down_proj": 1000,
                "v_proj$": 4,
            }
        },
        {},
    ),
    "dotted": (
        {
            "rank_pattern": {"layers.3.mlp.down_proj": 4},
            "alpha_pattern": {"self_attn.v_proj": 4, "model.layers.5.self_attn.o_proj": 64, "1.mlp.up_proj": 80},
        },
        {},
    ),
    "overlapping": ({}, {"alpha_pattern": [["v_proj", 20], ["mlp.*", 24], [".*_proj", 2], ["q_proj", 2000]]}),
    "overlapping ranks": (
        {"rank_pattern": {".*mlp.*": 2, "[a-z]*_proj": 4}},
        {"alpha_pattern": [["up_proj", 4], [".*", 8], ["[^u]*", 80]]},
    ),
    "expressions, rank-stabilised": (
        {
            "use_rslora": True,
            "lora_alpha": 4,
            "rank_pattern": {r"layers\.\d\.self_attn\.q_proj": 3},
            "alpha_pattern": {r"layers\.1\d\..*": 1, "(gate|up)_proj": 6},
        },
        {},
    ),
    "some modules": (
        {
            "lora_alpha": 80,
            "target_modules": ["q_proj", "o_proj", "model.layers.7.mlp.down_proj"],
            "layers_to_transform": [0, 3, 10, 29],
            "layers_pattern": "layers",
            "exclude_modules": ["3.self_attn.q_proj"],
            "alpha_pattern": {"o_proj": 40},
        },
        {},
    ),
}
SIZE = 0.08
TRAINED = HERE / "peft_trained"
CONVERTED = HERE / "peft_converted"
KEPT = 32
# Pieces of one text, of different lengths and beginnings.
PROMPTS = [TEXT[start : start + 8 + 2 * start] for start in range(20)]


def by_formula(base, settings, changes):
    """The adapter that PEFT saves under these settings, filled, changed and loaded again."""
    settings = {
        "r": 8,
        "lora_alpha": 16,
        "target_modules": [module.split(".")[1] for module in TENSORS],
        "task_type": "CAUSAL_LM",
        **settings,
    }
    model = get_peft_model(copy.deepcopy(base), LoraConfig(**settings), autocast_adapter_dtype=False)
    modules = []
    start = 0
    for name, module in model.get_base_model().named_modules():
        if not isinstance(module, LoraLayer):
            continue
        modules.append([name, module.r["default"]])
        for weights in (module.lora_A["default"].weight, module.lora_B["default"].weight):
            values = torch.from_numpy(hashed(start, weights.numel()) * SIZE)
            weights.data = values.reshape(weights.shape).float()
            start += weights.numel()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        path = pathlib.Path(folder) / "adapter_config.json"
        config = json.loads(path.read_text())
        config["base_model_name_or_path"] = "SmolLM2-135M-Instruct"
        config.update({field: dict(value) for field, value in changes.items()})
        text = json.dumps(config)
        path.write_text(text)
        loaded = PeftModel.from_pretrained(copy.deepcopy(base), folder).eval()
    return {"config": text, "modules": modules, "distributions": distributions(loaded)}


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


def train(model, learning_rate):
    """Makes the text likelier, in some steps."""
    tokens = torch.tensor([TEXT])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    for _ in range(8):
        model(tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def saved(model, folder, **how):
    model.peft_config["default"].base_model_name_or_path = "SmolLM2-135M-Instruct"
    model.save_pretrained(folder, **how)
    (folder / "README.md").unlink()


def trained(base):
    """A LoRA of rank 1 on queries and keys."""
    config = LoraConfig(r=1, lora_alpha=8, target_modules=["q_proj", "k_proj"], task_type="CAUSAL_LM")
    torch.manual_seed(1)
    model = get_peft_model(copy.deepcopy(base), config, autocast_adapter_dtype=False)
    train(model, 2e-2)
    saved(model, TRAINED)
    return {"folder": TRAINED.name, "distributions": distributions(model.eval())}


def converted(base):
    """PiSSA of rank 1 on some layers' values, saved as what it changed: a LoRA of rank 2."""
    config = LoraConfig(
        r=1,
        lora_alpha=1,
        init_lora_weights="pissa",
        target_modules=["v_proj", "o_proj"],
        layers_to_transform=[0, 10, 20],
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(copy.deepcopy(base), config, autocast_adapter_dtype=False)
    with tempfile.TemporaryDirectory() as folder:
        start = pathlib.Path(folder) / "start"
        # As PEFT's guide has it: loaded again, the start must not change the base once more.
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(start)
        model.peft_config["default"].init_lora_weights = "pissa"
        train(model, 5e-2)
        saved(model, CONVERTED, path_initial_model_for_weight_conversion=str(start))
    loaded = PeftModel.from_pretrained(copy.deepcopy(base), CONVERTED).eval()
    return {"folder": CONVERTED.name, "distributions": distributions(loaded)}


def main():
    path = sys.argv[1]
    base = load(path, torch.float32)
    cases = {name: by_formula(base, *case) for name, case in CASES.items()}
    cases["trained"] = trained(base)
    cases["converted"] = converted(base)
    result = {
        "model_sha256": sha256(path),
        "size": SIZE,
        "prompts": PROMPTS,
        "base": distributions(base),
        "cases": cases,
    }
    text = json.dumps(result)
    for key in ('"base"', '"cases"', *(f'"{name}": {{' for name in cases), '{"tokens"'):
        text = text.replace(key, "\n" + key)
    (HERE / "peft_import.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
