//! From figures to the page.

use crate::error::ReportError;
use crate::input::Report;
use crate::{chart, looks, metrics, page, reward, verdict};

impl Report<'_> {
    /// The page. Does not block.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn html(self) -> Result<String, ReportError> {
        let sequence = looks::sequence(&self)?;
        let page = page::Page {
            verdict: verdict::View::of(&self),
            sequence: sequence.map(|it| chart::sequence(&it)).transpose()?,
            has_ledgers: !self.ledgers.is_empty(),
            summaries: self.summaries,
            people: self.decision.people.is_some(),
            metrics: metrics::rows(self.definition, self.decision),
            forest: chart::forest(&self.decision.metrics)?,
            sample_ratio: metrics::SampleRatio::of(self.definition, self.decision),
            reward: self.reward.map(reward::View::of).transpose()?,
            digests: page::Digests { rows: self.digests },
            passed_over: self.passed_over,
            samples: self.samples,
            version: self.version,
            at: self.at.to_string(),
        };
        page.render()
    }
}
