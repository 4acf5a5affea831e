//! How long a good adapter takes to be accepted among strangers' lines:
//!
//!     cargo run --release -p pocketune-adapter --example strangers
//!
//! Bundles of a thousand lines that others signed, and the delivery's own two at their end;
//! and, to see the worst, of as many signatures as fit. Median of 11 verifications each.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "for a person at a terminal"
)]

#[path = "../tests/bundles/world.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with tests")]
mod world;

use std::time::Instant;

use pocketune_adapter::fixtures::key;
use serde_json::{Value, json};
use world::{World, crowded, under_the_name};

fn main() {
    let world = World::new();
    let about = |type_: &str| world.statement(type_, json!({}));
    let validation = about("https://pocketune.dev/attestation/validation/v1");
    let release = about("https://pocketune.dev/attestation/release/v1");
    let provenance = about("https://slsa.dev/provenance/v1");
    let mut of_others = provenance.clone();
    of_others["subject"][0]["digest"]["sha256"] = "0".repeat(64).into();
    let alone = world.lines.join("\n");
    tell(&world, "nothing but its own", &alone);
    for (names, called) in [(None, "own names"), (Some(""), "no names")] {
        let shapes: [(&str, &Value, usize); 5] = [
            ("of other files", &of_others, 1),
            ("of the adapter", &provenance, 1),
            ("validations", &validation, 1),
            ("releases, 2 signatures", &release, 2),
            ("validations, 16 signatures", &validation, 16),
        ];
        for (what, line, signatures) in shapes {
            let bundle = crowded(&world, line, signatures, names);
            tell(&world, &format!("{what}; {called}"), &bundle);
        }
    }
    let bundle = crowded(&world, &validation, 16, None);
    let (strange, own) = bundle.split_at(bundle.len() - alone.len());
    let name = key(21).public().id().to_string();
    let forged: Vec<String> = { strange.lines() }
        .map(|line| under_the_name(line, &name))
        .collect();
    let bundle = format!("{}\n{own}", forged.join("\n"));
    tell(&world, "the same under our key's name", &bundle);
}

fn tell(world: &World, what: &str, bundle: &str) {
    let mut times: Vec<f64> = (0..11)
        .map(|_| {
            let start = Instant::now();
            let verdict = world.verdict(bundle);
            assert_eq!(verdict, "accepted");
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (lines, bytes) = (bundle.lines().count(), bundle.len());
    println!(
        "{:8.1} ms  {lines:5} lines  {bytes:8} bytes  {what}",
        times[5]
    );
}
