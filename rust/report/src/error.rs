//! Why there is no page.

use pocketune_judge::experiment::ExperimentError;

/// What can go wrong between figures and a page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A ledger says what cannot be.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A picture cannot be drawn.
    #[error("the report cannot be made: {0}")]
    Picture(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The page cannot be filled in.
    #[error("the report cannot be made: {0}")]
    Page(#[from] minijinja::Error),
}
