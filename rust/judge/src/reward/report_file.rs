//! A report as it comes back from a file: every figure is one that a report can hold.

use pocketune_base::json;

use super::calibration::ReliabilityDiagram;
use super::error::RewardError;
use super::reliability::AnnotatorReliability;
use super::report::{EditDrift, Proportion, RewardReport};
use crate::stats::Interval;

/// Largest count that can be: what is beyond is a mistake.
const COUNT_MAX: usize = 1 << 32;
/// How far figures that follow from others may be off.
const TOLERANCE: f64 = 1e-9;

impl RewardReport {
    /// Reads the JSON that `serde_json` makes of a report, and checks it.
    ///
    /// # Errors
    /// [`RewardError::ReportMalformed`], [`RewardError::ReportImpossible`].
    pub fn parse(json: &[u8]) -> Result<Self, RewardError> {
        let read = json::read(json);
        let this: Self = read.map_err(|reason| RewardError::ReportMalformed { reason })?;
        match this.fault() {
            None => Ok(this),
            Some(what) => Err(RewardError::ReportImpossible { what }),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        if self.comparisons > COUNT_MAX || self.ties > self.comparisons {
            return Some("there are more ties than comparisons, or too many of these");
        }
        let answers = self.comparisons - self.ties;
        if self.accuracy.pairs != answers {
            return Some("accuracy is not over all comparisons but ties");
        }
        let proportions = [&self.accuracy, &self.length_matched, &self.length_reversed];
        if !proportions.iter().all(|it| it.can_be(answers)) {
            return Some("a proportion is not in [0, 1], outside its interval, or of too many");
        }
        if !(self.uncalibrated.can_be(answers) && self.calibrated.can_be(answers)) {
            return Some("bins of a calibration do not hold these answers, or not its error");
        }
        if !self.edits.iter().all(EditDrift::can_be) {
            return Some("the drift of an edit is outside its interval");
        }
        let mut annotators = self.reliabilities.annotators.iter();
        if !annotators.all(AnnotatorReliability::can_be) {
            return Some("a reliability is not in [0, 1], or outside its interval");
        }
        None
    }
}

impl Proportion {
    fn can_be(&self, most: usize) -> bool {
        // Of no pairs it is 0, and its interval everything.
        let Interval { low, high } = self.interval;
        let shares = [self.share, low, high].into_iter().all(share);
        self.pairs <= most && shares && holds(self.interval, self.share)
    }
}

impl ReliabilityDiagram {
    fn can_be(&self, answers: usize) -> bool {
        let counts = self.bins.iter().try_fold(0_usize, |sum, bin| {
            let sum = sum.checked_add(bin.count)?;
            (sum <= answers).then_some(sum)
        });
        let sound = self.bins.len() == Self::BINS
            && self.bins.iter().enumerate().all(|(place, bin)| {
                let edge = |place: usize| 0.5 + 0.5 * place as f64 / Self::BINS as f64;
                let filled = bin.count > 0;
                near(bin.low, edge(place))
                    && near(bin.high, edge(place + 1))
                    && share(bin.accuracy)
                    && (!filled || bin.confidence >= bin.low - TOLERANCE)
                    && (!filled || bin.confidence <= bin.high + TOLERANCE)
                    && (filled || bin.confidence == 0.0)
            });
        let gaps = self.bins.iter();
        let gaps = gaps.map(|bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs());
        let error = gaps.sum::<f64>() / answers.max(1) as f64;
        sound && counts == Some(answers) && near(self.expected_calibration_error, error)
    }
}

impl EditDrift {
    fn can_be(&self) -> bool {
        let counted = (1..=COUNT_MAX).contains(&self.edits);
        let interval = self.interval.is_none_or(|it| holds(it, self.mean_change));
        counted && self.mean_change.is_finite() && interval
    }
}

impl AnnotatorReliability {
    fn can_be(&self) -> bool {
        let error = self.standard_error.is_none_or(|error| error >= 0.0);
        let interval = self
            .interval
            .is_none_or(|it| share(it.low) && share(it.high) && holds(it, self.reliability));
        self.comparisons <= COUNT_MAX && share(self.reliability) && error && interval
    }
}

fn share(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= TOLERANCE
}

fn holds(Interval { low, high }: Interval, value: f64) -> bool {
    low.is_finite() && high.is_finite() && low - TOLERANCE <= value && value <= high + TOLERANCE
}
