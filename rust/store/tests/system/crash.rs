//! A process that is killed at any moment leaves the state before or after what it did.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use pocketune_adapter::fixtures::{at, name, policy, sign_policy};
use pocketune_adapter::{BaseIdentity, Digest};
use pocketune_store::{Situation, StoreFolder};

use crate::world::{base, blobs, delivery};

const STORE: &str = "POCKETUNE_CRASHING_STORE";
const NOW: &str = "2026-11-25T07:00:00Z";

#[test]
fn forty_kills_lose_nothing() {
    kill(40);
}

#[test]
#[ignore = "takes a minute: scripts/test-long.sh runs it"]
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
    start_test("crash::child", store)
}

fn start_test(name: &str, store: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
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
    let situation = situation(&base);
    let store = opened(&folder);
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

#[test]
fn twenty_kills_while_damage_is_mended() {
    kill_mending(20);
}

#[test]
#[ignore = "takes half a minute: scripts/test-long.sh runs it"]
fn two_hundred_kills_while_damage_is_mended() {
    kill_mending(200);
}

/// Kills a process that damages an active adapter's file and installs it again, over and over
/// in one store. Whatever is left, the store opens and lists, the adapter is whole or refused
/// as damaged, and installing it once more mends it.
fn kill_mending(times: u64) {
    let folder = tempfile::tempdir().unwrap();
    let base = base();
    let situation = situation(&base);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut found_damaged = 0;
    for _ in 0..times {
        let mut child = start_test("crash::mending_child", folder.path());
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        thread::sleep(Duration::from_micros((random >> 33) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = StoreFolder::open(folder.path()).unwrap();
        assert_eq!(store.installed().unwrap().len(), 1);
        let active = store.active(&situation).unwrap();
        for refused in &active.refused {
            assert_eq!(refused.refusal.reason(), "damaged");
            found_damaged += 1;
        }
        store
            .install(&delivery(&base, 1, |_| ()), &situation)
            .unwrap();
        assert_eq!(store.active(&situation).unwrap().adapters.len(), 1);
    }
    // The kills came at different moments.
    assert!(
        times < 100 || (0 < found_damaged && found_damaged < times),
        "{found_damaged}"
    );
}

#[test]
#[ignore = "runs in a process of its own, until it is killed"]
fn mending_child() {
    let Some(folder) = std::env::var_os(STORE).map(PathBuf::from) else {
        return;
    };
    let base = base();
    let situation = situation(&base);
    let store = opened(&folder);
    let delivery = delivery(&base, 1, |_| ());
    let install = || {
        let installed = store.install(&delivery, &situation).unwrap().sha256();
        store.activate(&[(installed, 1.0)], &situation).unwrap();
        installed
    };
    let installed = install();
    println!("begun");
    let path = folder.join(format!("blobs/{installed}.gguf"));
    for round in 0_usize.. {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..round % bytes.len()]).unwrap();
        install();
    }
}

/// A disk that fills up in the middle: each call does all or nothing and says why, what was
/// there is there, and when there is room again everything goes on.
#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    // A file system of its own where that is allowed, or else a limit on the size of files,
    // whose signal is ignored so that writing fails instead.
    let script = r#"
        if unshare --user --map-root-user --mount true 2>/dev/null; then
            exec unshare --user --map-root-user --mount sh -c \
                'mount -t tmpfs -o size=512k none "$1" && shift && exec "$@"' sh "$@"
        fi
        shift
        trap '' XFSZ
        ulimit -f 300
        exec "$@"
    "#;
    let ran = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder.path())
        .arg(program)
        .args([
            "crash::filling_child",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(STORE, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && said.contains("filled up"),
        "{ran:?}"
    );
}

#[test]
#[ignore = "runs in a process of its own, on a small disk"]
fn filling_child() {
    let Some(folder) = std::env::var_os(STORE).map(PathBuf::from) else {
        return;
    };
    let base = base();
    let situation = situation(&base);
    let store = opened(&folder);
    let mut installed = Vec::new();
    let full = loop {
        let number = u8::try_from(installed.len() + 1).unwrap();
        let delivery = delivery(&base, number, |release| {
            release.channel = name(&format!("channel-{number}"));
        });
        match store.install(&delivery, &situation) {
            Ok(adapter) => installed.push(adapter.sha256()),
            Err(error) => break error,
        }
    };
    println!("filled up after {}: {full:?}", installed.len());
    let listed = || {
        let installed = store.installed().unwrap().into_iter();
        let mut listed: Vec<Digest> = installed.map(|adapter| adapter.sha256).collect();
        listed.sort();
        listed
    };
    let mut expected = installed.clone();
    expected.sort();
    assert_eq!(listed(), expected);
    for sha256 in &installed {
        let bytes = fs::read(folder.join(format!("blobs/{sha256}.gguf"))).unwrap();
        assert_eq!(Digest::of(&bytes), *sha256);
    }
    assert_eq!(blobs(&folder).len(), installed.len(), "no half file");
    // What is there can be used, though nobody can note how late it is.
    let wanted = [(installed[0], 1.0)];
    let later = Situation {
        now: at("2026-11-26T07:00:00Z"),
        ..situation
    };
    store.active(&later).unwrap();
    assert_eq!(store.verified(&wanted, &later).unwrap().len(), 1);
    // Room again.
    let spare = folder.join("blobs").join(format!("{}.gguf", installed[0]));
    fs::remove_file(spare).unwrap();
    let store = StoreFolder::open(&folder).unwrap();
    store.active(&situation).unwrap();
    store.history(10).unwrap();
}

/// The store with the honest policy.
fn opened(folder: &Path) -> StoreFolder {
    let store = StoreFolder::open(folder).unwrap();
    let policy = sign_policy(&policy(), &[1, 2]);
    store.pin_policy(&policy, at(NOW)).unwrap();
    store
}

fn situation(base: &BaseIdentity) -> Situation<'_> {
    Situation {
        now: at(NOW),
        base,
        device: None,
    }
}

/// Whether something is active; panics where the store is not whole.
fn check(folder: &Path) -> bool {
    let base = base();
    let situation = situation(&base);
    let store = StoreFolder::open(folder).unwrap();
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
