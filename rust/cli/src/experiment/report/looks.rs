//! The primary metric's confidence sequence: its interval after each outcome, or after
//! some of them where there are many.

use pocketune_judge::experiment::{
    Definition, ExperimentError, MeasureEvidence, Metric, Tally, read_ledger,
};

use crate::error::CliError;
use crate::experiment::evidence::Evidence;

/// More would not be told apart in a picture.
const LOOKS_MAX: u64 = 200;

pub(super) struct Sequence {
    pub(super) looks: Vec<Look>,
    /// The effect that a promotion needs evidence against.
    pub(super) null: f64,
}

/// What was proven after so many outcomes.
pub(super) struct Look {
    pub(super) outcomes: u64,
    pub(super) effect: Option<f64>,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// `None` without ledgers, since counts have no order, or without an outcome in them.
pub(super) fn sequence(evidence: &Evidence) -> Result<Option<Sequence>, CliError> {
    let definition = &evidence.definition;
    let Some(primary) = definition.primary() else {
        return Ok(None);
    };
    let ledgers = evidence.ledgers.iter().map(|source| source.text());
    let ledgers: Vec<&str> = ledgers.collect::<Result<_, _>>()?;
    let cuts = cuts(definition, primary, &ledgers)?;
    let tallies = tallies(definition, &cuts, &ledgers)?;
    let seen = tallies.iter().map(|tally| {
        let seen = MeasureEvidence::of(definition, primary, tally);
        let look = Look {
            outcomes: seen.outcomes,
            effect: seen.effect,
            low: seen.interval.low,
            high: seen.interval.high,
        };
        (look, seen.null)
    });
    let (looks, nulls): (Vec<Look>, Vec<f64>) = seen.unzip();
    let null = nulls.first().copied();
    Ok(null.map(|null| Sequence { looks, null }))
}

/// How many events of each ledger had happened at one look.
type Cut = Vec<usize>;

/// One event, of all devices in the order of their clocks.
struct Step {
    at_s: i64,
    ledger: usize,
    is_outcome: bool,
}

fn cuts(
    definition: &Definition,
    primary: &Metric,
    ledgers: &[&str],
) -> Result<Vec<Cut>, ExperimentError> {
    let mut steps = Vec::new();
    for (ledger, lines) in ledgers.iter().enumerate() {
        let mut before = 0;
        read_ledger(definition, lines, |recorder| {
            let tally = recorder.tally();
            let outcomes = tally.count(primary.measure);
            steps.push(Step {
                at_s: tally.last_at_s.unwrap_or_default(),
                ledger,
                is_outcome: outcomes > before,
            });
            before = outcomes;
        })?;
    }
    // Stable: a ledger's own events stay in their order.
    steps.sort_by_key(|step| step.at_s);
    let all = steps.iter().filter(|step| step.is_outcome).count() as u64;
    let mut outcomes = 0;
    let mut taken = vec![0; ledgers.len()];
    let mut cuts = Vec::new();
    for step in &steps {
        if let Some(taken) = taken.get_mut(step.ledger) {
            *taken += 1;
        }
        outcomes += u64::from(step.is_outcome);
        if step.is_outcome && is_looked_at(outcomes, all) {
            cuts.push(taken.clone());
        }
    }
    Ok(cuts)
}

/// Every outcome, or one of equal parts of many; always the last.
fn is_looked_at(outcome: u64, of: u64) -> bool {
    let part = |outcome: u64| outcome * LOOKS_MAX / of;
    of <= LOOKS_MAX || part(outcome) > part(outcome - 1)
}

fn tallies(
    definition: &Definition,
    cuts: &[Cut],
    ledgers: &[&str],
) -> Result<Vec<Tally>, ExperimentError> {
    let mut tallies = vec![Tally::new(definition); cuts.len()];
    for (ledger, lines) in ledgers.iter().enumerate() {
        let events_at = |cut: &Cut| cut.get(ledger).copied().unwrap_or_default();
        let at_cuts = cuts.iter().map(events_at).zip(&mut tallies);
        let mut at_cuts = at_cuts.skip_while(|(events, _)| *events == 0).peekable();
        let mut events = 0;
        let mut merged = Ok(());
        read_ledger(definition, lines, |recorder| {
            events += 1;
            while let Some((_, tally)) = at_cuts.next_if(|(at, _)| *at == events) {
                if merged.is_ok() {
                    merged = tally.merge(recorder.tally());
                }
            }
        })?;
        merged?;
    }
    Ok(tallies)
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
