#!/usr/bin/env python3
"""What PEFT makes of configurations: rank and scale of each module, and regular expressions.

    tests/reference/peft_config.py        → peft_config.json

Each configuration is saved by PEFT over a random model of three layers, changed where the
case says so (PEFT sorts keys when it saves, files of others need not be sorted), and loaded
again over a fresh one. Of each linear layer that then carries a LoRA the rank and the scale
are noted, or the kind of error that PEFT ends with. Regular expressions are asked of
`get_pattern_key` and `re.fullmatch` themselves: chosen ones, and others made by chance.
"""

import json
import pathlib
import random
import re
import tempfile
import warnings

import peft
import torch
from common import HERE
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils.other import get_pattern_key
from transformers import LlamaConfig, LlamaForCausalLM

warnings.simplefilter("ignore")
# As many as have two digits, so that layer 1 and layer 11 can be mistaken.
LAYERS = 12
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ATTENTION = ["q_proj", "v_proj"]


def tiny():
    torch.manual_seed(1)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=16,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=LAYERS,
            num_attention_heads=2,
            num_key_value_heads=1,
        )
    )


# Name of a case: settings of LoraConfig, and what is changed in the file afterwards. A
# pattern that is given as pairs keeps their order in the file.
CASES = {
    "nothing said": ({}, {}),
    "plain keys": ({"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"v_proj": 32}}, {}),
    "dotted keys": (
        {"alpha_pattern": {"self_attn.q_proj": 4, "1.self_attn.v_proj": 6, "layers.11.self_attn.v_proj": 8}},
        {},
    ),
    "full names": (
        {
            "rank_pattern": {"model.layers.1.self_attn.q_proj": 2, "model.layers.11.self_attn.q_proj": 3},
            "alpha_pattern": {"model.layers.1.self_attn.v_proj": 100},
        },
        {},
    ),
    "alternatives": (
        {
            "target_modules": ALL,
            "rank_pattern": {r"mlp\.(up|down)_proj": 2},
            "alpha_pattern": {"(q|k)_proj": 20, r"layers\.(1|3|11)\.self_attn\.o_proj": 5},
        },
        {},
    ),
    "classes and counts": (
        {
            "alpha_pattern": {
                r"layers\.\d{2}\.self_attn\.[qv]_proj": 20,
                r"layers\.[0-3]\..*": 40,
                r"layers\.[^45]\.self_attn\.v_proj": 60,
            }
        },
        {},
    ),
    "anchors": (
        {
            "alpha_pattern": {
                r"^model\.layers\.0\.self_attn\.q_proj": 100,
                r"^model.layers.1.self_attn.q_proj$": 200,
                "^q_proj": 300,
                "v_proj$": 400,
                r"^layers\.2\.self_attn\.q_proj": 500,
            }
        },
        {},
    ),
    "first of the file": (
        {},
        {"alpha_pattern": [["v_proj", 20], [".*", 2], ["q_proj", 200], ["self_attn.v_proj", 2000]]},
    ),
    "first of the file, reversed": (
        {},
        {"alpha_pattern": [["self_attn.v_proj", 2000], ["q_proj", 200], [".*", 2], ["v_proj", 20]]},
    ),
    "ranks in file order": (
        {"target_modules": ALL},
        {"rank_pattern": [["self_attn.*", 3], ["q_proj", 5], ["[a-z]*_proj", 7]]},
    ),
    "two alternatives at the top": ({"alpha_pattern": {"q_proj|v_proj": 64}}, {}),
    "unbalanced alternatives": ({}, {"alpha_pattern": [["q_proj)|(model", 64]]}),
    "rank-stabilised": (
        {
            "use_rslora": True,
            "rank_pattern": {r"layers\.\d\.self_attn\.q_proj": 4},
            "alpha_pattern": {r"layers\.1\d\..*": 3},
        },
        {},
    ),
    "alpha of no whole number": ({}, {"lora_alpha": 1.5, "alpha_pattern": [["q_proj", 0.25]]}),
    "negative and zero alpha": ({}, {"alpha_pattern": [["q_proj", -4], ["v_proj", 0]]}),
    "layers by number": ({"layers_to_transform": [0, 3, 11]}, {}),
    "one layer": ({"layers_to_transform": 1}, {}),
    "layers by number and pattern": ({"layers_to_transform": [1, 2], "layers_pattern": "layers"}, {}),
    "layers by another pattern": ({"layers_to_transform": [1, 2], "layers_pattern": ["h", r"l\w+s"]}, {}),
    "full names are of any layer": (
        {"target_modules": ["q_proj", "model.layers.5.self_attn.v_proj"], "layers_to_transform": [1]},
        {},
    ),
    "excluded": ({"exclude_modules": ["model.layers.1.self_attn.q_proj", "layers.2.self_attn.v_proj"]}, {}),
    "excluded by expression": ({"exclude_modules": r".*\.\d\d\.self_attn\.(q|v)_proj"}, {}),
    "targets by expression": ({"target_modules": r"model\.layers\.(?:\d|1[01])\.(?:mlp\.\b(?:up|gate)|x)_proj"}, {}),
    "all linear layers": ({"target_modules": "all-linear", "alpha_pattern": {"down_proj": 1}}, {}),
    "the output too": ({"target_modules": ["q_proj", "lm_head"], "alpha_pattern": {"lm_head": 2, "^lm_head": 3}}, {}),
    "initialised: gaussian": ({"init_lora_weights": "gaussian"}, {}),
    "initialised: orthogonal": ({"init_lora_weights": "orthogonal"}, {}),
    "initialised: mica": ({"init_lora_weights": "mica"}, {}),
    "initialised: false": ({"init_lora_weights": False}, {}),
    "a rank of no whole number": ({}, {"r": 8.5}),
    "a rank of zero": ({}, {"rank_pattern": [["q_proj", 0]]}),
}


def modules_of(settings, changes):
    """The file as it is loaded, and rank and scale of the modules, or an error."""
    settings = {"target_modules": ATTENTION, "task_type": "CAUSAL_LM", **settings}
    with tempfile.TemporaryDirectory() as folder:
        model = get_peft_model(tiny(), LoraConfig(**settings))
        model.save_pretrained(folder)
        path = pathlib.Path(folder) / "adapter_config.json"
        config = json.loads(path.read_text())
        for name, value in changes.items():
            config[name] = dict(value) if isinstance(value, list) else value
        text = json.dumps(config)
        path.write_text(text)
        try:
            # Where a case changes ranks, those of the tensors are still the old ones.
            loaded = PeftModel.from_pretrained(tiny(), folder, ignore_mismatched_sizes=True)
        except Exception as error:
            return text, {"error": type(error).__name__}
    found = {}
    for name, module in loaded.base_model.model.named_modules():
        if isinstance(module, LoraLayer):
            found[name] = [module.r["default"], module.scaling["default"]]
    return text, {"modules": found}


# Each is asked of names as a key of a pattern, and whole.
EXPRESSIONS = [
    "", "q_proj", ".q_proj", "^q_proj", "q_proj$", "^model.layers.0.self_attn.q_proj$", r"\Amodel\..*", r".*proj\Z",
    "(q|k)_proj", "q_proj|k_proj", "q_proj)|(k_proj", "q_proj)|(.*", "(q_proj", "q_proj)", "[qk]_proj", "[^qk]_proj",
    r"[\w.]+", r"layers\.\d+\..*", r"layers\.1\..*", r"layers.1.*", r"\d+\.mlp.+", "[]a-z_]*", "[^]]*q_proj", "[a-]*_proj",
    "[-a]_proj", "[z-a]", "[a-\\d]", "[a", "[[:alpha:]]+_proj", "[a&&b]+", "[a-z&&[^k]]+_proj", "[a--b]", "[a~~b]",
    r"[\]]", r"[\b]", r"[\d\D]+", "(?:q|v)_proj", "(?P<which>q|v)_proj", "(?P<1>q)", "(?P<a>q)(?P<a>v)", "(?<a>q)_proj",
    "(?P=which)", "(?i:Q)_proj", "(?i)q_proj", "(?s:.)_proj", "(?m:^model.*)", "(?x: q )_proj", "(?-i:q)_proj",
    "(?a:q)_proj", "(?#which)q_proj", "q(?#which)*_proj", "(?=q).*", "(?!q).*", r"(?<=\.)q_proj", r"(?<!x)q_proj",
    r"(q)\1", r"\1", r"\01", r"(?(1)a|b)", "(?>q)_proj", "q*+_proj", "q++_proj", "q?+_proj", "q{1}+_proj", "q**", "q+*",
    "q{1}{2}", "*q", "+", "?", "^*q", r"\b*q", "(*q)", "|q_proj", "q_proj|", "()q_proj", "(|q)_proj", ".*?q_proj",
    "q+?_proj", "q??_proj", "q{1}?_proj", "q{1,2}_proj", "q{,2}_proj", "q{0,}_proj", "q{,}_proj", "q{}_proj", "q{a}",
    "{1}q", "q{2,1}", "q{1", "q}", "]q", r"q\_proj", r"q\-proj", r"q\<", r"\zq", r"\Gq", r"\pL+_proj", r"\Q.\E",
    r"\x71_proj", r"\x7", r"\u0071_proj", r"\U00000071_proj", r"\N{LATIN SMALL LETTER Q}_proj", "\\", r"\.self_attn\.q_proj",
    r"self_attn\..*", r"\bq_proj\b", r"\Bproj", r"layers\.[02468]\.", r".*[0-9]\.mlp\.(gate|up)_proj", "é", "(?i:é)",
    "lm_head", "^lm_head$", "lm.head", "model", "MODEL.*", r"(.*\.)?q_proj", "a{1000}", "a{1001}", "(a{50}){50}",
    "((a{200}){200}){200}", r"\s*q_proj", "q_proj\n", "q_proj$\n", "(?:)", "(?:^)*q_proj", "$^", "q_proj$$", "^^lm_head",
]  # fmt: skip
NAMES = [
    *(f"model.layers.{layer}.{module}" for layer in (0, 1, 11) for module in ("self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj")),
    "lm_head",
]  # fmt: skip


def by_chance(count):
    """Expressions of pieces that some of the names have, and of the language's own marks."""
    choose = random.Random(1)
    pieces = ["q_proj", "k", "self_attn", r"\.", ".", "mlp", "1", r"\d", r"\w", "[qk]", "[^.]", "_proj", "up", "model", "layers"]
    marks = ["*", "+", "?", "*?", "{1,2}", "{2}", "|", "(", ")", "(?:", "^", "$", r"\b", "[", "]", "{", "}", "-", "\\", "{,", "]*"]
    for _ in range(count):
        length = choose.randint(1, 9)
        yield "".join(choose.choice(pieces if choose.random() < 0.62 else marks) for _ in range(length))


def matches(found):
    """Which names match, by their place in the list, or null where Python refuses."""
    try:
        return [place for place, name in enumerate(NAMES) if found(name)]
    except (re.error, OverflowError):
        return None


def expressions():
    for expression in [*EXPRESSIONS, *sorted(set(by_chance(600)))]:
        # get_pattern_key gives the name where no key matches: the key itself is none of them.
        yield [
            expression,
            matches(lambda name: get_pattern_key([expression], name) is expression),
            matches(lambda name: re.fullmatch(expression, name)),
        ]


def main():
    cases = {}
    for name, (settings, changes) in CASES.items():
        text, result = modules_of(settings, changes)
        cases[name] = {"config": text, **result}
    result = {
        "peft_version": peft.__version__,
        "defaults": {**LoraConfig().to_dict(), "runtime_config": None},
        "layers": LAYERS,
        "cases": cases,
        "names": NAMES,
        "expressions": list(expressions()),
    }
    lines = json.dumps(result, default=lambda value: list(value) if isinstance(value, set) else str(value))
    for key in ('"defaults"', '"layers"', '"cases"', '"names"', '"expressions"', '{"config"'):
        lines = lines.replace(key, "\n" + key)
    lines = lines.replace("]], [", "]],\n[").replace("], null], [", "], null],\n[").replace("null, null], [", "null, null],\n[")
    (HERE / "peft_config.json").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
