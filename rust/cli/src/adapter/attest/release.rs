//! `adapter attest release`.

use clap::Args;
use pocketune_adapter::{Name, Release};

use super::SubjectArgs;
use crate::adapter::thing::{Kind, Thing};
use crate::time;

#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    /// What the file is
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub(super) kind: Kind,
    /// What it is called
    #[arg(long, value_parser = name)]
    name: Name,
    /// Releases of one channel replace each other
    #[arg(long, value_parser = name)]
    channel: Name,
    /// Place in the channel's order
    #[arg(long, value_name = "N")]
    version: u64,
    /// Days until it expires
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    days: u32,
    /// What changes for who uses it
    #[arg(long, value_name = "TEXT")]
    changelog: String,
    /// What training made likelier [default: what the file says]
    #[arg(long, value_name = "TEXT")]
    objective: Option<String>,
    /// What it was made from [default: what the file says]
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
}

impl ReleaseArgs {
    pub(super) fn release(&self, thing: Thing) -> Release {
        let now = pocketune_core::now();
        Release {
            kind: thing.kind.into(),
            name: self.name.clone(),
            channel: self.channel.clone(),
            version: self.version,
            created: now,
            expires: time::days_after(now, self.days),
            size_bytes: thing.size_bytes,
            base_models: thing.base_models,
            lora: thing.lora,
            objective: self.objective.clone().unwrap_or(thing.objective),
            data_summary: self.data.clone().unwrap_or(thing.data_summary),
            changelog: self.changelog.clone(),
            device: None,
        }
    }
}

fn name(text: &str) -> Result<Name, String> {
    Name::try_from(text).map_err(|error| error.to_string())
}
