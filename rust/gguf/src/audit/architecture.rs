//! The table of audited architectures.

use super::hyperparameters::Hyperparameters;
use super::keys::Keys;
use super::tensors::Rule;
use super::{gemma3, llama};
use crate::{Architecture, GgufError, SlidingWindow};

/// What sets an architecture apart. A new one is a file with these two
/// functions, a variant of [`Architecture`] and a line below.
pub(super) struct Plan {
    /// Checks the architecture's own keys; returns its sliding window.
    pub(super) read:
        fn(&Keys<'_, '_>, &mut Hyperparameters) -> Result<Option<SlidingWindow>, GgufError>,
    /// Lists its tensors, for a vocabulary of so many tokens.
    pub(super) tensors: fn(&Hyperparameters, u32) -> Vec<Rule>,
}

/// The plan of each architecture.
pub(super) fn plan(architecture: Architecture) -> Plan {
    match architecture {
        Architecture::Llama => Plan {
            read: llama::read,
            tensors: llama::tensors,
        },
        Architecture::Gemma3 => Plan {
            read: gemma3::read,
            tensors: gemma3::tensors,
        },
    }
}
