//! What is asked of this program.

use std::path::PathBuf;

use crate::Result;
use crate::run::{Feedback, Run};
use pocketune_tests::measures::KINDS;

/// The command line, read.
pub(crate) struct Arguments {
    /// Where adapters, replies and what is kept go.
    pub(crate) out: PathBuf,
    /// Whether to compare with what needs no tuning.
    pub(crate) baselines: bool,
    /// How many prompts, questions and requests to look at; all without it.
    pub(crate) prompts: Option<usize>,
    /// At least one.
    pub(crate) runs: Vec<Run>,
}

impl Arguments {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut read = Self {
            out: PathBuf::from("target/learning"),
            baselines: false,
            prompts: None,
            runs: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--out" => read.out = value()?.into(),
                "--baselines" => read.baselines = true,
                "--prompts" => {
                    let count: usize = value()?.parse()?;
                    if count < 2 {
                        return Err("--prompts takes 2 or more".into());
                    }
                    read.prompts = Some(count);
                }
                option if option.starts_with('-') => {
                    return Err(format!("unknown option: {option}").into());
                }
                run => read.runs.push(Run::parse(run)?),
            }
        }
        if read.runs.is_empty() {
            let ways = |kind| Feedback::ALL.map(|feedback| Run::plain(kind, feedback));
            read.runs = KINDS.iter().flat_map(ways).collect();
        }
        Ok(read)
    }
}
