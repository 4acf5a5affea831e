//! What an adapter's file says of how it came about.

use pocketune_train::Recipe;

/// The program and its version, from the build.
const PROGRAM: &str = concat!("pocketune ", env!("CARGO_PKG_VERSION"));

/// Names without their prefix `pocketune.`, and texts, in the file's order. A reader has them
/// from [`pocketune_adapter::CandidateAdapter::unverified_facts`].
pub(super) fn of(
    recipe: &Recipe,
    steps: usize,
    samples: usize,
    kl_per_token: f64,
) -> [(&'static str, String); 6] {
    [
        ("tuned_with", PROGRAM.to_owned()),
        ("objective", recipe.training.objectives.name()),
        ("steps", steps.to_string()),
        ("samples", samples.to_string()),
        ("seed", recipe.training.seed.to_string()),
        ("kl_per_token", format!("{kl_per_token:.4}")),
    ]
}
