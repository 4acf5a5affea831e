//! Text to tokens and back.

use llama_cpp_sys_2 as sys;

use crate::bindings;
use crate::error::{LlamaError, Message};
use crate::model::Model;

/// A token id of one model's vocabulary.
pub type Token = i32;

/// The tokens with a role of their own; `None` where the vocabulary has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpecialTokens {
    /// Begin of sequence.
    pub bos: Option<Token>,
    /// End of sequence.
    pub eos: Option<Token>,
    /// End of turn.
    pub eot: Option<Token>,
    /// Whether the model expects `bos` before a text.
    pub add_bos: bool,
    /// Whether the model expects `eos` after a text.
    pub add_eos: bool,
}

/// What llama.cpp knows of a token's kind (`llama_token_attr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenKind(u32);

impl TokenKind {
    fn has(self, attribute: sys::llama_token_attr) -> bool {
        // Some compilers make the enum signed; its flags are the same bits.
        #[allow(
            clippy::unnecessary_cast,
            reason = "the enum's type depends on the compiler"
        )]
        let bits = attribute as u32;
        self.0 & bits != 0
    }

    /// A control token, or one whose text says that it must be one.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.has(sys::LLAMA_TOKEN_ATTR_CONTROL)
    }

    /// A token that is looked for in a text before it is split, whoever wrote it.
    #[must_use]
    pub fn is_user_defined(self) -> bool {
        self.has(sys::LLAMA_TOKEN_ATTR_USER_DEFINED)
    }

    /// What stands for text that the vocabulary has no token for.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self.has(sys::LLAMA_TOKEN_ATTR_UNKNOWN)
    }

    /// Whether [`Model::tokenize`] finds the token by its text, as one piece
    /// (`tokenizer_st_partition` in llama-vocab.cpp): control and unknown ones
    /// where `parse_special` is on, user-defined ones always.
    #[must_use]
    pub fn is_found_by_text(self) -> bool {
        self.is_control() || self.is_user_defined() || self.is_unknown()
    }

    /// Whether white space before the token goes where it is found by its text.
    #[must_use]
    pub fn strips_left(self) -> bool {
        self.has(sys::LLAMA_TOKEN_ATTR_LSTRIP)
    }

    /// Whether white space after the token goes where it is found by its text.
    #[must_use]
    pub fn strips_right(self) -> bool {
        self.has(sys::LLAMA_TOKEN_ATTR_RSTRIP)
    }
}

