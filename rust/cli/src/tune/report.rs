//! What a run says: while it goes on, of itself before, and at its end.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use pocketune_train::{MicroStep, PairMetrics, RunEnd, StepReport, Trainer};
use serde::Serialize;
use serde_json::json;

use crate::error::CliError;
use crate::output::{Output, human_bytes};
use crate::steps::Steps;
use crate::workshop::Workshop;

/// What a run found out about itself.
pub(super) struct Trained {
    pub(super) end: RunEnd,
    pub(super) steps: Steps,
    pub(super) tuning_s: f64,
    pub(super) kl_per_token: f64,
    pub(super) peak_anon_bytes: u64,
    pub(super) heldout: Option<HeldOutFigures>,
}

/// The figures of a run; those of held-out pairs are missing without `--heldout`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    out: String,
    adapter_bytes: usize,
    trained_parameters: usize,
    samples: usize,
    steps: usize,
    /// Whether the bound on KL ended the run before its last step.
    stopped_by_kl: bool,
    /// Factor on the change that kept the bound; 1 for none.
    shrunk_by: f64,
    tokens_per_s: f64,
    step_ms_median: f64,
    /// Steps, references, checkpoints and measurements of KL together.
    tuning_s: f64,
    /// Peak of anonymous memory above what the process had before training.
    peak_anon_bytes: u64,
    planned_bytes: u64,
    loss_first: f64,
    loss_last: f64,
    /// Exact KL(policy‖reference), mean over replies to ordinary prompts.
    kl_per_token: f64,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    heldout: Option<HeldOutFigures>,
}

/// Means over held-out pairs.
#[derive(Debug, Serialize)]
pub(super) struct HeldOutFigures {
    margin_before: f64,
    margin_after: f64,
    accuracy_before: f64,
    accuracy_after: f64,
}

impl HeldOutFigures {
    pub(super) fn new(before: &PairMetrics, after: &PairMetrics) -> Self {
        Self {
            margin_before: before.margin,
            margin_after: after.margin,
            accuracy_before: before.accuracy,
            accuracy_after: after.accuracy,
        }
    }
}

impl Report {
    pub(super) fn new(
        out: String,
        adapter_bytes: usize,
        samples: usize,
        trainer: &Trainer<'_>,
        trained: Trained,
    ) -> Self {
        let history = trainer.history();
        Self {
            out,
            adapter_bytes,
            trained_parameters: trainer.lora().parameters().len(),
            samples,
            steps: history.len(),
            stopped_by_kl: matches!(trained.end, RunEnd::KlBound { .. }),
            shrunk_by: match trained.end {
                RunEnd::KlBound { shrunk_by, .. } => f64::from(shrunk_by),
                RunEnd::Steps => 1.0,
            },
            tokens_per_s: trained.steps.tokens_per_s(),
            step_ms_median: trained.steps.median_ms(),
            tuning_s: trained.tuning_s,
            peak_anon_bytes: trained.peak_anon_bytes,
            planned_bytes: trainer.plan().bytes,
            loss_first: history.first().map_or(f64::NAN, |step| step.loss),
            loss_last: history.last().map_or(f64::NAN, |step| step.loss),
            kl_per_token: trained.kl_per_token,
            heldout: trained.heldout,
        }
    }

    pub(super) fn show(&self, output: &Output) -> Result<ExitCode, CliError> {
        if output.json {
            output.json(self)?;
        } else {
            output.rows(&self.rows())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let end = if self.stopped_by_kl {
            ", stopped by the bound on KL"
        } else {
            ""
        };
        let mut rows = vec![
            (
                "adapter",
                format!("{}, {}", self.out, human_bytes(self.adapter_bytes as u64)),
            ),
            (
                "steps",
                format!(
                    "{} of {:.0} ms, {:.0} tokens/s, {:.0} s in all{end}",
                    self.steps, self.step_ms_median, self.tokens_per_s, self.tuning_s
                ),
            ),
            (
                "memory",
                format!("{} at its peak", human_bytes(self.peak_anon_bytes)),
            ),
            (
                "loss",
                format!("{:.4} to {:.4}", self.loss_first, self.loss_last),
            ),
            ("KL", format!("{:.4} nats a token", self.kl_per_token)),
        ];
        if let Some(heldout) = &self.heldout {
            let change = |before: f64, after: f64| format!("{before:.3} to {after:.3}");
            rows.push((
                "held-out margin",
                change(heldout.margin_before, heldout.margin_after),
            ));
            rows.push((
                "held-out accuracy",
                change(heldout.accuracy_before, heldout.accuracy_after),
            ));
        }
        rows
    }
}

/// Memory and time that a run would take.
pub(super) fn plan(trainer: &Trainer<'_>, output: &Output) -> Result<ExitCode, CliError> {
    let plan = trainer.plan();
    let parameters = trainer.lora().parameters().len();
    let time = trainer.estimate();
    if output.json {
        output.json(&json!({
            "planned_bytes": plan.bytes,
            "estimated_s": time.as_secs_f64(),
            "pack_samples": plan.pack_samples,
            "kept_layers": plan.kept_layers,
            "trained_parameters": parameters,
        }))?;
    } else {
        output.rows(&[
            ("memory", human_bytes(plan.bytes)),
            ("time", format!("about {:.0} s", time.as_secs_f64())),
            ("samples at once", plan.pack_samples.to_string()),
            ("kept layers", plan.kept_layers.to_string()),
            ("parameters", parameters.to_string()),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The line beside the progress bar.
pub(super) struct LiveLine<'a> {
    bar: ProgressBar,
    workshop: &'a Workshop,
    step: String,
    kl: String,
}

impl<'a> LiveLine<'a> {
    pub(super) fn new(bar: ProgressBar, workshop: &'a Workshop) -> Self {
        Self {
            bar,
            workshop,
            step: String::new(),
            kl: String::new(),
        }
    }

    pub(super) fn micro_step(&mut self, micro: MicroStep) {
        self.bar.set_position(micro.step - 1);
        if micro.samples < micro.batch {
            let part = format!(" ({} of {} samples)", micro.samples, micro.batch);
            self.bar
                .set_message(format!("{}{}{part}", self.step, self.kl));
        }
    }

    pub(super) fn step(&mut self, report: &StepReport, took: Duration) {
        let margin = report
            .pairs
            .map_or_else(String::new, |pairs| format!(", margin {:.2}", pairs.margin));
        let speed = report.tokens as f64 / took.as_secs_f64();
        let memory = human_bytes(self.workshop.peak_bytes());
        self.step = format!(
            "loss {:.3}{margin}, {speed:.0} tokens/s, {memory}",
            report.loss
        );
        self.bar.set_position(report.step);
        self.bar.set_message(format!("{}{}", self.step, self.kl));
    }

    pub(super) fn kl(&mut self, kl: f64) {
        self.kl = format!(", KL {kl:.3}");
        self.bar.set_message(format!("{}{}", self.step, self.kl));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
