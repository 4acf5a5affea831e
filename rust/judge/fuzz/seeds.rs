//! Writes sound inputs of a target, named by the last part of the directory, as seeds
//! into it: `cargo run --bin seeds -- corpus/reward_head`.

use std::path::PathBuf;

use pocketune_judge::experiment::{Arm, Definition, Event, Measure, Outcome, Pick, Recorder};
use pocketune_judge::reward::{
    Comparison, ComparisonsBuilder, FeatureSource, Reply, TrainingOptions, train,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const DEFINITION: &str = include_str!("definition.json");

fn main() -> Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    let target = directory.file_name().unwrap_or_default().to_owned();
    let seed = match target.to_str() {
        Some("reward_head") => head()?,
        Some("suite") => SUITE.as_bytes().to_vec(),
        Some("ledger") => format!("{DEFINITION}\n{}", ledger()).into_bytes(),
        _ => summary()?,
    };
    std::fs::write(directory.join("sound"), seed)?;
    Ok(())
}

const SUITE: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"q","choices":["a","b"],"answer":1}
{"form":"preference","id":"b","kind":"l","licence":"MIT","source":"s","prompt":"p","chosen":"ab","rejected":"ba"}
"#;

fn events() -> Vec<Event> {
    let outcome = |measure, outcome| Event::Outcome {
        unit: "u".to_owned(),
        measure,
        outcome,
        at_s: 2,
    };
    let scores = Outcome::Pair {
        incumbent: 0.5,
        challenger: 0.75,
    };
    vec![
        Event::exposure("u", Arm::Challenger, 1),
        outcome(Measure::Pick, Outcome::Pick(Pick::Challenger)),
        outcome(Measure::CriticScore, scores),
        Event::End { at_s: 3 },
    ]
}

fn ledger() -> String {
    events().iter().map(|event| event.line() + "\n").collect()
}

fn summary() -> Result<Vec<u8>> {
    let mut recorder = Recorder::new(Definition::parse(DEFINITION.as_bytes())?)?;
    for event in events() {
        recorder.take(&event)?;
    }
    Ok(serde_json::to_vec(recorder.tally())?)
}

/// A head of two features for the model that the target asks for.
fn head() -> Result<Vec<u8>> {
    let mut builder = ComparisonsBuilder::new(2);
    for number in 0..8_u8 {
        let place = f32::from(number);
        let mut reply = |name: &str, features| {
            builder.reply(Reply {
                id: format!("{name}{number}"),
                features,
                tokens: 1,
            })
        };
        let chosen = reply("a", vec![place + 1.0, place])?;
        let rejected = reply("b", vec![place, place])?;
        builder.comparison(Comparison {
            id: number.to_string(),
            group: number.to_string(),
            annotator: "ann".to_owned(),
            chosen,
            rejected,
            tie: false,
        })?;
    }
    let source = FeatureSource {
        base_sha256: [7; 32],
        layer: 1,
    };
    let trained = train(&builder.build(8)?, source, &TrainingOptions::default())?;
    Ok(trained.head.to_gguf()?)
}