impl Model {
    /// Number of tokens in the vocabulary.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        // SAFETY: the vocabulary lives as long as the model.
        let n = unsafe { sys::llama_vocab_n_tokens(self.vocab()) };
        usize::try_from(n).unwrap_or(0)
    }

    /// Tokens with a role of their own.
    #[must_use]
    pub fn special_tokens(&self) -> SpecialTokens {
        let vocab = self.vocab();
        let some = |token: Token| (token >= 0).then_some(token);
        // SAFETY: the vocabulary lives as long as the model; the getter reads a field.
        let bos = some(unsafe { sys::llama_vocab_bos(vocab) });
        // SAFETY: as above.
        let eos = some(unsafe { sys::llama_vocab_eos(vocab) });
        // SAFETY: as above.
        let eot = some(unsafe { sys::llama_vocab_eot(vocab) });
        // SAFETY: as above.
        let add_bos = unsafe { sys::llama_vocab_get_add_bos(vocab) };
        // SAFETY: as above.
        let add_eos = unsafe { sys::llama_vocab_get_add_eos(vocab) };
        SpecialTokens {
            bos,
            eos,
            eot,
            add_bos,
            add_eos,
        }
    }

    /// Whether `token` ends a generation (end of text, of sequence or of turn).
    #[must_use]
    pub fn is_end_of_generation(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives as long as the model; llama.cpp looks
        // the id up in a set, so any integer is allowed.
        unsafe { sys::llama_vocab_is_eog(self.vocab(), token) }
    }

    /// Whether `token` is a control token such as `<|im_start|>`.
    #[must_use]
    pub fn is_control(&self, token: Token) -> bool {
        if !self.contains(token) {
            return false;
        }
        // SAFETY: the id is inside the vocabulary, which lives as long as the model.
        unsafe { sys::llama_vocab_is_control(self.vocab(), token) }
    }

    /// What kind of token this is; `None` for an id outside the vocabulary.
    #[must_use]
    pub fn token_kind(&self, token: Token) -> Option<TokenKind> {
        if !self.contains(token) {
            return None;
        }
        // SAFETY: the id is inside the vocabulary, which lives as long as the model.
        let attributes = unsafe { sys::llama_vocab_get_attr(self.vocab(), token) };
        #[allow(
            clippy::unnecessary_cast,
            reason = "the enum's type depends on the compiler"
        )]
        Some(TokenKind(attributes as u32))
    }

    /// Whether `token` is an id of this vocabulary.
    #[must_use]
    pub fn contains(&self, token: Token) -> bool {
        usize::try_from(token).is_ok_and(|id| id < self.vocab_size())
    }

    /// Tokenizes `text`. `add_special` adds what the model expects around a
    /// text (such as `bos`); `parse_special` reads control tokens written out in
    /// the text, which must be off for text of a user. Blocks for the work.
    ///
    /// # Errors
    /// [`LlamaError::TokenizeFailed`].
    pub fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<Token>, LlamaError> {
        let failed = |cause| LlamaError::TokenizeFailed { cause };
        let text_bytes = i32::try_from(text.len())
            .map_err(|_| failed("the text is longer than 2 GiB".to_owned()))?;
        // A token covers at least one byte, give or take the added special ones.
        let mut tokens: Vec<Token> = vec![0; text.len() / 2 + 16];
        loop {
            let capacity = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
            let mut count = 0;
            let mut message = Message::new();
            // SAFETY: `text` is valid for `text_bytes` bytes and `tokens` for
            // `capacity` ids; the vocabulary lives as long as the model.
            let status = unsafe {
                bindings::pt_tokenize(
                    self.vocab(),
                    text.as_ptr().cast(),
                    text_bytes,
                    tokens.as_mut_ptr(),
                    capacity,
                    add_special,
                    parse_special,
                    &raw mut count,
                    message.as_mut_ptr(),
                )
            };
            message.check(status, failed)?;
            let needed = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            if count >= 0 {
                tokens.truncate(needed);
                return Ok(tokens);
            }
            if count == i32::MIN {
                return Err(failed("the text has too many tokens".to_owned()));
            }
            tokens.resize(needed, 0);
        }
    }

    /// The bytes of one token, possibly a part of a UTF-8 character. `special`
    /// writes control tokens out; otherwise they yield nothing.
    ///
    /// # Errors
    /// [`LlamaError::TokenizeFailed`] for an id outside the vocabulary.
    pub fn token_bytes(&self, token: Token, special: bool) -> Result<Vec<u8>, LlamaError> {
        let failed = |cause| LlamaError::TokenizeFailed { cause };
        if !self.contains(token) {
            return Err(failed(format!("token {token} is outside the vocabulary")));
        }
        let mut bytes = vec![0u8; 32];
        loop {
            let capacity = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            let mut count = 0;
            let mut message = Message::new();
            // SAFETY: `bytes` is valid for `capacity` bytes; the id is inside
            // the vocabulary, which lives as long as the model.
            let status = unsafe {
                bindings::pt_token_bytes(
                    self.vocab(),
                    token,
                    special,
                    bytes.as_mut_ptr().cast(),
                    capacity,
                    &raw mut count,
                    message.as_mut_ptr(),
                )
            };
            message.check(status, failed)?;
            let needed = usize::try_from(count.unsigned_abs()).unwrap_or(0);
            if count >= 0 {
                bytes.truncate(needed);
                return Ok(bytes);
            }
            bytes.resize(needed, 0);
        }
    }

    /// The text of `tokens`; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`LlamaError::TokenizeFailed`] for an id outside the vocabulary.
    pub fn detokenize(&self, tokens: &[Token], special: bool) -> Result<String, LlamaError> {
        let mut bytes = Vec::with_capacity(tokens.len() * 4);
        for &token in tokens {
            bytes.extend(self.token_bytes(token, special)?);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
