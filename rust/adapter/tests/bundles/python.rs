//! Envelopes that securesystemslib and in-toto made (`tests/reference/dsse_python.py`), which
//! verifies ours there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pocketune_adapter::{Envelope, Predicate, Statement};
use serde::Deserialize;

use crate::world::World;

#[derive(Deserialize)]
struct Made {
    lines: BTreeMap<String, Vec<String>>,
}

fn made() -> (World, BTreeMap<String, Vec<String>>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let json = fs::read(root.join("../../tests/reference/dsse_python.json")).unwrap();
    let world = World::new();
    // What was signed there is what stands there.
    let honest = root.join("tests/fixtures/honest");
    assert_eq!(
        fs::read(honest.join("adapter.gguf")).unwrap(),
        world.adapter
    );
    let bundle = fs::read_to_string(honest.join("adapter.gguf.intoto.jsonl")).unwrap();
    assert_eq!(bundle.lines().collect::<Vec<_>>(), world.lines);
    (world, serde_json::from_slice::<Made>(&json).unwrap().lines)
}

#[test]
fn envelopes_of_securesystemslib_and_in_toto_are_accepted() {
    let (world, made) = made();
    let ours = { world.lines.iter() }.map(|line| predicate(line));
    let ours: Vec<Predicate> = ours.collect();
    for name in ["securesystemslib", "in-toto-attestation"] {
        let lines = &made[name];
        let verified = world.verify(lines.join("\n").as_bytes()).unwrap();
        assert_eq!(verified.signers().len(), 2, "{name}");
        // Built by other classes, to the last bit the same.
        let theirs: Vec<Predicate> = lines.iter().map(|line| predicate(line)).collect();
        assert_eq!(theirs, ours, "{name}");
        // Their names of keys are not ours.
        let envelope = Envelope::parse(lines[0].as_bytes()).unwrap();
        let name = envelope.unverified_key_ids().next().unwrap();
        assert!(!world.lines[0].contains(name));
    }
}

fn predicate(line: &str) -> Predicate {
    let envelope = Envelope::parse(line.as_bytes()).unwrap();
    Statement::unverified(&envelope).unwrap().predicate
}

#[test]
fn what_their_envelopes_say_counts_as_ours_does() {
    let (world, made) = made();
    let verdict = |lines: &[&[String]]| world.verdict(&lines.concat().join("\n"));
    let [both, link, one, strange] =
        ["securesystemslib", "link", "one key", "strangers"].map(|name| made[name].as_slice());
    assert_eq!(verdict(&[link, both]), "accepted");
    assert_eq!(verdict(&[strange, both]), "accepted");
    assert_eq!(verdict(&[strange]), "no_trusted_signature");
    assert_eq!(verdict(&[one, &both[1..]]), "below_release_threshold");
    assert_eq!(verdict(&[&both[..1]]), "no_validation");
}
