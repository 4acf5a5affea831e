//! Tiny models that pass the audit and that llama.cpp can run, and the means
//! to spoil them. For tests only (feature `fixtures`).
//!
//! Their weights are small pseudo-random numbers: replies are noise, but the
//! same noise every time.

use crate::{Architecture, GgmlType, GgufBuilder, GgufError, OwnedValue, tensor_bytes};

/// Width of the residual stream of a tiny model.
pub const EMBEDDING: u32 = 64;
/// Width of its feed-forward layers.
pub const FEED_FORWARD: u32 = 128;
/// Its query heads.
pub const HEADS: u32 = 4;
/// Its key and value heads.
pub const HEADS_KV: u32 = 2;
/// Width of one head.
pub const HEAD_LENGTH: u32 = 16;
/// Its layers.
pub const LAYERS: u32 = 2;
/// Tokens of context it claims.
pub const CONTEXT: u32 = 256;

const ARCHITECTURE: &str = "general.architecture";

/// A model file before it is written. Metadata and tensors are public: change
/// them, then [`build`](TinyModel::build).
#[derive(Debug, Clone)]
pub struct TinyModel {
    /// Keys and values in file order.
    pub metadata: Vec<(String, OwnedValue)>,
    /// Tensors in file order.
    pub tensors: Vec<TinyTensor>,
}

/// How large a `llama` model is; [`Shape::default`] is a tiny one.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub embedding: u32,
    /// Width of the feed-forward layers.
    pub feed_forward: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads.
    pub heads_kv: u32,
    /// Width of one head.
    pub head_length: u32,
    /// Tokens, at least the 263 of the byte-level tokenizer.
    pub vocabulary: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            layers: LAYERS,
            embedding: EMBEDDING,
            feed_forward: FEED_FORWARD,
            heads: HEADS,
            heads_kv: HEADS_KV,
            head_length: HEAD_LENGTH,
            vocabulary: BYTE_TOKENS,
        }
    }
}

/// Tokens of the byte-level tokenizer: three of control, 256 bytes, four words.
const BYTE_TOKENS: u32 = 263;

/// Values in −1 to 1 that look random (xorshift), the same for the same seed.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A multiple of 1/2048 in −1 to 1 that looks random and depends on `index` alone:
/// the finaliser of MurmurHash3, cut to 12 bits. `tests/reference/common.py` makes
/// the same.
pub fn hashed(index: u32) -> f32 {
    let mut hash = index ^ (index >> 16);
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    ((hash >> 20) as f32 - 2048.0) / 2048.0
}

/// A tensor of a [`TinyModel`]; its data is made when the file is written.
#[derive(Debug, Clone)]
pub struct TinyTensor {
    /// Its name.
    pub name: String,
    /// Its type.
    pub tensor_type: GgmlType,
    /// Elements along each axis, the contiguous one first.
    pub dims: Vec<u64>,
    /// What all elements are, of an `F32` tensor; noise where it is not said.
    pub fill: Option<f32>,
}

impl TinyModel {
    /// A `llama` model with a byte-level tokenizer, a ChatML template and
    /// `F32` weights.
    pub fn llama() -> Self {
        Self::llama_of(&Shape::default())
    }

    /// A `llama` model like [`TinyModel::llama`], as large as `shape` says.
    pub fn llama_of(shape: &Shape) -> Self {
        let mut model = Self::sizes(Architecture::Llama, shape);
        model.set("llama.rope.dimension_count", shape.head_length);
        model.byte_pair_tokenizer(shape.vocabulary);
        model.add_tensors(Architecture::Llama, shape, shape.vocabulary);
        model
    }

    /// A `gemma3` model with a SentencePiece tokenizer, no template, one
    /// sliding-window layer and `F32` weights.
    pub fn gemma3() -> Self {
        let mut model = Self::sizes(Architecture::Gemma3, &Shape::default());
        model
            .set("gemma3.attention.key_length", HEAD_LENGTH)
            .set("gemma3.attention.value_length", HEAD_LENGTH)
            .set("gemma3.attention.sliding_window", 32_u32)
            .set("gemma3.attention.sliding_window_pattern", 2_u32);
        model.sentence_piece_tokenizer();
        model.add_tensors(Architecture::Gemma3, &Shape::default(), 268);
        model
    }

    /// A LoRA that changes all matrices of this model's layers: an adapter file
    /// before it is written, to be spoiled like a model. Different `alpha`s make
    /// adapters of different effect.
    pub fn adapter(&self, rank: u64, alpha: f32) -> Self {
        let mut adapter = Self {
            metadata: Vec::new(),
            tensors: Vec::new(),
        };
        let architecture = self.metadata.iter().find(|(key, _)| key == ARCHITECTURE);
        adapter.metadata.extend(architecture.cloned());
        adapter
            .set("general.type", "adapter")
            .set("adapter.type", "lora")
            .set("adapter.lora.alpha", alpha);
        for tensor in &self.tensors {
            if let (true, &[columns, rows]) = (tensor.name.starts_with("blk."), &*tensor.dims) {
                let half = |name: &str| format!("{}.{name}", tensor.name);
                adapter
                    .push(&half("lora_a"), GgmlType::F32, &[columns, rank])
                    .push(&half("lora_b"), GgmlType::F32, &[rank, rows]);
            }
        }
        adapter
    }

