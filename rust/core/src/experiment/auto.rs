//! Outcomes that need no user: what replies cost, and what critics and the reward model
//! say of them.

use pocketune_judge::critic::{Expectation, Panel, refuses};
use pocketune_judge::experiment::{Definition, Measure};

use crate::criticize::exchange;
use crate::reply::Reply;
use crate::reward::RewardScore;

/// What was asked, and the panel that judges.
pub(super) struct Asked<'a> {
    pub(super) system: Option<&'a str>,
    pub(super) prompt: &'a str,
    pub(super) panel: &'a Panel,
}

/// The measures that `definition` takes and a reply answers by itself.
pub(super) fn measured(
    definition: &Definition,
    asked: &Asked<'_>,
    reply: &Reply,
    reward: Option<RewardScore>,
) -> Vec<(Measure, f64)> {
    let expect = Expectation::default();
    let exchange = exchange(
        asked.system,
        asked.prompt,
        &reply.text,
        reply.stop_reason,
        &expect,
    );
    let taken = definition.metrics.iter().map(|metric| metric.measure);
    let value = |measure| match measure {
        Measure::FirstTokenMs => Some(reply.time_to_first_token_ms),
        Measure::TokensPerS => {
            (reply.decode_tokens_per_s > 0.0).then_some(reply.decode_tokens_per_s)
        }
        Measure::CriticScore => Some(asked.panel.judge(&exchange).score),
        Measure::Refusal => Some(f64::from(u8::from(refuses(&exchange)))),
        Measure::RewardScore => reward.map(|score| score.quality),
        // What people do, and what the platform reports.
        Measure::Pick
        | Measure::Thumb
        | Measure::Regenerate
        | Measure::EditDistance
        | Measure::Abandonment
        | Measure::PeakMemoryMb
        | Measure::ThermalState => None,
    };
    taken
        .filter_map(|measure| Some((measure, value(measure)?)))
        .collect()
}
