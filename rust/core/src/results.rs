//! What scoring, embedding and reading features return.

use pocketune_llama::Token;

/// How hidden states of several tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The last token's.
    Last,
}

/// A pooled hidden state.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// One float for each dimension of the model; not normalized.
    pub values: Vec<f32>,
    /// Tokens that went into it.
    pub tokens: usize,
}

impl Embedding {
    /// The vector divided by its Euclidean length; all zeros stay zeros.
    #[must_use]
    pub fn normalized(&self) -> Vec<f32> {
        let length = self
            .values
            .iter()
            .map(|&x| f64::from(x) * f64::from(x))
            .sum::<f64>()
            .sqrt();
        if length == 0.0 {
            return self.values.clone();
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "embeddings are 32-bit floats"
        )]
        self.values
            .iter()
            .map(|&x| (f64::from(x) / length) as f32)
            .collect()
    }
}

/// One token of a scored reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScore {
    /// The token.
    pub token: Token,
    /// Its natural-log probability given everything before it.
    pub log_probability: f64,
}

/// How likely a reply is.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Each token of the reply, in order.
    pub tokens: Vec<TokenScore>,
}

impl Score {
    /// Natural-log probability of the whole reply.
    #[must_use]
    pub fn log_probability(&self) -> f64 {
        self.tokens.iter().map(|token| token.log_probability).sum()
    }

    /// exp of the negative mean log-probability of a token.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        (-self.log_probability() / self.tokens.len().max(1) as f64).exp()
    }
}

/// The hidden state at the token that ends a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// F floats, F being the model's embedding length.
    pub values: Vec<f32>,
    /// Tokens of prompt, reply and the token that ends it.
    pub tokens: usize,
    /// Those that were not cached: 1 right after the reply was generated.
    pub computed_tokens: usize,
}
