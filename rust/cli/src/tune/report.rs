//! What a run says: while it goes on, of itself before, and at its end.

use std::process::ExitCode;

use indicatif::ProgressBar;
use pocketune_core::tuning::{
    BeforeAndAfter, MicroStep, RewardMetrics, RunEnd, StepDone, Tuned, Tuning,
};
use serde::Serialize;
use serde_json::json;

use super::reading::LeftOut;
use crate::error::CliError;
use crate::output::{Output, human_bytes};

/// Where a figure of the platform's would stand.
const NOT_TOLD: &str = "not told by this system";

/// The figures of a run; those of held-out pairs are missing without `--heldout`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    out: String,
    /// What the data were learned by, such as `dpo+kto`.
    objective: String,
    adapter_bytes: usize,
    trained_parameters: usize,
    samples: usize,
    #[serde(flatten)]
    left_out: LeftOut,
    /// Step and mean held-out loss there, where cross-validation chose the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_validation: Option<Vec<(u64, f64)>>,
    steps: usize,
    /// Whether the bound on KL ended the run before its last step.
    stopped_by_kl: bool,
    /// Factor on the change that kept the bound; 1 for none.
    shrunk_by: f64,
    tokens_per_s: f64,
    step_ms_median: f64,
    /// Steps, references, checkpoints and measurements of KL together.
    tuning_s: f64,
    /// Peak of anonymous memory above what the process had before training; null where
    /// the system does not tell.
    peak_anon_bytes: Option<u64>,
    planned_bytes: u64,
    loss_first: f64,
    loss_last: f64,
    /// Exact KL(policy‖reference), mean over replies to ordinary prompts.
    kl_per_token: f64,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    heldout: Option<HeldOutFigures>,
}

/// Means over held-out samples; margin and accuracy are null where nobody judged replies.
#[derive(Debug, Serialize)]
struct HeldOutFigures {
    heldout_loss_before: f64,
    heldout_loss_after: f64,
    margin_before: Option<f64>,
    margin_after: Option<f64>,
    accuracy_before: Option<f64>,
    accuracy_after: Option<f64>,
}

impl From<BeforeAndAfter> for HeldOutFigures {
    fn from(BeforeAndAfter { before, after }: BeforeAndAfter) -> Self {
        let figures = |of: fn(&RewardMetrics) -> Option<f64>| {
            [before, after].map(|it| it.rewards.as_ref().and_then(of))
        };
        let [margin_before, margin_after] = figures(|it| it.margin);
        let [accuracy_before, accuracy_after] = figures(|it| it.accuracy);
        Self {
            heldout_loss_before: before.loss,
            heldout_loss_after: after.loss,
            margin_before,
            margin_after,
            accuracy_before,
            accuracy_after,
        }
    }
}

impl Report {
    pub(super) fn new(out: String, tuned: &Tuned, left_out: LeftOut) -> Self {
        let figures = &tuned.figures;
        let steps = &figures.steps;
        Self {
            out,
            objective: figures.objective.clone(),
            adapter_bytes: tuned.adapter.bytes().len(),
            trained_parameters: figures.trained_parameters,
            samples: figures.samples,
            left_out,
            cross_validation: figures
                .cross_validation
                .as_ref()
                .map(|curve| curve.losses.clone()),
            steps: steps.len(),
            stopped_by_kl: matches!(figures.end, RunEnd::KlBound { .. }),
            shrunk_by: match figures.end {
                RunEnd::KlBound { shrunk_by, .. } => f64::from(shrunk_by),
                RunEnd::Steps => 1.0,
            },
            tokens_per_s: figures.tokens_per_s,
            step_ms_median: figures.step_median.as_secs_f64() * 1e3,
            tuning_s: figures.tuning.as_secs_f64(),
            peak_anon_bytes: figures.peak_bytes,
            planned_bytes: figures.planned_bytes,
            loss_first: steps.first().map_or(f64::NAN, |step| step.loss),
            loss_last: steps.last().map_or(f64::NAN, |step| step.loss),
            kl_per_token: figures.kl_per_token,
            heldout: figures.heldout.map(HeldOutFigures::from),
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
                self.peak_anon_bytes.map_or_else(
                    || NOT_TOLD.to_owned(),
                    |bytes| format!("{} at its peak", human_bytes(bytes)),
                ),
            ),
            (
                "loss",
                format!("{:.4} to {:.4}", self.loss_first, self.loss_last),
            ),
            ("KL", format!("{:.4} nats a token", self.kl_per_token)),
        ];
        if let Some(curve) = &self.cross_validation {
            let losses = curve
                .iter()
                .map(|(step, loss)| format!("{step}: {loss:.3}"));
            let losses = losses.collect::<Vec<_>>().join(", ");
            rows.push((
                "cross-validation",
                format!("held-out loss by step {losses}"),
            ));
        }
        if let Some(heldout) = &self.heldout {
            let HeldOutFigures {
                heldout_loss_before,
                heldout_loss_after,
                margin_before,
                margin_after,
                accuracy_before,
                accuracy_after,
            } = heldout;
            let mut change = |name, before: Option<f64>, after: Option<f64>| {
                if let (Some(before), Some(after)) = (before, after) {
                    rows.push((name, format!("{before:.3} to {after:.3}")));
                }
            };
            change(
                "held-out loss",
                Some(*heldout_loss_before),
                Some(*heldout_loss_after),
            );
            change("held-out margin", *margin_before, *margin_after);
            change("held-out accuracy", *accuracy_before, *accuracy_after);
        }
        rows
    }
}

