//! Replies that are to stay as they are, on a tiny model.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{options, pairs, tiny, tokens, training};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    AnchorOptions, Control, Dataset, DpoOptions, KlLimit, KlProbe, Lora, LoraShape, Objectives,
    Sample, Trainer, Training,
};

/// An anchor holds back what the same steps move without it, and is no sample to learn from.
#[test]
fn an_anchor_keeps_other_replies_where_they_are() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let others: Vec<Sample> = (0..3)
        .map(|seed| Sample::ordinary(tokens(seed + 30, 9), tokens(seed + 70, 8)))
        .collect();
    let run = |anchor: Option<AnchorOptions>| {
        let lora = Lora::new(&model, LoraShape::default(), 1).unwrap();
        let mut objectives = Objectives::dpo(DpoOptions::default());
        objectives.anchor = anchor;
        let dataset = Dataset::new(pairs(), 2, 3);
        let mut trainer = Trainer::new(Training {
            source: match anchor {
                Some(anchor) => Box::new(dataset.beside(others.clone(), anchor.samples)),
                None => Box::new(dataset),
            },
            kl: Some(KlLimit {
                probe: KlProbe::new(&model, others.clone()).unwrap(),
                bound: f64::INFINITY,
                every: 100,
            }),
            ..training(&model, &pool, lora, (Vec::new(), 2), options(objectives))
        })
        .unwrap();
        let control = Control::new();
        let (mut margin, mut samples) = (None, 0);
        for _ in 0..12 {
            let step = trainer.step(&control, |micro| samples = micro.batch);
            margin = step.unwrap().rewards.unwrap().margin;
        }
        (trainer.kl(&control).unwrap(), margin.unwrap(), samples)
    };
    let free = run(None);
    let held = run(Some(AnchorOptions {
        weight: 20.0,
        samples: 2,
    }));
    assert!(
        held.0 < free.0 / 2.0,
        "KL {} without it, {}",
        free.0,
        held.0
    );
    assert!(held.1 > 0.0, "what is preferred is learned all the same");
    assert_eq!((free.2, held.2), (2, 4));
}
