//! Where a model's matrices are in PEFT and in GGUF.

use pocketune_adapter::BaseModel;
use pocketune_gguf::ModelHeader;

use crate::error::{PeftError, shown};

/// Names, dimensions and the order of rows.
pub struct Layout<'m> {
    pub(crate) architecture: &'static str,
    base: &'m BaseModel,
    layers: u32,
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

/// A matrix of the model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// GGUF's name.
    pub(crate) tensor: String,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<'m> Layout<'m> {
    /// Of the model with this header and these matrices.
    #[must_use]
    pub fn new(header: &ModelHeader, base: &'m BaseModel) -> Self {
        let architecture = header.architecture.name();
        Self {
            architecture,
            base,
            layers: header.block_count,
            heads: header.head_count as usize,
            heads_kv: header.head_count_kv as usize,
            interleaved: architecture == "llama",
        }
    }

    /// PEFT's names of the linear layers of this model.
    pub(crate) fn modules(&self) -> impl Iterator<Item = String> + use<> {
        modules(self.layers)
    }

    /// The matrix of a module such as `model.layers.0.self_attn.q_proj`. `trained_on` says
    /// which model the adapter says it is for.
    pub(crate) fn matrix(&self, module: &str, trained_on: &str) -> Result<Matrix, PeftError> {
        let other = |reason| PeftError::OtherModel {
            trained_on: trained_on.to_owned(),
            reason,
        };
        let tensor = self
            .tensor(module)
            .ok_or_else(|| other(format!("this one has no module {}", shown(module))))?;
        match self.base.dims(&tensor) {
            Some([columns, rows, 1, 1]) => Ok(Matrix {
                tensor,
                rows: rows as usize,
                columns: columns as usize,
            }),
            None if module == HEAD.0 => Err(PeftError::OutputShared {
                module: module.to_owned(),
            }),
            _ => Err(other(format!(
                "this one has {} layers, no module {}",
                self.layers,
                shown(module)
            ))),
        }
    }

    /// GGUF's name for PEFT's.
    fn tensor(&self, module: &str) -> Option<String> {
        if module == HEAD.0 {
            return Some(HEAD.1.to_owned());
        }
        let (number, name) = module.strip_prefix(LAYERS)?.split_once('.')?;
        let layer: u32 = number.parse().ok()?;
        // 01 and +1 are other names to PEFT.
        if layer.to_string() != number {
            return None;
        }
        let (_, tensor) = MODULES.iter().find(|(module, _)| *module == name)?;
        Some(format!("blk.{layer}.{tensor}.weight"))
    }

    /// PEFT's module for a tensor.
    pub(crate) fn module(&self, tensor: &str) -> Option<String> {
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
    pub(crate) fn rows(&self, tensor: &str, rows: usize) -> Vec<usize> {
        let heads = match tensor {
            _ if !self.interleaved => 0,
            name if name.ends_with(".attn_q.weight") => self.heads,
            name if name.ends_with(".attn_k.weight") => self.heads_kv,
            _ => 0,
        };
        interleaved(rows, heads)
    }
}

/// PEFT's names of the linear layers of a model of so many layers.
pub(crate) fn modules(layers: u32) -> impl Iterator<Item = String> {
    let layers = (0..layers).flat_map(|layer| {
        let module = move |(name, _): &(&str, &str)| format!("{LAYERS}{layer}.{name}");
        MODULES.iter().map(module)
    });
    layers.chain([HEAD.0.to_owned()])
}

/// The order of so many rows of so many heads. The rows of an audited model are whole heads
/// of whole pairs; others are left in order.
fn interleaved(rows: usize, heads: usize) -> Vec<usize> {
    let size = rows.checked_div(heads).unwrap_or(0);
    if size == 0 || !size.is_multiple_of(2) || !rows.is_multiple_of(heads) {
        return (0..rows).collect();
    }
    let row = |row: usize| {
        let (head, place) = (row / size, row % size);
        head * size + place % 2 * (size / 2) + place / 2
    };
    (0..rows).map(row).collect()
}

#[cfg(test)]
mod tests {
    use pocketune_adapter::BaseModel;
    use pocketune_gguf::Gguf;
    use pocketune_gguf::fixtures::TinyModel;

    use super::{Layout, interleaved};

    fn tiny() -> BaseModel {
        let bytes = TinyModel::llama().build().unwrap();
        BaseModel::of(&Gguf::parse(&bytes, bytes.len() as u64).unwrap()).unwrap()
    }

    fn llama(base: &BaseModel) -> Layout<'_> {
        Layout {
            architecture: "llama",
            base,
            layers: 2,
            heads: 4,
            heads_kv: 2,
            interleaved: true,
        }
    }

    #[test]
    fn names_go_there_and_back() {
        let base = tiny();
        let llama = llama(&base);
        for (module, tensor) in [
            ("model.layers.11.mlp.down_proj", "blk.11.ffn_down.weight"),
            (
                "model.layers.0.self_attn.o_proj",
                "blk.0.attn_output.weight",
            ),
            ("lm_head", "output.weight"),
        ] {
            assert_eq!(llama.tensor(module).as_deref(), Some(tensor));
            assert_eq!(llama.module(tensor).as_deref(), Some(module));
        }
        for module in [
            "model.embed_tokens",
            "model.layers.x.mlp.up_proj",
            "model.layers.01.mlp.up_proj",
            "model.layers.+1.mlp.up_proj",
            "model.norm",
        ] {
            assert_eq!(llama.tensor(module), None, "{module}");
        }
    }

    #[test]
    fn a_module_that_the_model_lacks_speaks_of_another_model() {
        let base = tiny();
        let llama = llama(&base);
        let found = llama.matrix("model.layers.1.mlp.up_proj", "").unwrap();
        assert_eq!((found.rows, found.columns), (128, 64));
        for module in [
            "model.layers.2.mlp.up_proj",
            "model.layers.4294967296.mlp.up_proj",
            "transformer.h.0.attn.c_attn",
        ] {
            let error = llama.matrix(module, "").unwrap_err().to_string();
            assert!(error.contains("another model"), "{error}");
            assert!(error.contains(module), "{error}");
        }
    }

    #[test]
    fn rows_of_queries_and_keys_are_interleaved_by_head() {
        let base = tiny();
        let llama = llama(&base);
        assert_eq!(
            llama.rows("blk.0.attn_q.weight", 16),
            [0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15]
        );
        let rows = llama.rows("blk.0.attn_k.weight", 4);
        assert_eq!(rows, [0, 1, 2, 3], "halves of one row");
        let rows = llama.rows("blk.0.attn_v.weight", 4);
        assert_eq!(rows, [0, 1, 2, 3]);
    }

    #[test]
    fn rows_that_are_no_whole_heads_keep_their_order() {
        for (rows, heads) in [(0, 0), (0, 2), (3, 4), (5, 2), (6, 2), (4, 0)] {
            let order = interleaved(rows, heads);
            assert_eq!(order, (0..rows).collect::<Vec<_>>(), "{rows} in {heads}");
        }
    }
}
