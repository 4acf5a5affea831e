//! `adapter attest halt`.

use clap::Args;
use pocketune_adapter::Halt;

use super::SubjectArgs;
use crate::adapter::subject::Kind;

#[derive(Debug, Args)]
pub(super) struct HaltArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    /// Type of the file
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub(super) kind: Kind,
    /// Reason for the halt
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl HaltArgs {
    pub(super) fn halt(&self) -> Halt {
        Halt {
            created: pocketune_core::now(),
            reason: self.reason.clone(),
        }
    }
}
