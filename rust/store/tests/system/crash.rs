//! A process that is killed at any moment leaves the state before or after what it did.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use pocketune_adapter::Digest;
use pocketune_adapter::fixtures::{at, name, policy, sign_policy};
use pocketune_store::{Situation, Store};

use crate::world::{base, blobs, delivery};

const STORE: &str = "POCKETUNE_CRASHING_STORE";

#[test]
fn forty_kills_lose_nothing() {
    kill(40);
}

#[test]
#[ignore = "takes a minute"]
fn five_hundred_kills_lose_nothing() {
    kill(500);
}

fn kill(times: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut states = [0_u32; 2];
    for _ in 0..times {
        let mut child = start(folder.path());
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        thread::sleep(Duration::from_micros((random >> 33) % 30_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let active = check(folder.path());
        states[usize::from(active)] += 1;
    }
    // The kills came at different moments.
    assert!(
        times < 40 || states.iter().all(|&count| count > 0),
        "{states:?}"
    );
}

/// A process that changes the store without end, and has begun to.
fn start(store: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--ignored", "--nocapture"])
        .env(STORE, store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("begun")));
    child
}

#[test]
#[ignore = "runs in a process of its own, until it is killed"]
fn child() {
    let Some(folder) = std::env::var_os(STORE).map(PathBuf::from) else {
        return;
    };
    let base = base();
    let situation = Situation {
        now: at("2026-11-25T07:00:00Z"),
        base: &base,
        device: None,
    };
    let store = Store::open(&folder).unwrap();
    store
        .pin_policy(&sign_policy(&policy(), &[1, 2]), situation.now)
        .unwrap();
    println!("begun");
    let deliveries = [1, 2].map(|number| {
        delivery(&base, number, |release| {
            release.channel = name(&format!("channel-{number}"));
        })
    });
    loop {
        let [one, two] = deliveries.each_ref().map(|delivery| {
            let installed = store.install(delivery, &situation).unwrap();
            let sha256 = installed.sha256();
            store.activate(&[(sha256, 1.0)], &situation).unwrap();
            sha256
        });
        store.roll_back(&situation).unwrap();
        store.remove(&two, situation.now).unwrap();
        store.deactivate(situation.now).unwrap();
        store.remove(&one, situation.now).unwrap();
    }
}

/// Whether something is active; panics where the store is not whole.
fn check(folder: &Path) -> bool {
    let base = base();
    let situation = Situation {
        now: at("2026-11-25T07:00:00Z"),
        base: &base,
        device: None,
    };
    let store = Store::open(folder).unwrap();
    let installed = store.installed().unwrap();
    let mut expected: Vec<String> = Vec::new();
    for adapter in &installed {
        let file = format!("{}.gguf", adapter.sha256);
        let bytes = fs::read(folder.join("blobs").join(&file)).unwrap();
        assert_eq!(Digest::of(&bytes), adapter.sha256);
        expected.push(file);
    }
    expected.sort();
    assert_eq!(blobs(folder), expected, "no orphan, nothing missing");
    let active = store.active(&situation).unwrap();
    assert!(active.refused.is_empty());
    store.history(u32::MAX).unwrap();
    !active.adapters.is_empty()
}
