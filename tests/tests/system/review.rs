//! What critics leave to a person stays here until somebody agrees and asks.

use pocketune_core::{Error, Purpose, Reviews, StopReason, StoreError};
use serde_json::{Value, json};

use crate::world::World;

/// A reply that the panel leaves to a person: it repeats itself, but not without end.
fn offer(reviews: &Reviews, world: &World, reply: &str) -> Result<Option<String>, Error> {
    let prompt = "Why is the sky blue?";
    reviews.offer_reply(None, prompt, reply, StopReason::EndOfTurn, world.now)
}

const DOUBTFUL: &str = "Because air scatters blue light more than red light (as it does at noon.";
const FINE: &str = "Because air scatters blue light more than red light.";

#[test]
fn nothing_is_kept_or_shared_without_consent() {
    let world = World::new();
    let reviews = world.store.reviews();
    let kept = offer(reviews, &world, DOUBTFUL);
    assert!(matches!(
        kept,
        Err(Error::Store(StoreError::NoConsent {
            purpose: Purpose::Review
        }))
    ));
    world
        .store
        .set_consent(Purpose::Review, true, world.now)
        .unwrap();
    assert_eq!(offer(reviews, &world, FINE).unwrap(), None);
    let id = offer(reviews, &world, DOUBTFUL).unwrap().unwrap();
    let sharing = |result| {
        matches!(
            result,
            Err(Error::Store(StoreError::NoConsent {
                purpose: Purpose::ReviewSharing
            }))
        )
    };
    assert!(sharing(reviews.share(&id, true)));
    assert!(sharing(reviews.export(world.now).map(|_| ())));
    world
        .store
        .set_consent(Purpose::ReviewSharing, true, world.now)
        .unwrap();
    assert_eq!(reviews.export(world.now).unwrap(), "", "none is marked");
    reviews.share(&id, true).unwrap();
    let exported = reviews.export(world.now).unwrap();
    let line: Value = serde_json::from_str(exported.trim_end()).unwrap();
    assert_eq!(line["id"], json!(id));
    assert_eq!(line["reply"], json!(DOUBTFUL));
    assert!(!line["findings"].as_array().unwrap().is_empty());
    let listed = reviews.list().unwrap().remove(0);
    assert_eq!(listed.exported_at, Some(world.now));
    assert_eq!(listed.exchange.reply, DOUBTFUL);
    assert_eq!(json!(listed.exchange.findings), line["findings"]);
    // Taking the first consent back removes all of it.
    world
        .store
        .set_consent(Purpose::Review, false, world.now)
        .unwrap();
    assert!(reviews.list().unwrap().is_empty());
}

#[test]
fn labels_come_in_whole_or_not_at_all() {
    let world = World::new();
    let reviews = world.store.reviews();
    world
        .store
        .set_consent(Purpose::Review, true, world.now)
        .unwrap();
    let id = offer(reviews, &world, DOUBTFUL).unwrap().unwrap();
    let line = |id: &str, annotator: &str, label: &str| {
        json!({ "id": id, "annotator": annotator, "label": label }).to_string() + "\n"
    };
    let good = line(&id, "ann", "pass");
    for (second, is_expected) in [
        (
            line("nobody", "bob", "pass"),
            "nothing is kept for review as",
        ),
        (line(&id, "ann", "fail"), "ann said something else"),
        (line(&id, "bob", "maybe"), "line 2"),
        (line(&id, " ", "pass"), "line 2"),
        ("{".to_owned(), "line 2"),
    ] {
        let refused = reviews.import_labels(&(good.clone() + &second), world.now);
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(is_expected), "{message}");
        assert!(reviews.list().unwrap()[0].labels.is_empty());
    }
    let both = good.clone() + &line(&id, "bob", "fail");
    assert_eq!(reviews.import_labels(&both, world.now).unwrap(), 2);
    assert_eq!(
        reviews.import_labels(&good, world.now).unwrap(),
        1,
        "known already"
    );
    let labels = reviews.list().unwrap().remove(0).labels;
    let said: Vec<_> = labels
        .iter()
        .map(|it| (it.annotator.as_str(), it.label.as_str()))
        .collect();
    assert_eq!(said, [("ann", "pass"), ("bob", "fail")]);
    reviews.forget(&id).unwrap();
    assert!(reviews.list().unwrap().is_empty());
}

#[test]
fn labels_are_told_by_line_field_and_kind() {
    let world = World::new();
    let reviews = world.store.reviews();
    world
        .store
        .set_consent(Purpose::Review, true, world.now)
        .unwrap();
    let id = offer(reviews, &world, DOUBTFUL).unwrap().unwrap();
    let good = json!({ "id": id, "annotator": "ann", "label": "pass" });
    let marked = format!("\u{feff}{good}\r\n\u{feff}\n");
    assert_eq!(reviews.import_labels(&marked, world.now).unwrap(), 1);
    let with = |field: &str, value: Value| {
        let mut line = good.clone();
        line[field] = value;
        line.to_string()
    };
    let pretty = serde_json::to_string_pretty(&good).unwrap();
    for (second, says) in [
        (
            with("label", Value::Null),
            "`label` must be one of pass, fail, found null",
        ),
        (
            with("label", json!(true)),
            "`label` must be one of pass, fail, found true or false",
        ),
        (
            with("label", json!("my own words")),
            "`label` must be one of pass, fail",
        ),
        (
            with("annotator", json!(7)),
            "`annotator` must be text, found a number",
        ),
        (
            with("annotator", json!(" ")),
            "`annotator`: the annotator has no name",
        ),
        (with("at", json!(7)), "unknown field `at`"),
        (
            r#"{"id": "x", "annotator": "ann"}"#.to_owned(),
            "`label` is missing",
        ),
        (format!("[{good}]"), "it must be an object, found a list"),
        (pretty, "each object must stand on one line"),
        ("\n".repeat(20_000), "blank lines"),
        ("x".repeat(2 << 20), "longer than 1048576 bytes"),
    ] {
        let refused = reviews.import_labels(&format!("{good}\n{second}"), world.now);
        let Err(Error::Labels { line, reason }) = refused else {
            panic!("{refused:?}");
        };
        assert!(line == 2 || line == 10_002, "{line}");
        let reason = reason.to_string();
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
        assert!(!reason.contains("own words"), "{reason}");
    }
    let array = reviews
        .import_labels(&format!("[{good}]"), world.now)
        .unwrap_err();
    assert!(array.to_string().contains("JSON array"), "{array}");
}
