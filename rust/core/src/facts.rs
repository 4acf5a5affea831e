//! What is known about a model file.

use pocketune_gguf::ModelHeader;

/// Facts about a loaded model. Its SHA-256: [`crate::Engine::digest`].
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// Size of the file.
    pub file_bytes: u64,
    /// What its metadata says, audited.
    pub header: ModelHeader,
}

impl ModelFacts {
    /// Whether the file brings a chat template.
    #[must_use]
    pub fn has_chat_template(&self) -> bool {
        self.header.chat_template.is_some()
    }
}
