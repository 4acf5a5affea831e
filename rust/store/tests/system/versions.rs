//! Stores as each version of the schema left them, written by the program of that time, are
//! opened for ever after with all that was in them.
//!
//! A new version gets a folder of its own: `scripts/store-fixture.sh`.

use std::fs;
use std::path::{Path, PathBuf};

use pocketune_adapter::fixtures::{at, key};
use pocketune_adapter::{BaseIdentity, Digest};
use pocketune_store::{Action, Purpose, ReviewLabel, Situation, StoreFolder, StoredRun};
use rusqlite::Connection;

use crate::world::{self, World, reason};

const CURRENT: i64 = 5;

const MODEL: &str = "7634dff352c791fc2b00640f9d4ddde6534785f516c3cc1e9c56dea532aa9e4d";
const TOKENIZER: &str = "eb8fea32978e53ae96b3b3133873dd044d81547ac914acdde78b4c8683974d98";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("blobs")).unwrap();
    fs::copy(from.join("store.sqlite"), to.join("store.sqlite")).unwrap();
    for entry in fs::read_dir(from.join("blobs")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("blobs").join(entry.file_name())).unwrap();
    }
}

/// The model that all of them are for. The tiny model of tests may change, these do not.
fn base() -> BaseIdentity {
    BaseIdentity {
        sha256: Digest::from_hex(MODEL).unwrap(),
        tokenizer_sha256: Digest::from_hex(TOKENIZER).unwrap(),
        ..world::base()
    }
}

fn version(database: &Path) -> i64 {
    let connection = Connection::open(database).unwrap();
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    version.unwrap()
}

#[test]
fn each_version_has_a_fixture() {
    for number in 1..=CURRENT {
        let path = fixtures().join(format!("v{number}/store.sqlite"));
        assert_eq!(version(&path), number);
    }
    let folder = tempfile::tempdir().unwrap();
    drop(StoreFolder::open(folder.path()).unwrap());
    assert_eq!(version(&folder.path().join("store.sqlite")), CURRENT);
}

#[test]
fn stores_of_all_versions_open_with_all_that_was_in_them() {
    let base = base();
    for number in 1..=CURRENT {
        let folder = tempfile::tempdir().unwrap();
        copy(&fixtures().join(format!("v{number}")), folder.path());
        let store = StoreFolder::open(folder.path()).unwrap();
        assert_eq!(version(&folder.path().join("store.sqlite")), CURRENT);
        let device = key(31).public();
        let situation = Situation {
            now: at("2026-11-26T07:00:00Z"),
            base: &base,
            device: Some(&device),
        };

        assert_eq!(store.policy().unwrap().version(), 1);
        let installed = store.installed().unwrap();
        let releases: Vec<_> = { installed.iter() }
            .map(|one| (one.channel.as_str(), one.version))
            .collect();
        assert_eq!(releases, [("stable", 1), ("stable", 2), ("tone", 9)]);
        let active = store.active(&situation).unwrap();
        assert!(active.refused.is_empty(), "{:?}", active.refused);
        assert_eq!(active.adapters[0].adapter.sha256(), installed[1].sha256);
        let before = store.roll_back(&situation).unwrap();
        assert_eq!(before[0].adapter.sha256(), installed[0].sha256);
        assert_eq!(before[0].scale, 0.5);
        let history = store.history(100).unwrap();
        let refused = { history.iter() }.find(|entry| entry.action == Action::Refused);
        assert_eq!(refused.unwrap().reason.as_deref(), Some("rollback"));
        let clock = store.clock_behind_s(at("2026-11-25T06:59:50Z")).unwrap();
        assert!(clock >= 10);
        assert!(store.base_norms(&base.sha256).unwrap().is_some());
        // Marks hold, and who signed them is known.
        let connection = Connection::open(folder.path().join("store.sqlite")).unwrap();
        let signed: i64 = connection
            .query_row(
                "SELECT count(*) FROM high_water WHERE instr(signers, ?1) AND instr(signers, ?2)",
                [11, 12].map(|number| key(number).public().id().to_string()),
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(signed, 2, "version {number}");
        if number >= 2 {
            check_experiments(&store);
        }
    }
}

fn check_experiments(store: &StoreFolder) {
    let experiments = store.experiments().unwrap();
    let [experiment] = experiments.as_slice() else {
        panic!("{experiments:?}");
    };
    assert!(!experiment.run.is_empty());
    let run = StoredRun {
        experiment: &experiment.sha256,
        run: &experiment.run,
        last: 0,
    };
    let events = store.events(&run).unwrap();
    let lines: Vec<&str> = events.iter().map(|event| event.line.as_str()).collect();
    assert_eq!(lines, ["one", "two"]);
    assert!(store.has_consent(Purpose::ReviewSharing).unwrap());
    let reviews = store.reviews().unwrap();
    assert_eq!(reviews[0].id, "first");
    assert!(reviews[0].shared);
    assert_eq!(reviews[0].labels[0].annotator, "ann");
}

#[test]
#[ignore = "scripts/store-fixture.sh runs it"]
fn write() {
    let world = World::new();
    let one = world.install(1, 1).unwrap();
    let two = world.install(2, 2).unwrap();
    world.install_in("tone", 4, 9).unwrap();
    let activate = |wanted| world.store.activate(&[wanted], &world.situation()).unwrap();
    activate((one, 0.5));
    activate((two, 1.0));
    assert_eq!(reason(world.install(3, 1)), "rollback");
    let (store, now) = (&world.store, world.now);
    store
        .keep_base_norms(&world.base.sha256, &world.base.norms)
        .unwrap();
    for purpose in [Purpose::Review, Purpose::ReviewSharing] {
        store.set_consent(purpose, true, now).unwrap();
    }
    let asked = "{\"prompt\":\"Is ice cold?\"}";
    store.keep_for_review("first", asked, now).unwrap();
    store.share_review("first", true).unwrap();
    let label = ReviewLabel {
        annotator: "ann".to_owned(),
        label: "good".to_owned(),
    };
    store
        .label_reviews(&[("first".to_owned(), label)], now)
        .unwrap();
    let run = store.start_experiment("experiment", b"{}", now).unwrap();
    let run = StoredRun {
        experiment: "experiment",
        run: &run,
        last: 0,
    };
    let lines = ["one", "two"].map(str::to_owned);
    store.append_events(&run, &lines).unwrap();
    let World { folder, store, .. } = world;
    drop(store);
    copy(folder.path(), &fixtures().join(format!("v{CURRENT}")));
    assert_eq!(world::base().sha256, base().sha256);
    assert_eq!(world::base().tokenizer_sha256, base().tokenizer_sha256);
}
