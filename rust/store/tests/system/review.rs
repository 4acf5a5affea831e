//! What waits for a person is kept under consent, within bounds, and goes without a trace.

use std::fs;
use std::path::Path;

use pocketune_adapter::Timestamp;
use pocketune_adapter::fixtures::at;
use pocketune_store::{Purpose, REVIEWS_MAX, ReviewLabel, StoreError, StoreFolder};

fn now() -> Timestamp {
    at("2026-11-25T07:00:00Z")
}

fn agreed(folder: &Path) -> StoreFolder {
    let store = StoreFolder::open(folder).unwrap();
    for purpose in [Purpose::Review, Purpose::ReviewSharing] {
        store.set_consent(purpose, true, now()).unwrap();
    }
    store
}

fn shared(store: &StoreFolder) -> Vec<String> {
    store.export_reviews(now(), |item| Ok(item.id)).unwrap()
}

#[test]
fn a_mark_for_sharing_does_not_outlive_the_consent_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = agreed(folder.path());
    store.keep_for_review("a", "{}", now()).unwrap();
    store.share_review("a", true).unwrap();
    assert_eq!(shared(&store), ["a"]);
    for given in [false, true] {
        store
            .set_consent(Purpose::ReviewSharing, given, now())
            .unwrap();
    }
    assert!(shared(&store).is_empty());
}

#[test]
fn what_was_removed_is_in_no_file() {
    let secret = "a reply that nobody is to find again";
    let holds = |folder: &Path| {
        fs::read_dir(folder).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            path.is_file() && {
                let bytes = fs::read(path).unwrap();
                bytes
                    .windows(secret.len())
                    .any(|it| it == secret.as_bytes())
            }
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let store = agreed(folder.path());
    store.keep_for_review("a", secret, now()).unwrap();
    assert!(holds(folder.path()));
    store.forget_review("a").unwrap();
    assert!(!holds(folder.path()), "after it was forgotten");
    store.keep_for_review("a", secret, now()).unwrap();
    store.set_consent(Purpose::Review, false, now()).unwrap();
    assert!(!holds(folder.path()), "after consent was taken back");
}

#[test]
fn the_earliest_that_nobody_needs_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = agreed(folder.path());
    for number in 0..REVIEWS_MAX {
        let id = number.to_string();
        store.keep_for_review(&id, "{}", now()).unwrap();
    }
    store.share_review("0", true).unwrap();
    let label = ReviewLabel {
        annotator: "ann".to_owned(),
        label: "pass".to_owned(),
    };
    store
        .label_reviews(&[("1".to_owned(), label)], now())
        .unwrap();
    store.keep_for_review("new", "{}", now()).unwrap();
    let kept = store.reviews().unwrap();
    assert_eq!(kept.len(), REVIEWS_MAX as usize);
    let ids: Vec<_> = kept.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids[..3], ["0", "1", "3"]);
    assert_eq!(*ids.last().unwrap(), "new");
}

#[test]
fn what_could_not_be_read_was_not_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = agreed(folder.path());
    store.keep_for_review("a", "{}", now()).unwrap();
    store.share_review("a", true).unwrap();
    let unread = store.export_reviews(now(), |_| -> Result<(), StoreError> {
        Err(StoreError::Damaged { what: "an item" })
    });
    assert!(unread.is_err());
    assert_eq!(store.reviews().unwrap()[0].exported_at, None);
}
