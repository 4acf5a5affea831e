//! Which adapter is trained.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use pocketune_core::tuning::{AdaptedLayers, LoraShape, Projection, ReferencePolicy};

use super::default_recipe;
use crate::error::CliError;

const ADAPTER: &str = "Adapter";

#[derive(Debug, Args)]
pub(crate) struct AdapterArgs {
    /// LoRA rank
    #[arg(long, default_value_t = default_recipe().lora.rank, value_name = "R", help_heading = ADAPTER,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    rank: usize,
    /// LoRA alpha; updates are scaled by alpha / rank [default: twice the rank]
    #[arg(long, value_name = "A", help_heading = ADAPTER)]
    alpha: Option<f32>,
    /// LoRA dropout probability
    #[arg(long, default_value_t = default_recipe().training.dropout, value_name = "P",
          help_heading = ADAPTER)]
    pub(super) dropout: f32,
    /// Target modules: q, k, v, o, gate, up, down [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES", help_heading = ADAPTER)]
    targets: Vec<String>,
    /// Layers to adapt: all, or numbers from 0, such as 10-29 or 0,5,7 [default: all but the lowest
    /// third]
    #[arg(long, value_delimiter = ',', value_name = "LAYERS", help_heading = ADAPTER)]
    layers: Vec<String>,
    /// Adapter to continue training, instead of a new one
    #[arg(long, value_name = "FILE", help_heading = ADAPTER,
          conflicts_with_all = ["rank", "alpha", "targets", "layers"])]
    pub(crate) init_adapter: Option<PathBuf>,
    /// Frozen adapter to train on top of; repeatable
    #[arg(long, value_name = "FILE", help_heading = ADAPTER)]
    pub(crate) over_adapter: Vec<PathBuf>,
    /// Reference model of the objective and of KL; they differ with --init-adapter alone
    #[arg(long, value_enum, default_value_t = default_recipe().training.reference.into(),
          help_heading = ADAPTER)]
    reference: ReferenceKind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReferenceKind {
    /// The model with the adapter that training begins with, as in TRL
    Initial,
    /// The model without it
    Base,
}

impl From<ReferencePolicy> for ReferenceKind {
    fn from(policy: ReferencePolicy) -> Self {
        match policy {
            ReferencePolicy::Initial => Self::Initial,
            ReferencePolicy::Base => Self::Base,
        }
    }
}

impl AdapterArgs {
    pub(crate) fn reference(&self) -> ReferencePolicy {
        match self.reference {
            ReferenceKind::Initial => ReferencePolicy::Initial,
            ReferenceKind::Base => ReferencePolicy::Base,
        }
    }

    pub(super) fn shape(&self) -> Result<LoraShape, CliError> {
        let known = self
            .targets
            .iter()
            .map(|name| Projection::from_name(name.trim()));
        let targets: Option<Vec<Projection>> = known.collect();
        let targets = targets.ok_or(CliError::usage(
            "--targets takes q, k, v, o, gate, up and down",
        ))?;
        let mut shape = LoraShape::of_rank(self.rank);
        shape.alpha = self.alpha.unwrap_or(shape.alpha);
        shape.layers = self.layers()?;
        if !targets.is_empty() {
            shape.projections = targets;
        }
        Ok(shape)
    }

    fn layers(&self) -> Result<AdaptedLayers, CliError> {
        match self.layers.as_slice() {
            [] => return Ok(default_recipe().lora.layers),
            [all] if all == "all" => return Ok(AdaptedLayers::All),
            _ => {}
        }
        let range = |text: &String| -> Option<RangeInclusive<usize>> {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
        };
        let ranges: Option<Vec<_>> = self.layers.iter().map(range).collect();
        let ranges = ranges.ok_or(CliError::usage("--layers takes all, or numbers and ranges"))?;
        Ok(AdaptedLayers::Only(ranges.into_iter().flatten().collect()))
    }
}
