"""What TRL's trainers make of lines of training data with SmolLM2's tokenizer: trl_tokens.json.

The trainers prepare the data themselves; their model is as small as can be and is not run.
TRL learns all tokens of `messages`, or those that the template marks as the assistant's, so
the template gets such marks, as in TRL's own training templates.
"""

import sys
import tempfile

from common import sha256, write
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

END = "<|im_end|>"
OPEN = "<|im_start|>user\nIs ice cold?<|im_end|>\n<|im_start|>assistant\n"
SYSTEM = "<|im_start|>system\nBe brief.<|im_end|>\n"
TEXTS = [
    "The mill stands by the river.",
    f"{SYSTEM}{OPEN}Yes.{END}",
    f"{SYSTEM}{OPEN}Yes.{END}\n",
    "ends in white space \n\n",
    "Zoë läuft 3 km – schnell! 🙂 <|im_start|",
    "<|endoftext|> and <|im_start|>in the middle",
]
COMPLETIONS = [
    ("Two and two are", " four."),
    (SYSTEM + OPEN, "Yes."),
    (SYSTEM + OPEN, f"Yes.{END}"),
    (SYSTEM + OPEN, f"Yes.{END}\n"),
    # Tokens that reach over the border.
    ("The riv", "er is wide."),
    ("Snow is ", "white."),
    ("One line\n", "\nand another"),
    ("It is 12", "34."),
    ("a <|im_", "end|> b"),
    ("", "Nothing before it."),
    ("Zoë l", "äuft 🙂"),
]
PAIRS = [
    ("Snow is", " white.", " a thing."),
    (SYSTEM + OPEN, f"Yes.{END}", "Maybe."),
    ("The riv", "er is wide.", "al team"),
    ("Snow is ", "white.", " cold"),
    ("Q: ", "A", ""),
]
# What the user says, and what is replied to it.
TALKS = [
    (None, [("Is ice cold?", "Yes.")]),
    ("Be brief.", [("Is ice cold?", "Yes."), ("And fire?", "No, hot 🙂.")]),
    (None, [("a\n\n", "b c"), ("  d", "e\nf"), ("12", "34")]),
]
# What the template writes of a message, and the same with the assistant's words marked.
MARKED = (
    "message['content'] + '<|im_end|>' + '\n'}}",
    "''}}{% if message['role'] == 'assistant' %}{% generation %}"
    "{{message['content'] + '<|im_end|>'}}{% endgeneration %}"
    "{% else %}{{message['content'] + '<|im_end|>'}}{% endif %}{{'\n'}}",
)


def turns(system, talk):
    said = [("system", system)] if system else []
    for question, reply in talk:
        said += [("user", question), ("assistant", reply)]
    return [{"role": role, "content": content} for role, content in said]


def prepared(make, config, rows, tokenizer, **options):
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        args = config(folder, bf16=False, use_cpu=True, report_to=[], max_length=None, **options)
        trainer = make(
            model=model,
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            # Without an adapter the reference would be another model.
            peft_config=LoraConfig(r=1, target_modules=["q_proj"], task_type="CAUSAL_LM"),
        )
    return [trainer.train_dataset[index] for index in range(len(rows))]


def learned(row):
    return [int(label != -100) for label in row["labels"]]


def cases(rows, found):
    return [{"line": line, **result} for line, result in zip(rows, found)]


def texts(tokenizer):
    rows = [{"text": text} for text in TEXTS]
    found = prepared(SFTTrainer, SFTConfig, rows, tokenizer)
    return cases(rows, [{"tokens": row["input_ids"]} for row in found])


def completions(tokenizer):
    rows = [{"prompt": prompt, "completion": reply} for prompt, reply in COMPLETIONS]
    found = prepared(SFTTrainer, SFTConfig, rows, tokenizer)
    split = lambda ids, at: {"prompt": ids[:at], "completion": ids[at:]}
    return cases(rows, [split(row["input_ids"], learned(row).index(1)) for row in found])


def thumbs(tokenizer):
    rows = [
        {"prompt": prompt, "completion": reply, "label": index % 2 == 0}
        for index, (prompt, reply) in enumerate(COMPLETIONS)
        if prompt
    ]
    found = prepared(KTOTrainer, KTOConfig, rows, tokenizer, per_device_train_batch_size=2)
    return cases(
        rows,
        [{"prompt": row["prompt_ids"], "completion": row["completion_ids"]} for row in found],
    )


def pairs(tokenizer):
    rows = [{"prompt": prompt, "chosen": yes, "rejected": no} for prompt, yes, no in PAIRS]
    found = prepared(DPOTrainer, DPOConfig, rows, tokenizer)
    keys = ["prompt", "chosen", "rejected"]
    return cases(rows, [{key: row[f"{key}_ids"] for key in keys} for row in found])


def talks(tokenizer):
    rows = [{"messages": turns(*talk)} for talk in TALKS]
    marked = tokenizer.chat_template.replace(*MARKED)
    assert marked != tokenizer.chat_template
    tokenizer.chat_template = marked
    found = prepared(SFTTrainer, SFTConfig, rows, tokenizer, assistant_only_loss=True)
    tokens = lambda row: {"tokens": row["input_ids"], "learned": learned(row)}
    return cases(rows, [tokens(row) for row in found])


if __name__ == "__main__":
    model = sys.argv[1]
    folder, _, file = model.rpartition("/")
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    found = {
        "texts": texts(tokenizer),
        "completions": completions(tokenizer),
        "thumbs": thumbs(tokenizer),
        "pairs": pairs(tokenizer),
        "talks": talks(tokenizer),
    }
    write("trl_tokens.json", {"sha256": sha256(model), **found})
