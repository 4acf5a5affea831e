"""Losses, gradients and logged figures of TRL's trainers on the model `tied`: trl.json.

TRL prepares the data (text of made-up words, one a token), pads the batch, runs policy
and reference, and computes the loss; only its training loop is left out. Its fused head
works in F32, so all of it does. KTO estimates the KL divergence from each prompt with the
completion before it, the first with the last: what it finds depends on the order.
"""

import tempfile

import tokenizers
import torch
from common import exported, fill, gradients, load, lora_config, rounded, sha256, tokens, write
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

CASE = {"model": "tied", "rank": 2, "alpha": 5, "size": 1 / 8}
END = 2
PAIRS = [
    {"prompt": tokens(10, 7), "chosen": [*tokens(11, 5), END], "rejected": [*tokens(12, 11), END]},
    {"prompt": tokens(13, 3), "chosen": [*tokens(14, 9), END], "rejected": [*tokens(15, 2), END]},
    {"prompt": tokens(16, 12), "chosen": [*tokens(17, 3), END], "rejected": [*tokens(18, 4), END]},
]
# What a user makes of a reply: both begin with the same four tokens. The second only goes
# on after them, the third ends as it did before.
EDITS = [
    {
        "prompt": tokens(40, 5),
        "chosen": [*tokens(41, 4), *tokens(42, 3), END],
        "rejected": [*tokens(41, 4), *tokens(43, 7), END],
    },
    {
        "prompt": tokens(44, 9),
        "chosen": [*tokens(45, 4), *tokens(46, 6), END],
        "rejected": [*tokens(45, 4), END],
    },
    {
        "prompt": tokens(47, 3),
        "chosen": [*tokens(48, 4), *tokens(49, 1), *tokens(50, 3), END],
        "rejected": [*tokens(48, 4), *tokens(51, 2), *tokens(50, 3), END],
    },
]
RATED = [
    {"prompt": tokens(60, 4), "completion": [*tokens(61, 8), END], "label": True},
    {"prompt": tokens(62, 10), "completion": [*tokens(63, 3), END], "label": False},
    {"prompt": tokens(64, 6), "completion": [*tokens(65, 5), END], "label": True},
    {"prompt": tokens(66, 3), "completion": [*tokens(67, 12), END], "label": True},
    {"prompt": tokens(68, 7), "completion": [*tokens(69, 2), END], "label": False},
]
TEXTS = [
    {"prompt": tokens(20, 6), "completion": [*tokens(21, 9), END]},
    {"prompt": tokens(22, 3), "completion": [*tokens(23, 2), END]},
    {"prompt": tokens(24, 11), "completion": [*tokens(25, 5), END]},
]
DPO = {
    "sigmoid": {"loss_type": ["sigmoid"], "beta": 0.3},
    "robust": {"loss_type": ["robust"], "beta": 0.3, "label_smoothing": 0.2},
    "ipo": {"loss_type": ["ipo"], "beta": 0.3},
    "sigmoid_norm": {"loss_type": ["sigmoid_norm"], "beta": 2.0},
    "sigmoid_and_sft": {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.7], "beta": 0.1},
    "ipo_and_sigmoid_norm": {
        "loss_type": ["ipo", "sigmoid_norm"],
        "loss_weights": [0.5, 2.0],
        "beta": 0.5,
    },
}
KTO = {
    "kto": {"loss_type": "kto", "beta": 0.3},
    "kto_weights": {
        "loss_type": "kto",
        "beta": 0.3,
        "desirable_weight": 1.0,
        "undesirable_weight": 1.5,
    },
    "apo_zero_unpaired": {"loss_type": "apo_zero_unpaired", "beta": 0.3},
    "apo_zero_unpaired_weights": {
        "loss_type": "apo_zero_unpaired",
        "beta": 0.3,
        "desirable_weight": 0.75,
        "undesirable_weight": 1.5,
    },
}
LOGGED = [
    "kl",
    *("rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"),
    *("logps/chosen", "logps/rejected"),
]


def tokenizer():
    """Words `<17>` for token 17."""
    words = tokenizers.models.WordLevel({f"<{id}>": id for id in range(263)}, unk_token="<0>")
    inner = tokenizers.Tokenizer(words)
    split = tokenizers.Regex("<[0-9]+>")
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Split(split, "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=f"<{END}>", pad_token="<0>")


def text(rows):
    words = lambda ids: "".join(f"<{id}>" for id in ids)
    as_text = lambda row: {**row, **{key: words(row[key]) for key in lists(row)}}
    return Dataset.from_list([as_text(row) for row in rows])


def lists(row):
    return [key for key, value in row.items() if isinstance(value, list)]


def trainer_and_batch(make, config, rows, options):
    """A trainer whose adapter is filled by formula, and all rows as one padded batch."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = make(
            model=load(exported("tied"), torch.float32),
            args=config(
                folder,
                bf16=False,
                use_cpu=True,
                report_to=[],
                per_device_train_batch_size=len(rows),
                **options,
            ),
            train_dataset=text(rows),
            processing_class=tokenizer(),
            peft_config=lora_config(CASE),
        )
    prepared = [trainer.train_dataset[index] for index in range(len(rows))]
    for row, example in zip(rows, prepared):
        if "input_ids" in example:
            assert example["input_ids"] == row["prompt"] + row["completion"]
        else:
            assert all(example[f"{key}_ids"] == row[key] for key in lists(row))
    if "KL_completion_ids" in prepared[0]:
        # Python's index of -1 is the last.
        for index, example in enumerate(prepared):
            assert example["KL_completion_ids"] == rows[index - 1]["completion"]
    trainer.model.train()
    fill(trainer.model, CASE["size"])
    return trainer, trainer.data_collator(prepared)


def run(make, config, rows, options):
    """The trainer's loss over all rows, its gradients, and what it logs."""
    trainer, batch = trainer_and_batch(make, config, rows, options)
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    trainer.log({})
    logged = trainer.state.log_history[-1]
    found = {"loss": rounded(loss.item())}
    if "rewards/chosen" in logged:
        found["logged"] = {key: rounded(logged[key]) for key in LOGGED if key in logged}
    return {**found, "gradients": gradients(trainer.model, samples=8)}


def losses(make, config, rows, table):
    return {
        name: {"options": options, **run(make, config, rows, options)}
        for name, options in table.items()
    }


def preferences(pairs, names):
    table = {name: DPO[name] for name in names}
    return {"pairs": pairs, "losses": losses(DPOTrainer, DPOConfig, pairs, table)}


def ratings(samples, names):
    table = {name: KTO[name] for name in names}
    return {"samples": samples, "losses": losses(KTOTrainer, KTOConfig, samples, table)}


def completions(rows):
    texts = [
        {"tokens": row["prompt"] + row["completion"], "loss_from": len(row["prompt"])}
        for row in rows
    ]
    return {"texts": texts, **run(SFTTrainer, SFTConfig, rows, {"completion_only_loss": True})}


if __name__ == "__main__":
    found = {
        "dpo": preferences(PAIRS, DPO),
        "edits": preferences(EDITS, ["sigmoid", "ipo", "sigmoid_and_sft"]),
        "kto": ratings(RATED, KTO),
        # In this order the estimate of the KL divergence is below 0.
        "kto_clamped": ratings(RATED[::-1], ["kto", "kto_weights"]),
        "sft": completions(TEXTS),
    }
    assert found["kto"]["losses"]["kto"]["logged"]["kl"] > 0
    assert found["kto_clamped"]["losses"]["kto"]["logged"]["kl"] == 0
    write("trl.json", {**CASE, "sha256": sha256(exported("tied")), **found})
