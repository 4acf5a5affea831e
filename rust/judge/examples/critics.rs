//! What the critics' ruling on one reply costs.
//!
//!     cargo run --release --package pocketune-judge --example critics
//!
//! Exits with 1 where a reply of 200 words takes the default panel a millisecond or more
//! (median of 200 times), or where hostile texts of ten times the length take more than
//! thirty times as long. Figures count only while nothing else computes.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use pocketune_judge::critic::{Critic, Exchange, Expectation, Panel, ReplyEnd};

#[path = "../tests/critics/hostile.rs"]
mod hostile;

const BAR_US: f64 = 1_000.0;
const GROWTH_MAX: f64 = 30.0;
/// Shorter times say nothing about growth.
const MEASURABLE_US: f64 = 1_000.0;

fn main() -> ExitCode {
    let panel = Panel::default();
    let expect = Expectation::default();
    let exchange = Exchange {
        system: None,
        context: Some(
            "The meeting is at 3 pm on Tuesday with Anna Berg in room 204. It costs 20 dollars.",
        ),
        prompt: "How do I look after a sourdough starter, and what should I avoid?",
        reply: include_str!("../tests/critics/reply_of_200_words.txt"),
        end: ReplyEnd::Natural,
        expect: &expect,
    };
    let cost_us = median_us(200, || drop(panel.judge(&exchange)));
    println!("panel, 200 words  {cost_us:8.0} us");
    for critic in Critic::ALL {
        let cost_us = median_us(200, || drop(critic.check(&exchange)));
        println!("  {:18}{cost_us:6.0} us", critic.name());
    }
    let mut most: f64 = 0.0;
    for (short, long) in hostile::hostile(10_000)
        .iter()
        .zip(hostile::hostile(100_000))
    {
        let [few_us, many_us] = [short, &long].map(|text| {
            let everywhere = Exchange {
                context: Some(text),
                prompt: text,
                reply: text,
                ..exchange
            };
            median_us(3, || drop(panel.judge(&everywhere)))
        });
        if many_us > MEASURABLE_US {
            most = most.max(many_us / few_us);
        }
    }
    println!("hostile texts of 100 kB take at most {most:.0} times those of 10 kB");
    match cost_us < BAR_US && most <= GROWTH_MAX {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn median_us(times: usize, work: impl Fn()) -> f64 {
    let mut each: Vec<f64> = (0..times)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    each.sort_unstable_by(f64::total_cmp);
    each[times / 2]
}
