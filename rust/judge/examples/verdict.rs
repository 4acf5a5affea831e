//! How long a verdict takes where there is as much to read as can be: every measure, each
//! with every grade in both arms.
//!
//!     cargo run --release --package pocketune-judge --example verdict
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Instant;

use pocketune_judge::experiment::{Definition, Measure, Tally, decide};
use serde_json::{Map, Value, json};

const ROUNDS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    for design in ["side_by_side", "by_conversation"] {
        let measures = Measure::ALL.into_iter().filter(|it| *it != Measure::Pick);
        let measures: Vec<&str> = measures.map(Measure::name).collect();
        let role = |at| if at == 0 { "primary" } else { "guardrail" };
        let metrics = measures.iter().enumerate();
        let metrics: Vec<Value> = metrics
            .map(|(at, measure)| json!({ "measure": measure, "role": role(at) }))
            .collect();
        let definition = json!({
            "format": 1, "id": "verdict", "hypothesis": "None.", "design": design,
            "salt": "verdict",
            "arms": { "incumbent": { "name": "a" }, "challenger": { "name": "b" } },
            "metrics": metrics,
            "limits": { "maxOutcomes": 1_000_000, "maxDays": 28 },
        });
        let definition = Definition::parse(definition.to_string().as_bytes())?;
        let cells = cells(design);
        let outcomes = measures.iter().map(|it| ((*it).to_owned(), cells.clone()));
        let tally = json!({ "experiment": definition.sha256(), "exposures": [9_000, 9_000],
            "startedAtS": 1, "lastAtS": 2, "outcomes": outcomes.collect::<Map<_, _>>() });
        let tally = Tally::parse(tally.to_string().as_bytes(), &definition)?;
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            decide(&definition, &tally, 2, false)?;
        }
        let ms = begin.elapsed().as_secs_f64() * 1e3 / f64::from(ROUNDS);
        println!("{design}: {} metrics, {ms:.0} ms a verdict", measures.len());
    }
    Ok(())
}

/// Every grade, from 1 to 4 times, somewhat better in the challenger.
fn cells(design: &str) -> Value {
    let grades = |times: &dyn Fn(u32) -> u32| -> Map<String, Value> {
        let each = (0..=1_000).map(|grade| (grade.to_string(), times(grade).into()));
        each.collect()
    };
    if design == "by_conversation" {
        let incumbent = grades(&|grade| 1 + grade % 3);
        let challenger = grades(&|grade| 1 + grade % 3 + grade / 700);
        return json!({ "split": { "incumbent": incumbent, "challenger": challenger } });
    }
    let differences: Map<String, Value> = (-1_000..=1_000)
        .map(|difference: i32| (difference.to_string(), 1.into()))
        .collect();
    json!({ "paired": { "differences": differences, "incumbent_sum": 1_000_000,
        "challenger_sum": 1_000_000 } })
}