    /// Sets a key, in place where it exists.
    pub fn set(&mut self, key: &str, value: impl Into<OwnedValue>) -> &mut Self {
        let value = value.into();
        match self.metadata.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.metadata.push((key.to_owned(), value)),
        }
        self
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.metadata.retain(|(name, _)| name != key);
        self
    }

    /// The tensor with this name.
    pub fn tensor_mut(&mut self, name: &str) -> Option<&mut TinyTensor> {
        self.tensors.iter_mut().find(|tensor| tensor.name == name)
    }

    /// Adds a tensor.
    pub fn push(&mut self, name: &str, tensor_type: GgmlType, dims: &[u64]) -> &mut Self {
        self.tensors.push(TinyTensor {
            name: name.to_owned(),
            tensor_type,
            dims: dims.to_vec(),
            fill: None,
        });
        self
    }

    /// Makes a `llama` model wider: as many heads as before, of a quarter of
    /// `embedding` each. Superblocks need rows of a multiple of 256.
    pub fn widen(&mut self, embedding: u32, feed_forward: u32) -> &mut Self {
        self.set("llama.embedding_length", embedding)
            .set("llama.feed_forward_length", feed_forward)
            .set("llama.rope.dimension_count", embedding / HEADS);
        let keys = u64::from(HEADS_KV * HEAD_LENGTH);
        for dim in self.tensors.iter_mut().flat_map(|tensor| &mut tensor.dims) {
            *dim = match *dim {
                dim if dim == u64::from(EMBEDDING) => u64::from(embedding),
                dim if dim == u64::from(FEED_FORWARD) => u64::from(feed_forward),
                dim if dim == keys => u64::from(embedding / HEADS * HEADS_KV),
                other => other,
            };
        }
        self
    }

    /// Gives all matrices another type. Data is made for `F32`, `Q4_0` and
    /// `Q8_0`; other types are filled with zeros.
    pub fn quantize(&mut self, tensor_type: GgmlType) -> &mut Self {
        for tensor in self
            .tensors
            .iter_mut()
            .filter(|tensor| tensor.dims.len() > 1)
        {
            tensor.tensor_type = tensor_type;
        }
        self
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// What [`GgufBuilder::build`] refuses.
    pub fn build(&self) -> Result<Vec<u8>, GgufError> {
        let mut builder = GgufBuilder::new();
        for (key, value) in &self.metadata {
            builder.metadata(key, value.clone());
        }
        for (index, tensor) in self.tensors.iter().enumerate() {
            let mut dims = [1; 4];
            for (to, &from) in dims.iter_mut().zip(&tensor.dims) {
                *to = from;
            }
            let len = tensor_bytes(&tensor.name, tensor.tensor_type, dims)?;
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let data = match tensor.fill {
                Some(fill) => fill.to_le_bytes().repeat(len / 4),
                None => data(tensor, len, index as u64),
            };
            builder.tensor(&tensor.name, tensor.tensor_type, &tensor.dims, data);
        }
        builder.build()
    }

    fn sizes(architecture: Architecture, shape: &Shape) -> Self {
        let name = architecture.name();
        let mut model = Self {
            metadata: Vec::new(),
            tensors: Vec::new(),
        };
        let key = |suffix: &str| format!("{name}.{suffix}");
        model
            .set(ARCHITECTURE, name)
            .set("general.type", "model")
            .set("general.name", "Tiny")
            .set("general.file_type", 0_u32)
            .set(&key("context_length"), CONTEXT)
            .set(&key("embedding_length"), shape.embedding)
            .set(&key("block_count"), shape.layers)
            .set(&key("feed_forward_length"), shape.feed_forward)
            .set(&key("attention.head_count"), shape.heads)
            .set(&key("attention.head_count_kv"), shape.heads_kv)
            .set(&key("attention.layer_norm_rms_epsilon"), 1e-5_f32)
            .set(&key("rope.freq_base"), 10_000_f32);
        model
    }

    fn byte_pair_tokenizer(&mut self, vocabulary: u32) {
        let mut tokens: Vec<String> = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
            .map(str::to_owned)
            .into();
        let specials = tokens.len();
        tokens.extend((0..=u8::MAX).map(|byte| byte_character(byte).to_string()));
        tokens.extend(["th", "the", "Ġt", "Ġthe"].map(str::to_owned));
        // Tokens that no merge leads to.
        tokens.extend((BYTE_TOKENS..vocabulary).map(|id| format!("unused{id}")));
        let types: Vec<i32> = (0..tokens.len())
            .map(|id| if id < specials { 3 } else { 1 })
            .collect();
        self.set("tokenizer.ggml.model", "gpt2")
            .set("tokenizer.ggml.pre", "smollm")
            .set("tokenizer.ggml.tokens", tokens.as_slice())
            .set("tokenizer.ggml.token_type", types.as_slice())
            .set(
                "tokenizer.ggml.merges",
                ["t h", "th e", "Ġ t", "Ġt he"].as_slice(),
            )
            .set("tokenizer.ggml.bos_token_id", 1_u32)
            .set("tokenizer.ggml.eos_token_id", 2_u32)
            .set("tokenizer.ggml.add_bos_token", false)
            .set("tokenizer.chat_template", CHATML);
    }

    fn sentence_piece_tokenizer(&mut self) {
        let mut tokens: Vec<String> = ["<pad>", "<eos>", "<bos>", "<unk>"]
            .map(str::to_owned)
            .into();
        let mut types = vec![3, 3, 3, 2];
        for byte in 0..=u8::MAX {
            tokens.push(format!("<0x{byte:02X}>"));
            types.push(6);
        }
        for text in ["▁", "▁the", "the", "th", "t", "h", "e", "\n"] {
            tokens.push(text.to_owned());
            types.push(1);
        }
        let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
        self.set("tokenizer.ggml.model", "llama")
            .set("tokenizer.ggml.pre", "default")
            .set("tokenizer.ggml.tokens", tokens.as_slice())
            .set("tokenizer.ggml.scores", scores.as_slice())
            .set("tokenizer.ggml.token_type", types.as_slice())
            .set("tokenizer.ggml.bos_token_id", 2_u32)
            .set("tokenizer.ggml.eos_token_id", 1_u32)
            .set("tokenizer.ggml.unknown_token_id", 3_u32)
            .set("tokenizer.ggml.padding_token_id", 0_u32);
    }

    fn add_tensors(&mut self, architecture: Architecture, shape: &Shape, vocabulary: u32) {
        let vocabulary = u64::from(vocabulary);
        let embedding = u64::from(shape.embedding);
        let feed_forward = u64::from(shape.feed_forward);
        let head = u64::from(shape.head_length);
        let (query, key) = (
            u64::from(shape.heads) * head,
            u64::from(shape.heads_kv) * head,
        );
        let f32 = GgmlType::F32;
        self.push("token_embd.weight", f32, &[embedding, vocabulary]);
        for layer in 0..shape.layers {
            let name = |tensor: &str| format!("blk.{layer}.{tensor}.weight");
            self.push(&name("attn_norm"), f32, &[embedding])
                .push(&name("attn_q"), f32, &[embedding, query])
                .push(&name("attn_k"), f32, &[embedding, key])
                .push(&name("attn_v"), f32, &[embedding, key])
                .push(&name("attn_output"), f32, &[query, embedding])
                .push(&name("ffn_norm"), f32, &[embedding])
                .push(&name("ffn_gate"), f32, &[embedding, feed_forward])
                .push(&name("ffn_up"), f32, &[embedding, feed_forward])
                .push(&name("ffn_down"), f32, &[feed_forward, embedding]);
            if architecture == Architecture::Gemma3 {
                self.push(&name("attn_q_norm"), f32, &[head])
                    .push(&name("attn_k_norm"), f32, &[head])
                    .push(&name("post_attention_norm"), f32, &[embedding])
                    .push(&name("post_ffw_norm"), f32, &[embedding]);
            }
        }
        self.push("output_norm.weight", f32, &[embedding]);
    }
}

