"""Steps of torch.optim.AdamW: curves.json and, given the path of SmolLM2's GGUF
file, curve_smollm2.json. The preference loss is TRL's, see trl_losses.py.

    loss_curves.py [SMOLLM2]
"""

import sys

import torch
from common import TEXT, adapter, exported, load, rounded, sha256, tokens, with_adapter, write
from transformers import get_cosine_schedule_with_warmup
from trl import DPOConfig, DPOTrainer
from trl_losses import CASE, DPO, PAIRS, trainer_and_batch

OPTIONS = {"steps": 20, "learning_rate": 0.01, "warm_up": 3, "weight_decay": 0.1, "clip": 0.5}
TEXTS = [
    {"tokens": tokens(30, 12), "loss_from": 1},
    {"tokens": tokens(31, 30), "loss_from": 7},
    {"tokens": tokens(32, 5), "loss_from": 4},
    {"tokens": tokens(33, 21), "loss_from": 2},
]


def curve(model, loss_of_batch, options):
    """Loss, norm of the gradient before clipping and learning rate of each step."""
    parameters = [parameter for _, parameter, _ in adapter(model)]
    decay = options["weight_decay"]
    optimizer = torch.optim.AdamW(parameters, lr=options["learning_rate"], weight_decay=decay)
    steps = options["steps"]
    scheduler = get_cosine_schedule_with_warmup(optimizer, options["warm_up"], steps)
    losses, norms, rates = [], [], []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of_batch()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, options["clip"])
        losses.append(rounded(loss.item()))
        norms.append(rounded(norm.item()))
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {"options": options, "losses": losses, "gradient_norms": norms, "rates": rates}


def sft_loss(model, texts):
    """Mean over all tokens that count; texts one by one, since they differ in length."""
    def loss():
        total = 0.0
        for text in texts:
            start = text["loss_from"]
            ids = torch.tensor([text["tokens"]])
            logits = model(input_ids=ids).logits[0, start - 1 : -1]
            total += torch.nn.functional.cross_entropy(logits, ids[0, start:], reduction="sum")
        return total / sum(len(text["tokens"]) - text["loss_from"] for text in texts)

    return loss


def sft(path, case, texts, options):
    model = with_adapter(load(path), case)
    return {"texts": texts, **curve(model, sft_loss(model, texts), options)}


def dpo(options):
    trainer, batch = trainer_and_batch(DPOTrainer, DPOConfig, PAIRS, DPO["sigmoid_and_sft"])
    loss = lambda: trainer.compute_loss(trainer.model, dict(batch))
    found = curve(trainer.model, loss, options)
    return {"pairs": PAIRS, "dpo": DPO["sigmoid_and_sft"], **found}


case = {**CASE, "sha256": sha256(exported("tied"))}
curves = {"sft": sft(exported("tied"), CASE, TEXTS, OPTIONS), "dpo": dpo(OPTIONS)}
write("curves.json", {**case, **curves})
if len(sys.argv) > 1:
    case = {"rank": 4, "alpha": 8, "size": 1 / 64}
    options = {**OPTIONS, "steps": 10, "learning_rate": 0.001, "clip": 1.0}
    texts = [{"tokens": TEXT[45:], "loss_from": 1}]
    result = {**case, "sha256": sha256(sys.argv[1]), "sft": sft(sys.argv[1], case, texts, options)}
    write("curve_smollm2.json", result)
