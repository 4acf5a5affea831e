//! The facts about a model that its file states.

/// An architecture whose loader in llama.cpp the audit covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// `llama`: Llama 2 and 3, SmolLM2, Mistral 7B and others of their shape.
    Llama,
    /// `gemma3`: Gemma 3, text only.
    Gemma3,
}

impl Architecture {
    /// Every architecture on the allow-list.
    pub const ALL: &[Architecture] = &[Architecture::Llama, Architecture::Gemma3];

    /// The value of `general.architecture`.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Llama => "llama",
            Architecture::Gemma3 => "gemma3",
        }
    }

    /// The architecture that `general.architecture` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|architecture| architecture.name() == name)
    }
}

/// What an audited model's metadata says, all of it within the audit's limits.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelHeader {
    /// The architecture.
    pub architecture: Architecture,
    /// `general.name`.
    pub name: Option<String>,
    /// `general.size_label`, such as `135M`.
    pub size_label: Option<String>,
    /// `general.license`.
    pub license: Option<String>,
    /// The quantization's name, such as `Q4_1`: from `general.file_type`, else
    /// the type that most weights have.
    pub quantization: String,
    /// Tokens of context the model was trained on.
    pub context_length: u32,
    /// Width of the residual stream.
    pub embedding_length: u32,
    /// Number of layers.
    pub block_count: u32,
    /// Query heads of each layer.
    pub head_count: u32,
    /// Key and value heads of each layer.
    pub head_count_kv: u32,
    /// Width of one query or key head.
    pub key_length: u32,
    /// Width of one value head.
    pub value_length: u32,
    /// Width of the feed-forward layer.
    pub feed_forward_length: u32,
    /// Epsilon of the RMS norms.
    pub rms_norm_epsilon: f32,
    /// Rotary position embedding.
    pub rope: RopeHeader,
    /// Sliding-window attention, where some layers have it.
    pub sliding_window: Option<SlidingWindow>,
    /// Number of tokens.
    pub vocabulary_size: u32,
    /// How much text the vocabulary holds.
    pub vocabulary: VocabularySizes,
    /// Tokenizer and special tokens.
    pub tokenizer: TokenizerHeader,
    /// `tokenizer.chat_template`, a Jinja template.
    pub chat_template: Option<String>,
    /// Sum of all tensors' elements.
    pub parameters: u64,
    /// Sum of all tensors' bytes, without padding.
    pub tensor_bytes: u64,
}

/// How much text a vocabulary holds: what structures built over it grow with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VocabularySizes {
    /// All tokens.
    pub tokens: TextSize,
    /// Those of control, user-defined and unknown type among them.
    pub special: TextSize,
    /// Those of control and unknown type, which a reply does not show.
    pub unseen: TextSize,
    /// Merge rules of byte-pair encoding.
    pub merges: TextSize,
    /// Bytes that byte-level tokens decode to.
    pub decoded_bytes: u64,
    /// Bytes of all other metadata.
    pub other_bytes: u64,
}

/// The size of a list of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextSize {
    /// Texts.
    pub count: u32,
    /// Their bytes together.
    pub bytes: u64,
    /// Texts of more than 15 bytes, which C++ does not keep in the string object itself.
    pub long_count: u32,
    /// The bytes of those.
    pub long_bytes: u64,
}

impl TextSize {
    /// Bytes that `std::string` (libstdc++) keeps in the object itself. libc++ has room for more.
    const IN_PLACE_BYTES: usize = 15;

    pub(crate) fn add(&mut self, text: &str) {
        let bytes = text.len() as u64;
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if text.len() > Self::IN_PLACE_BYTES {
            self.long_count = self.long_count.saturating_add(1);
            self.long_bytes = self.long_bytes.saturating_add(bytes);
        }
    }
}

/// Sliding-window attention in some of the layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlidingWindow {
    /// Tokens that such a layer looks back.
    pub tokens: u32,
    /// Whether each layer slides; one entry a layer.
    pub layers: Vec<bool>,
}

/// Rotary position embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeHeader {
    /// Rotated elements of a head, even.
    pub dimension_count: u32,
    /// Base of the frequencies.
    pub freq_base: f32,
    /// Base of the frequencies in sliding-window layers, where there are any.
    pub freq_base_sliding: Option<f32>,
    /// Context extension: `none`, `linear` or `yarn`.
    pub scaling: String,
    /// Factor of the context extension; 1 is none.
    pub scaling_factor: f32,
}

/// Tokenizer and special tokens. Ids lie inside the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerHeader {
    /// `tokenizer.ggml.model`, such as `gpt2` or `llama`.
    pub model: String,
    /// `tokenizer.ggml.pre`, the pre-tokenizer.
    pub pre: Option<String>,
    /// Beginning of a sequence, from the file or the tokenizer's default.
    pub bos: Option<u32>,
    /// End of a sequence, from the file or the tokenizer's default.
    pub eos: Option<u32>,
    /// End of a turn, if the file names one; llama.cpp also finds some by
    /// their text.
    pub eot: Option<u32>,
    /// Unknown token.
    pub unknown: Option<u32>,
    /// Padding.
    pub padding: Option<u32>,
    /// Whether a beginning-of-sequence token starts a prompt.
    pub add_bos: bool,
    /// Whether an end-of-sequence token ends a prompt.
    pub add_eos: bool,
}
