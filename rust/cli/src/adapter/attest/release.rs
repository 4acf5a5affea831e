//! `adapter attest release`.

use clap::Args;
use pocketune_adapter::{Name, NotStages, Release, Stage, Stages, Timestamp};

use super::SubjectArgs;
use crate::adapter::subject::{Kind, ReleaseSubject};
use crate::error::CliError;
use crate::time;

#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    /// Type of the file
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub(super) kind: Kind,
    /// Name of the release
    #[arg(long, value_parser = name)]
    name: Name,
    /// Release channel; a later version in a channel replaces the earlier one
    #[arg(long, value_parser = name)]
    channel: Name,
    /// Version number in the channel
    #[arg(long, value_name = "N")]
    version: u64,
    /// Days until it expires
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    days: u32,
    /// What changes for the user
    #[arg(long, value_name = "TEXT")]
    changelog: String,
    /// Training objective [default: from the file's metadata]
    #[arg(long, value_name = "TEXT")]
    objective: Option<String>,
    /// Training data summary [default: from the file's metadata]
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
    /// Staged rollout: percentage of devices that may install it from TIME on [default: now],
    /// such as 10@2026-12-01T00:00:00Z; repeatable, increasing [default: 100 at once]
    #[arg(long, value_name = "PERCENT[@TIME]", value_parser = stage)]
    stage: Vec<(f64, Option<Timestamp>)>,
}

impl ReleaseArgs {
    pub(super) fn release(&self, subject: ReleaseSubject) -> Result<Release, CliError> {
        let now = pocketune_core::now();
        Ok(Release {
            kind: subject.kind.into(),
            name: self.name.clone(),
            channel: self.channel.clone(),
            version: self.version,
            created: now,
            expires: time::days_after(now, self.days),
            size_bytes: subject.size_bytes,
            base_models: subject.base_models,
            lora: subject.lora,
            objective: self.objective.clone().unwrap_or(subject.objective),
            data_summary: self.data.clone().unwrap_or(subject.data_summary),
            changelog: self.changelog.clone(),
            device: None,
            stages: self.stages(now)?,
        })
    }

    fn stages(&self, now: Timestamp) -> Result<Option<Stages>, CliError> {
        if self.stage.is_empty() {
            return Ok(None);
        }
        let stages = self.stage.iter().map(|&(percent, from)| {
            let from = from.unwrap_or(now);
            Stage { percent, from }
        });
        let stages = Stages::try_from(stages.collect::<Vec<_>>());
        let rise = "--stage must rise in percent and in time, to 100 at most";
        Ok(Some(stages.map_err(|NotStages| CliError::usage(rise))?))
    }
}

fn stage(text: &str) -> Result<(f64, Option<Timestamp>), String> {
    let (percent, from) = match text.split_once('@') {
        Some((percent, from)) => (percent, Some(time::parse(from)?)),
        None => (text, None),
    };
    let percent = percent.parse::<f64>().ok();
    let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
    let percent = percent.ok_or("a share is above 0 and at most 100 percent")?;
    Ok((percent, from))
}

fn name(text: &str) -> Result<Name, String> {
    Name::try_from(text).map_err(|error| error.to_string())
}
