"""What the generators share: models in F64, adapters by formula, GGUF's order of rows.

The models are GGUF files that rust/train/tests/peft.rs exports; transformers reads and
dequantises them. Numbers in the results are in the order of the GGUF file.
"""

import hashlib
import json
import os
import pathlib

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
EXPORTED = pathlib.Path(os.environ.get("POCKETUNE_EXPORTED", HERE / "../../target/tmp"))
# GGUF's names of PEFT's modules, in the order in which the adapter's parameters lie.
TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
# What llama.cpp makes of: The river rises in the mountains, runs past two old mills and
# reaches the sea after three days. Children who live near it learn to swim before they
# learn to read, and every spring the whole village repairs the small bridge. In winter
# the water is low and one can walk across on the flat stones of the mill.
TEXT = [
    504, 4626, 13685, 281, 260, 8718, 28, 7313, 1896, 827, 1573, 20257, 284, 9732, 260, 3426,
    990, 1296, 2009, 30, 5194, 617, 2330, 2141, 357, 835, 288, 7234, 1092, 502, 835, 288,
    1012, 28, 284, 897, 4921, 260, 2444, 6560, 18924, 260, 1165, 7395, 30, 533, 4339, 260,
    913, 314, 1642, 284, 582, 416, 4549, 1699, 335, 260, 5562, 8989, 282, 260, 1663, 30,
]  # fmt: skip

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def hashed(start, count):
    """`pocketune_gguf::fixtures::hashed` of `count` indices."""
    index = numpy.arange(start, start + count, dtype=numpy.uint64)
    low = numpy.uint64(0xFFFFFFFF)
    value = index ^ (index >> 16)
    value = (value * 0x85EBCA6B) & low
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & low
    value ^= value >> 16
    return ((value >> 20).astype(numpy.float64) - 2048) / 2048


def tokens(seed, count, vocabulary=263):
    """Tokens without order; the first three are special and left out."""
    return [3 + int(x) for x in (hashed(seed * 1000, count) + 1) / 2 * (vocabulary - 3)]


class Rotary(torch.nn.Module):
    """Angles in F64; transformers takes them in F32 whatever the model's type is."""

    def __init__(self, config):
        super().__init__()
        self.features = config.head_dim
        self.base = config.rope_parameters["rope_theta"]

    def forward(self, x, position_ids):
        exponents = torch.arange(0, self.features, 2, dtype=torch.float64) / self.features
        angles = position_ids[..., None].double() / self.base**exponents
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


def load(path, dtype=torch.float64):
    """The model of a GGUF file. In F64 nothing is rounded to F32 on the way."""
    path = pathlib.Path(path)
    read = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="sdpa"
    )
    # A copy that does not count as quantized, which trainers refuse.
    config = read.config.to_dict()
    config.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig.from_dict(config, attn_implementation="sdpa"))
    model.load_state_dict(read.state_dict())
    if dtype == torch.float64:
        model.double()
        model.model.rotary_emb = Rotary(model.config)
        for parent in [model.model, *model.model.layers]:
            for name, norm in list(parent.named_children()):
                if type(norm).__name__ == "LlamaRMSNorm":
                    exact = torch.nn.RMSNorm(len(norm.weight), norm.variance_epsilon, dtype=dtype)
                    exact.weight = norm.weight
                    setattr(parent, name, exact)
    return model


def lora_config(case):
    return LoraConfig(
        r=case["rank"],
        lora_alpha=case["alpha"],
        target_modules=[name.split(".")[1] for name in TENSORS],
        task_type="CAUSAL_LM",
    )


def with_adapter(model, case):
    """The model under PEFT, its adapter filled by formula."""
    model = get_peft_model(model, lora_config(case), autocast_adapter_dtype=False)
    fill(model, case["size"])
    return model


def fill(model, size):
    start = 0
    for _, parameter, heads in adapter(model):
        values = torch.from_numpy(hashed(start, parameter.numel()) * size).reshape(parameter.shape)
        parameter.data = from_gguf(values, heads).to(parameter.dtype)
        start += parameter.numel()


def adapter(model):
    """GGUF's name of each matrix, its parameter, and the heads whose rows are permuted."""
    config = model.config
    permuted = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for index, layer in enumerate(model.get_base_model().model.layers):
        for name, tensor in TENSORS.items():
            module = layer.get_submodule(name)
            gguf = f"blk.{index}.{tensor}.weight"
            yield f"{gguf}.lora_a", module.lora_A["default"].weight, None
            yield f"{gguf}.lora_b", module.lora_B["default"].weight, permuted.get(tensor)


def from_gguf(rows, heads):
    """Rows of Q and K as transformers rotates them: halves instead of neighbours."""
    if heads is None:
        return rows
    count, columns = rows.shape
    return rows.reshape(heads, count // heads // 2, 2, columns).transpose(1, 2).reshape(count, columns)


def to_gguf(rows, heads):
    if heads is None:
        return rows
    count, columns = rows.shape
    return rows.reshape(heads, 2, count // heads // 2, columns).transpose(1, 2).reshape(count, columns)


def gradients(model, samples=None):
    """Each tensor's gradient in full, or its norm and that many of its entries."""
    found = {}
    for name, parameter, heads in adapter(model):
        values = to_gguf(parameter.grad, heads).flatten()
        if samples is None:
            found[name] = [rounded(x) for x in values.tolist()]
        else:
            step = len(values) // samples
            places = [i * step + i * 37 % step for i in range(samples)]
            found[name] = {
                "norm": rounded(values.norm().item()),
                "samples": {str(place): rounded(values[place].item()) for place in places},
            }
    return found


def compare(found, other, sizes):
    """The largest errors over all tensors of two results of `gradients`: of tensors (or
    their norms where only those are known), and of entries in units of the tensor's
    root mean square."""
    tensor = entry = 0.0
    for name, one in found.items():
        two = other[name]
        if isinstance(one, list):
            one, two = numpy.array(one), numpy.array(two)
            norm, off = numpy.linalg.norm(one), abs(one - two)
            tensor = max(tensor, numpy.linalg.norm(off) / norm)
        else:
            norm, off = one["norm"], [abs(one["samples"][k] - two["samples"][k]) for k in one["samples"]]
            tensor = max(tensor, abs(norm - two["norm"]) / norm)
        entry = max(entry, max(off) / (norm / sizes[name] ** 0.5))
    return f"{tensor:.1e} (entries {entry:.1e})"


def rounded(number):
    """Eight digits: far finer than F32."""
    return float(f"{number:.7e}")


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def exported(name):
    return EXPORTED / f"{name}.gguf"


def write(name, result):
    """One line for each tensor, so that changes can be read."""
    (HERE / name).write_text(compact(result) + "\n")
    print(f"{name}: {(HERE / name).stat().st_size} bytes")


def compact(value, depth=0):
    if not isinstance(value, dict) or depth == 3:
        return json.dumps(value)
    space = " " * (depth + 1)
    lines = [f"{space}{json.dumps(key)}: {compact(item, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"
