//! What a simulated experiment's outcomes come from: rates, or items. What could give no
//! verdict is refused, so that no table says "promoted 0 %" of a forgotten flag.

use std::collections::BTreeMap;
use std::path::Path;

use pocketune_base::json::Nulls;
use pocketune_judge::experiment::{Definition, Measure, Outcome, Outcomes, Role};

use super::evidence::Source;
use crate::error::CliError;

/// The range of measures that are 0 or 1, or between.
const SHARES: [f64; 2] = [0.0, 1.0];

/// Why outcomes cannot be made up for a definition.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    #[error("--rate takes MEASURE=INCUMBENT:CHALLENGER, such as pick=0.4:0.6")]
    RateForm,
    #[error("--rate {name}: there is no such measure; there are {}", known())]
    MeasureUnknown { name: String },
    #[error("--rate {measure}: the definition has no such metric; it has {taken}")]
    MeasureNotTaken { measure: Measure, taken: String },
    #[error(
        "--rate {measure}: a rate says how often an outcome is 1, and {measure} is compared from \
         {low} to {high}; draw it from --items"
    )]
    NoShare {
        measure: Measure,
        low: f64,
        high: f64,
    },
    #[error("the primary metric {measure} gets no outcomes: {}", way_out(*.measure, *.range))]
    PrimaryWithoutOutcomes { measure: Measure, range: [f64; 2] },
    #[error(
        "the guardrail {measure} gets no outcomes, and without them nothing is ever promoted: {}",
        way_out(*.measure, *.range)
    )]
    GuardrailWithoutOutcomes { measure: Measure, range: [f64; 2] },
}

/// Outcomes at the rates of `--rate`.
pub(super) fn rates(given: &[String], definition: &Definition) -> Result<Outcomes, WorldError> {
    let each = given.iter().map(|text| rate(text, definition));
    let rates = each.collect::<Result<BTreeMap<_, _>, _>>()?;
    reach(definition, |measure| rates.contains_key(&measure))?;
    Ok(Outcomes::Rates(rates))
}

/// Outcomes drawn from the lines of a file.
pub(super) fn items(path: &Path, definition: &Definition) -> Result<Outcomes, CliError> {
    let source = Source::read("items", path)?;
    let items: Vec<BTreeMap<Measure, Outcome>> =
        source.each(|line| line.read(Nulls::Refused).map_err(|error| source.bad(error)))?;
    if !items.is_empty() {
        let has = |measure| items.iter().any(|item| item.contains_key(&measure));
        reach(definition, has)?;
    }
    Ok(Outcomes::Items(items))
}

fn rate(text: &str, definition: &Definition) -> Result<(Measure, [f64; 2]), WorldError> {
    let (name, rates) = text.split_once('=').ok_or(WorldError::RateForm)?;
    let (incumbent, challenger) = rates.split_once(':').ok_or(WorldError::RateForm)?;
    let number = |text: &str| text.parse().map_err(|_| WorldError::RateForm);
    let rates = [number(incumbent)?, number(challenger)?];
    let mut all = Measure::ALL.into_iter();
    let measure = all.find(|measure| measure.name() == name);
    let measure = measure.ok_or_else(|| WorldError::MeasureUnknown {
        name: name.to_owned(),
    })?;
    let metric = definition.metric(measure);
    let metric = metric.ok_or_else(|| WorldError::MeasureNotTaken {
        measure,
        taken: names(definition.metrics.iter().map(|metric| metric.measure)),
    })?;
    match metric.range() {
        SHARES => Ok((measure, rates)),
        [low, high] => Err(WorldError::NoShare { measure, low, high }),
    }
}

/// Whether outcomes come for all that a verdict needs.
fn reach(definition: &Definition, comes: impl Fn(Measure) -> bool) -> Result<(), WorldError> {
    let mut missing = definition.metrics.iter().filter(|it| !comes(it.measure));
    let lacks = missing.find_map(|metric| {
        let (measure, range) = (metric.measure, metric.range());
        match metric.role {
            Role::Primary => Some(WorldError::PrimaryWithoutOutcomes { measure, range }),
            Role::Guardrail => Some(WorldError::GuardrailWithoutOutcomes { measure, range }),
            Role::Secondary => None,
        }
    });
    lacks.map_or(Ok(()), Err)
}

/// The flags that bring outcomes of a measure.
fn way_out(measure: Measure, range: [f64; 2]) -> String {
    match range {
        SHARES => format!(
            "add --rate {measure}=INCUMBENT:CHALLENGER, or give --items that have {measure}"
        ),
        _ => format!("give --items that have {measure}"),
    }
}

fn known() -> String {
    names(Measure::ALL.into_iter())
}

fn names(measures: impl Iterator<Item = Measure>) -> String {
    let names: Vec<&str> = measures.map(Measure::name).collect();
    names.join(", ")
}
