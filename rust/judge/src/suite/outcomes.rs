//! Two arms' replies as outcomes that experiments are simulated from.

use std::collections::BTreeMap;

use super::compare::pairs;
use super::{ItemReply, SuiteError};
use crate::experiment::{Measure, Outcome, Pick};

/// Panel scores that differ by no more than this are a tie: less than experiments tell apart,
/// which is a thousandth of a measure's range.
pub const PICK_TIE: f64 = 0.001;

/// For each item what both arms' replies come to: `critic_score` and `refusal` as pairs, and
/// as `pick` the reply of the higher panel score. What one item has, all have.
///
/// # Errors
/// [`SuiteError::Unpaired`].
pub fn paired_outcomes(
    incumbent: &[ItemReply],
    challenger: &[ItemReply],
) -> Result<Vec<BTreeMap<Measure, Outcome>>, SuiteError> {
    let outcomes = pairs(incumbent, challenger)?.map(|(incumbent, challenger)| {
        let pair = |value: &dyn Fn(&ItemReply) -> f64| Outcome::Pair {
            incumbent: value(incumbent),
            challenger: value(challenger),
        };
        let difference = challenger.judgement.score - incumbent.judgement.score;
        BTreeMap::from([
            (Measure::CriticScore, pair(&|it| it.judgement.score)),
            (
                Measure::Refusal,
                pair(&|it| f64::from(u8::from(it.refuses))),
            ),
            (Measure::Pick, Outcome::Pick(pick(difference))),
        ])
    });
    Ok(outcomes.collect())
}

fn pick(difference: f64) -> Pick {
    if difference.abs() <= PICK_TIE {
        Pick::Tie
    } else if difference > 0.0 {
        Pick::Challenger
    } else {
        Pick::Incumbent
    }
}
