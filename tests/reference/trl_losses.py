"""Losses, gradients and logged figures of TRL's trainers on the model `tied`: trl.json.

TRL prepares the data (text of made-up words, one a token), pads the batch, runs policy
and reference, and computes the loss; only its training loop is left out. Its fused head
works in F32, so all of it does.
"""

import tempfile

import tokenizers
import torch
from common import exported, fill, gradients, load, lora_config, rounded, sha256, tokens, write
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

CASE = {"model": "tied", "rank": 2, "alpha": 5, "size": 1 / 8}
END = 2
PAIRS = [
    {"prompt": tokens(10, 7), "chosen": [*tokens(11, 5), END], "rejected": [*tokens(12, 11), END]},
    {"prompt": tokens(13, 3), "chosen": [*tokens(14, 9), END], "rejected": [*tokens(15, 2), END]},
    {"prompt": tokens(16, 12), "chosen": [*tokens(17, 3), END], "rejected": [*tokens(18, 4), END]},
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
LOGGED = [
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
    return Dataset.from_list([{key: words(ids) for key, ids in row.items()} for row in rows])


def trainer_and_batch(make, config, rows, options):
    """A trainer whose adapter is filled by formula, and all rows as one padded batch."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = make(
            model=load(exported("tied"), torch.float32),
            args=config(folder, bf16=False, use_cpu=True, report_to=[], **options),
            train_dataset=text(rows),
            processing_class=tokenizer(),
            peft_config=lora_config(CASE),
        )
    prepared = [trainer.train_dataset[index] for index in range(len(rows))]
    for row, example in zip(rows, prepared):
        if "input_ids" in example:
            assert example["input_ids"] == row["prompt"] + row["completion"]
        else:
            assert all(example[f"{key}_ids"] == ids for key, ids in row.items())
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
        found["logged"] = {key: rounded(logged[key]) for key in LOGGED}
    return {**found, "gradients": gradients(trainer.model, samples=8)}


if __name__ == "__main__":
    dpo = {
        name: {"options": options, **run(DPOTrainer, DPOConfig, PAIRS, options)}
        for name, options in DPO.items()
    }
    sft = run(SFTTrainer, SFTConfig, TEXTS, {"completion_only_loss": True})
    case = {**CASE, "sha256": sha256(exported("tied"))}
    texts = [
        {"tokens": row["prompt"] + row["completion"], "loss_from": len(row["prompt"])}
        for row in TEXTS
    ]
    dpo, sft = {"pairs": PAIRS, "losses": dpo}, {"texts": texts, **sft}
    write("trl.json", {**case, "dpo": dpo, "sft": sft})