/// Memory and time that a run would take.
pub(super) fn plan(tuning: &Tuning, output: &Output) -> Result<ExitCode, CliError> {
    let plan = tuning.plan();
    let (memory, parameters) = (plan.memory, plan.trained_parameters);
    let time = tuning.estimate();
    if output.json {
        output.json(&json!({
            "planned_bytes": memory.bytes,
            "estimated_s": time.as_secs_f64(),
            "pack_samples": memory.pack_samples,
            "kept_layers": memory.kept_layers,
            "trained_parameters": parameters,
        }))?;
    } else {
        output.rows(&[
            ("memory", human_bytes(memory.bytes)),
            ("time", format!("about {:.0} s", time.as_secs_f64())),
            ("samples at once", memory.pack_samples.to_string()),
            ("kept layers", memory.kept_layers.to_string()),
            ("parameters", parameters.to_string()),
        ])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The line beside the progress bar.
pub(super) struct LiveLine {
    bar: ProgressBar,
    step: String,
    kl: String,
}

impl LiveLine {
    pub(super) fn new(bar: ProgressBar) -> Self {
        Self {
            bar,
            step: String::new(),
            kl: String::new(),
        }
    }

    pub(super) fn fold(&mut self, done: usize, folds: usize) {
        self.bar
            .set_message(format!("cross-validation, {done} of {folds} folds"));
    }

    pub(super) fn micro_step(&mut self, micro: MicroStep) {
        self.bar.set_position(micro.step - 1);
        if micro.samples < micro.batch {
            let part = format!(" ({} of {} samples)", micro.samples, micro.batch);
            self.bar
                .set_message(format!("{}{}{part}", self.step, self.kl));
        }
    }

    pub(super) fn step(&mut self, step: &StepDone) {
        let report = &step.report;
        let margin = report
            .rewards
            .and_then(|rewards| rewards.margin)
            .map_or_else(String::new, |margin| format!(", margin {margin:.2}"));
        let speed = report.tokens as f64 / step.took.as_secs_f64();
        let memory = step.peak_bytes.map(human_bytes);
        let memory = memory.map_or_else(String::new, |bytes| format!(", {bytes}"));
        self.step = format!(
            "loss {:.3}{margin}, {speed:.0} tokens/s{memory}",
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{NOT_TOLD, Report};
    use crate::tune::reading::LeftOut;

    /// macOS and iOS do not tell what a process occupies.
    #[test]
    fn a_figure_that_the_system_does_not_tell_is_missing_and_said_to_be() {
        let report = Report {
            out: "adapter.gguf".to_owned(),
            objective: "dpo".to_owned(),
            adapter_bytes: 1,
            trained_parameters: 1,
            samples: 1,
            left_out: LeftOut::default(),
            cross_validation: None,
            steps: 1,
            stopped_by_kl: false,
            shrunk_by: 1.0,
            tokens_per_s: 1.0,
            step_ms_median: 1.0,
            tuning_s: 1.0,
            peak_anon_bytes: None,
            planned_bytes: 1,
            loss_first: 1.0,
            loss_last: 1.0,
            kl_per_token: 0.0,
            heldout: None,
        };
        assert_eq!(json!(report)["peak_anon_bytes"], Value::Null);
        let rows = report.rows();
        assert!(rows.contains(&("memory", NOT_TOLD.to_owned())), "{rows:?}");
    }
}
