//! One run of `pocketune tune`.

use std::path::Path;
use std::process::{Command, Stdio};

use pocketune_tests::measures::{KINDS, Kind};
use serde_json::Value;

use crate::Result;
use crate::data::file;

/// What is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feedback {
    /// Chosen replies over rejected ones.
    Pairs,
    /// Replies with a thumb up or down.
    Thumbs,
    /// Replies and what the user made of them.
    Edits,
}

impl Feedback {
    pub(crate) const ALL: [Self; 3] = [Self::Pairs, Self::Thumbs, Self::Edits];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Thumbs => "thumbs",
            Self::Edits => "edits",
        }
    }
}

/// What is taught, from what, and how.
pub(crate) struct Run {
    pub(crate) kind: &'static Kind,
    pub(crate) feedback: Feedback,
    pub(crate) options: Vec<String>,
}

impl Run {
    /// With the options that `tune` has by default.
    pub(crate) fn plain(kind: &'static Kind, feedback: Feedback) -> Self {
        Self {
            kind,
            feedback,
            options: Vec::new(),
        }
    }

    /// From `KIND[:FEEDBACK] [OPTIONS OF tune]`.
    pub(crate) fn parse(argument: &str) -> Result<Self> {
        let mut words = argument.split_whitespace().map(str::to_owned);
        let what = words.next().unwrap_or_default();
        let (name, feedback) = what.split_once(':').unwrap_or((&what, "pairs"));
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| format!("no kind of preference: {name:?}"))?;
        let feedback = Feedback::ALL.into_iter().find(|it| it.name() == feedback);
        let feedback = feedback.ok_or("after the colon: pairs, thumbs or edits")?;
        Ok(Self {
            kind,
            feedback,
            options: words.collect(),
        })
    }

    pub(crate) fn name(&self) -> String {
        match self.feedback {
            Feedback::Pairs => self.kind.name.to_owned(),
            other => format!("{}-{}", self.kind.name, other.name()),
        }
    }

    /// Runs `pocketune tune` beside this program; the final figures.
    pub(crate) fn tune(&self, adapter: &Path) -> Result<Value> {
        let program = std::env::current_exe()?;
        let release = program.ancestors().nth(2).ok_or("no folder of programs")?;
        let mut command = Command::new(release.join("pocketune"));
        command.args(["tune", "--json", "--objective"]);
        match self.feedback {
            Feedback::Pairs => {
                let held_out = format!("{}-heldout.jsonl", self.kind.name);
                command.args(["dpo", "--heldout"]).arg(file(&held_out))
            }
            Feedback::Thumbs | Feedback::Edits => command.arg("auto"),
        };
        let output = command
            .arg("--data")
            .arg(file(&format!("{}.jsonl", self.name())))
            .arg("--ordinary")
            .arg(file("ordinary.jsonl"))
            .arg("--out")
            .arg(adapter)
            .args(&self.options)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("tune on {} failed", self.name()).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
