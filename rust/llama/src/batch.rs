//! Tokens to compute in one call.

use llama_cpp_sys_2 as sys;

use crate::vocab::Token;

/// For which tokens of a batch logits (or embeddings) are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outputs {
    /// None: the tokens only fill the KV cache.
    None,
    /// The last token.
    Last,
    /// Every token from this index of the batch on.
    From(usize),
}

/// Consecutive tokens of one sequence. Keeps its buffers between uses.
#[derive(Debug, Default)]
pub struct Batch {
    tokens: Vec<Token>,
    positions: Vec<i32>,
    sequence_counts: Vec<i32>,
    sequence_pointers: Vec<*mut i32>,
    outputs: Vec<i8>,
    sequence: Box<i32>,
}

// SAFETY: the raw pointers in `sequence_pointers` all point into this value's
// own boxed `sequence`; they move with it and nobody else sees them.
unsafe impl Send for Batch {}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the content: `tokens` at `position`, `position + 1`, … of `sequence`.
    pub fn fill(&mut self, tokens: &[Token], position: u32, sequence: i32, outputs: Outputs) {
        let n = tokens.len();
        let first_output = match outputs {
            Outputs::None => n,
            Outputs::Last => n.saturating_sub(1),
            Outputs::From(index) => index.min(n),
        };
        *self.sequence = sequence;
        self.tokens.clear();
        self.tokens.extend_from_slice(tokens);
        self.positions.clear();
        self.positions
            .extend((0..n).map(|i| i32::try_from(position as usize + i).unwrap_or(i32::MAX)));
        self.sequence_counts.clear();
        self.sequence_counts.resize(n, 1);
        self.sequence_pointers.clear();
        self.sequence_pointers.resize(n, &raw mut *self.sequence);
        self.outputs.clear();
        self.outputs
            .extend((0..n).map(|i| i8::from(i >= first_output)));
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is nothing to compute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// A view for llama.cpp; valid while the batch is neither changed nor dropped.
    pub(crate) fn as_raw(&mut self) -> sys::llama_batch {
        sys::llama_batch {
            n_tokens: i32::try_from(self.tokens.len()).unwrap_or(i32::MAX),
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.sequence_counts.as_mut_ptr(),
            seq_id: self.sequence_pointers.as_mut_ptr(),
            logits: self.outputs.as_mut_ptr(),
        }
    }
}
