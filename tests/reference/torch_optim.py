"""Steps of PyTorch's optimisers and its clipping, in F64: torch_optim.json."""

import torch
from common import hashed, rounded, write

COUNT = 8
RATES = [0.1, 0.05, 0.1, 0.02, 0.01, 0.03]
ADAMW = {
    "adamw": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.1},
    "adamw_other_constants": {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weight_decay": 0.01},
    "adamw_without_decay": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0},
}
SGD = {"sgd": {"momentum": 0.0}, "sgd_with_momentum": {"momentum": 0.9}}


def gradient(step):
    """From 1 down to 2^-28, where AdamW's epsilon matters."""
    return torch.from_numpy(hashed(100 * (step + 1), COUNT)) / 16.0 ** torch.arange(COUNT)


def steps(make):
    parameter = torch.nn.Parameter(torch.from_numpy(hashed(0, COUNT)))
    optimizer = make([parameter])
    found = []
    for step, rate in enumerate(RATES):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = gradient(step)
        optimizer.step()
        found.append([rounded(value) for value in parameter.tolist()])
    return found


def adamw(constants):
    betas = (constants["beta1"], constants["beta2"])
    eps, decay = constants["epsilon"], constants["weight_decay"]
    make = lambda p: torch.optim.AdamW(p, lr=1.0, betas=betas, eps=eps, weight_decay=decay)
    return {"options": {"name": "adamw", **constants}, "parameters": steps(make)}


def sgd(constants):
    make = lambda p: torch.optim.SGD(p, lr=1.0, **constants)
    return {"options": {"name": "sgd", **constants}, "parameters": steps(make)}


def clip(most):
    """Two tensors, as PyTorch sees a pair of matrices; their norm is one."""
    tensors = [torch.zeros(3, dtype=torch.float64), torch.zeros(COUNT - 3, dtype=torch.float64)]
    for tensor, part in zip(tensors, gradient(0).split([3, COUNT - 3])):
        tensor.grad = part.clone()
    norm = torch.nn.utils.clip_grad_norm_(tensors, most)
    after = torch.cat([tensor.grad for tensor in tensors])
    return {"most": most, "norm": rounded(norm.item()), "gradient": [rounded(x) for x in after.tolist()]}


optimizers = {name: adamw(constants) for name, constants in ADAMW.items()}
optimizers |= {name: sgd(constants) for name, constants in SGD.items()}
write("torch_optim.json", {"rates": RATES, "optimizers": optimizers, "clip": [clip(0.25), clip(2.0)]})