/// The ChatML template, as SmolLM2 has it in essence.
pub const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' \
     + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
     {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// The character that GPT-2's byte-level encoding writes a byte as.
pub fn byte_character(byte: u8) -> char {
    match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        // The others follow from U+0100 on, in order.
        0..=0x20 => char::from_u32(0x100 + u32::from(byte)).unwrap_or_default(),
        0x7f..=0xa0 => char::from_u32(0x121 + u32::from(byte - 0x7f)).unwrap_or_default(),
        0xad => '\u{143}',
    }
}

/// Ones for vectors, noise of about ±0.1 for matrices.
fn data(tensor: &TinyTensor, len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    // Half-precision 0.01: the scale of a block.
    let scale = 0x211f_u16.to_le_bytes();
    let block = tensor.tensor_type.block_bytes() as usize;
    match tensor.tensor_type {
        GgmlType::F32 if tensor.dims.len() == 1 => 1_f32.to_le_bytes().repeat(len / 4),
        GgmlType::F32 => (0..len / 4)
            .flat_map(|_| ((f32::from(noise()) - 127.5) / 1275.0).to_le_bytes())
            .collect(),
        GgmlType::Q4_0 | GgmlType::Q8_0 => (0..len)
            .map(|at| scale.get(at % block).copied().unwrap_or_else(&mut noise))
            .collect(),
        _ => vec![0; len],
    }
}
