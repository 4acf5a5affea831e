"""One SFT step of PyTorch + PEFT at the shapes of SmolLM2-135M, for scripts/bench-peers.sh.

    peer_sft.py float32|bfloat16 THREADS TOKENS STEPS

Random weights (speed does not depend on them), rank 8 on all seven projections,
AdamW, loss on every position, as `pocketune tune-bench` does it. Prints one JSON
object; memory is the peak resident size of the whole process, weights included.
"""

import json
import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

dtype, threads, tokens, steps = sys.argv[1], *map(int, sys.argv[2:5])
torch.set_num_threads(threads)
torch.manual_seed(1)
config = LlamaConfig(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    tie_word_embeddings=True,
)
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
model = LlamaForCausalLM(config).to(getattr(torch, dtype))
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
ids = torch.randint(0, config.vocab_size, (1, tokens + 1))
times = []
for _ in range(steps + 1):
    started = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    times.append(time.perf_counter() - started)
median = sorted(times[1:])[steps // 2]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"tokens_per_s": tokens / median, "peak_rss_bytes": peak}))
