//! Where a model's matrices are in PEFT and in GGUF.

use pocketune_core::{Engine, ModelHeader, ModelSource};

use crate::error::CliError;

/// Names and the order of rows.
pub(super) struct Layout {
    pub(super) architecture: &'static str,
    heads: usize,
    heads_kv: usize,
    /// Whether Q's and K's rows are interleaved: in models of the `llama` architecture.
    interleaved: bool,
}

/// PEFT's modules of a layer, and GGUF's.
const MODULES: [(&str, &str); 7] = [
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];
const HEAD: (&str, &str) = ("lm_head", "output.weight");
const LAYERS: &str = "model.layers.";

impl Layout {
    pub(super) fn of(source: &ModelSource) -> Result<Self, CliError> {
        let facts = Engine::inspect(source)?;
        let header: &ModelHeader = &facts.header;
        let architecture = header.architecture.name();
        Ok(Self {
            architecture,
            heads: header.head_count as usize,
            heads_kv: header.head_count_kv as usize,
            interleaved: architecture == "llama",
        })
    }

    /// GGUF's tensor for a module such as `model.layers.0.self_attn.q_proj`.
    pub(super) fn tensor(&self, module: &str) -> Option<String> {
        if module == HEAD.0 {
            return Some(HEAD.1.to_owned());
        }
        let (layer, name) = module.strip_prefix(LAYERS)?.split_once('.')?;
        let layer: u32 = layer.parse().ok()?;
        let (_, tensor) = MODULES.iter().find(|(module, _)| *module == name)?;
        Some(format!("blk.{layer}.{tensor}.weight"))
    }

    /// PEFT's module for a tensor.
    pub(super) fn module(&self, tensor: &str) -> Option<String> {
        if tensor == HEAD.1 {
            return Some(HEAD.0.to_owned());
        }
        let name = tensor.strip_prefix("blk.")?.strip_suffix(".weight")?;
        let (layer, name) = name.split_once('.')?;
        let (module, _) = MODULES.iter().find(|(_, tensor)| *tensor == name)?;
        Some(format!("{LAYERS}{layer}.{module}"))
    }

    /// For each row of GGUF's matrix of N rows, PEFT's row. A head of D rows has its
    /// rotary halves one after the other there, and in turns here.
    pub(super) fn rows(&self, tensor: &str, rows: usize) -> Vec<usize> {
        let heads = match tensor {
            _ if !self.interleaved => 0,
            name if name.ends_with(".attn_q.weight") => self.heads,
            name if name.ends_with(".attn_k.weight") => self.heads_kv,
            _ => 0,
        };
        if heads == 0 {
            return (0..rows).collect();
        }
        let size = rows / heads;
        let row = |row: usize| {
            let (head, place) = (row / size, row % size);
            head * size + place % 2 * (size / 2) + place / 2
        };
        (0..rows).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    const LLAMA: Layout = Layout {
        architecture: "llama",
        heads: 2,
        heads_kv: 1,
        interleaved: true,
    };

    #[test]
    fn names_go_there_and_back() {
        for (module, tensor) in [
            ("model.layers.11.mlp.down_proj", "blk.11.ffn_down.weight"),
            (
                "model.layers.0.self_attn.o_proj",
                "blk.0.attn_output.weight",
            ),
            ("lm_head", "output.weight"),
        ] {
            assert_eq!(LLAMA.tensor(module).as_deref(), Some(tensor));
            assert_eq!(LLAMA.module(tensor).as_deref(), Some(module));
        }
        for module in [
            "model.embed_tokens",
            "model.layers.x.mlp.up_proj",
            "model.norm",
        ] {
            assert_eq!(LLAMA.tensor(module), None, "{module}");
        }
    }

    #[test]
    fn rows_of_queries_and_keys_are_interleaved_by_head() {
        let rows = LLAMA.rows("blk.0.attn_q.weight", 8);
        assert_eq!(rows, [0, 2, 1, 3, 4, 6, 5, 7]);
        let rows = LLAMA.rows("blk.0.attn_k.weight", 4);
        assert_eq!(rows, [0, 2, 1, 3]);
        let rows = LLAMA.rows("blk.0.attn_v.weight", 4);
        assert_eq!(rows, [0, 1, 2, 3]);
    }
}
