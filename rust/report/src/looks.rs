//! The primary metric's confidence sequence: its interval after each outcome of one device,
//! or after each person who counts, or after some of them where there are many.

use pocketune_judge::experiment::{
    Definition, ExperimentError, MeasureEvidence, Metric, PersonMean, Tally, read_ledger,
};

use crate::error::ReportError;
use crate::input::Report;

/// More would not be told apart in a picture.
const LOOKS_MAX: u64 = 200;

pub(super) struct Sequence {
    pub(super) looks: Vec<Look>,
    /// The effect that a promotion needs evidence against.
    pub(super) null: f64,
    /// What is counted: outcomes or people.
    pub(super) unit: &'static str,
}

/// What was proven after so many.
pub(super) struct Look {
    pub(super) count: u64,
    pub(super) effect: Option<f64>,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// `None` without ledgers, since counts have no order, or where nothing in them counts yet.
pub(super) fn sequence(report: &Report<'_>) -> Result<Option<Sequence>, ReportError> {
    let definition = report.definition;
    let Some(primary) = definition.primary() else {
        return Ok(None);
    };
    let (seen, unit) = match (report.ledgers.as_slice(), report.of_one_device) {
        ([ledger], true) => (outcome_by_outcome(definition, primary, ledger)?, "outcomes"),
        _ => (
            person_by_person(definition, primary, &report.ledgers)?,
            "people",
        ),
    };
    let null = seen.first().map(|it| it.null);
    let looks = seen.iter().map(|seen| Look {
        count: seen.people.unwrap_or(seen.outcomes),
        effect: seen.effect,
        low: seen.interval.low,
        high: seen.interval.high,
    });
    let looks = looks.collect();
    Ok(null.map(|null| Sequence { looks, null, unit }))
}

fn outcome_by_outcome(
    definition: &Definition,
    primary: &Metric,
    ledger: &str,
) -> Result<Vec<MeasureEvidence>, ExperimentError> {
    let outcomes = |tally: &Tally| tally.count(primary.measure);
    let all = outcomes(read_ledger(definition, ledger, |_| ())?.tally());
    let (mut before, mut seen) = (0, Vec::new());
    read_ledger(definition, ledger, |recorder| {
        let tally = recorder.tally();
        if outcomes(tally) > before {
            before = outcomes(tally);
            if is_looked_at(before, all) {
                seen.push(MeasureEvidence::of(definition, primary, tally));
            }
        }
    })?;
    Ok(seen)
}

/// In the order in which they came to count, by the clocks of their devices.
fn person_by_person(
    definition: &Definition,
    primary: &Metric,
    ledgers: &[&str],
) -> Result<Vec<MeasureEvidence>, ExperimentError> {
    let mut came: Vec<(Option<i64>, PersonMean)> = Vec::new();
    for ledger in ledgers {
        let mut counts = None;
        read_ledger(definition, ledger, |recorder| {
            let tally = recorder.tally();
            if counts.is_none() {
                let mean = tally.person(definition, primary.measure);
                counts = mean.map(|mean| (tally.last_at_s, mean));
            }
        })?;
        came.extend(counts);
    }
    // Who came in the same second is told apart by the outcome, so that the order of the
    // files does not matter.
    let by_outcome = |it: &PersonMean| (it.difference() * 1e6) as i64;
    came.sort_by_key(|(at_s, mean)| (*at_s, by_outcome(mean)));
    let people: Vec<PersonMean> = came.into_iter().map(|(_, mean)| mean).collect();
    let looks = (1..=people.len()).filter(|&it| is_looked_at(it as u64, people.len() as u64));
    let seen = looks.filter_map(|look| people.get(..look));
    Ok(seen
        .map(|people| MeasureEvidence::of_people(definition, primary, people))
        .collect())
}

/// Every outcome, or one of equal parts of many; always the last.
fn is_looked_at(outcome: u64, of: u64) -> bool {
    let part = |outcome: u64| outcome * LOOKS_MAX / of;
    of <= LOOKS_MAX || part(outcome) > part(outcome - 1)
}

#[cfg(test)]
mod tests {
    use super::{LOOKS_MAX, is_looked_at};

    #[test]
    fn looks_are_few_and_end_with_the_last_outcome() {
        for all in [1, 7, 199, 200, 201, 1_999, 123_457] {
            let looks: Vec<u64> = (1..=all).filter(|&it| is_looked_at(it, all)).collect();
            assert_eq!(looks.len() as u64, all.min(LOOKS_MAX));
            assert_eq!(looks.last(), Some(&all));
        }
    }
}
