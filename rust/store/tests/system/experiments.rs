//! Ledgers of experiments lose nothing that was acknowledged.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use pocketune_adapter::fixtures::at;
use pocketune_store::{Appended, StoreError, StoreFolder, StoredRun};

const LEDGER: &str = "POCKETUNE_CRASHING_LEDGER";
const EXPERIMENT: &str = "e";

#[test]
fn kills_lose_no_event_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..25_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["experiments::child", "--exact", "--ignored", "--nocapture"])
            .env(LEDGER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = thread::spawn(move || {
            let numbers = lines.map_while(Result::ok);
            numbers
                .filter_map(|line| line.strip_prefix("wrote ")?.parse().ok())
                .last()
        });
        thread::sleep(Duration::from_millis(15 + (round * 7_919) % 40));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = reader.join().unwrap().unwrap_or(acknowledged);
        let found = ledger(folder.path());
        assert!(
            found.len() as u64 >= acknowledged,
            "{} of {acknowledged}",
            found.len()
        );
        // Whole pairs, in their order, each once.
        assert_eq!(found.len() % 2, 0);
        let expected: Vec<String> = (0..found.len()).map(|number| number.to_string()).collect();
        assert_eq!(found, expected);
    }
    assert!(acknowledged > 0, "the kills came too early to say anything");
}

fn ledger(folder: &Path) -> Vec<String> {
    let store = StoreFolder::open(folder).unwrap();
    let started = store.experiments().unwrap().pop();
    let run = started.map(|it| it.run).unwrap_or_default();
    let events = store.events(&read_to(&run, 0)).unwrap_or_default();
    events.into_iter().map(|event| event.line).collect()
}

fn read_to(run: &str, last: i64) -> StoredRun<'_> {
    StoredRun {
        experiment: EXPERIMENT,
        run,
        last,
    }
}

fn start(store: &StoreFolder) -> String {
    store
        .start_experiment(EXPERIMENT, b"{}", at("2026-11-25T07:00:00Z"))
        .unwrap()
}

#[test]
#[ignore = "runs in a process of its own, until it is killed"]
fn child() {
    let Some(folder) = std::env::var_os(LEDGER).map(PathBuf::from) else {
        return;
    };
    let store = StoreFolder::open(&folder).unwrap();
    let run = start(&store);
    let events = store.events(&read_to(&run, 0)).unwrap();
    let mut place = events.last().map_or(0, |event| event.place);
    for number in (events.len()..).step_by(2) {
        // Both or none.
        let pair = [number.to_string(), (number + 1).to_string()];
        let appended = store.append_events(&read_to(&run, place), &pair);
        let Appended::At(next, ()) = appended.unwrap() else {
            panic!("nobody else writes");
        };
        place = next;
        println!("wrote {}", number + 2);
    }
}

#[test]
fn who_has_not_read_everything_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreFolder::open(folder.path()).unwrap();
    let line = ["x".to_owned()];
    let unknown = store.append_events(&read_to("", 0), &line);
    assert!(matches!(unknown, Err(StoreError::NoExperiment { .. })));
    let run = start(&store);
    let appended = store.append_events(&read_to(&run, 0), &line).unwrap();
    let Appended::At(place, ()) = appended else {
        panic!("nothing was written before");
    };
    let again = store.append_events(&read_to(&run, 0), &line).unwrap();
    assert!(matches!(again, Appended::Behind));
    assert_eq!(store.events(&read_to(&run, 0)).unwrap().len(), 1);
    assert!(store.events(&read_to(&run, place)).unwrap().is_empty());
}

#[test]
fn a_run_that_was_forgotten_is_not_the_one_that_was_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreFolder::open(folder.path()).unwrap();
    let run = start(&store);
    assert_eq!(start(&store), run, "it is the same as long as it is kept");
    let line = ["x".to_owned()];
    store.append_events(&read_to(&run, 0), &line).unwrap();
    store.forget_experiment(EXPERIMENT).unwrap();
    assert_ne!(start(&store), run);
    let old = store.append_events(&read_to(&run, 0), &line);
    assert!(matches!(old, Err(StoreError::NoExperiment { .. })));
    let old = store.events(&read_to(&run, 0));
    assert!(matches!(old, Err(StoreError::NoExperiment { .. })));
}
