//! What apps see of a failure holds no path: folders are named by people, and reports of
//! errors leave the device.
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use pocketune_ffi::{
    Chat, ChatOptions, Engine, EngineOptions, ModelSource, PocketuneError, Store, estimate_memory,
    inspect_model,
};
use pocketune_gguf::fixtures::TinyModel;
use tempfile::TempDir;

use common::wait;

/// What no message may hold.
const TELLING: &str = "Anna-Berger-diary";

/// Everything that was logged.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collects;

impl log::Log for Collects {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

fn options(cache: Option<&Path>) -> EngineOptions {
    EngineOptions {
        context_tokens: Some(64),
        threads: Some(1),
        batch_tokens: 32,
        micro_batch_tokens: 32,
        kv_cache_type: None,
        full_sliding_window: true,
        use_mmap: true,
        kv_limit_bytes: None,
        ignore_memory_estimate: true,
        cache_directory: cache.map(text),
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A folder with a telling name, and an engine on a model in it.
struct Home {
    folder: PathBuf,
    engine: Arc<Engine>,
    _around: TempDir,
}

impl Home {
    fn new() -> Self {
        let _ = log::set_logger(&Collects);
        log::set_max_level(log::LevelFilter::Trace);
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join(TELLING);
        fs::create_dir(&folder).unwrap();
        let model = folder.join("model.gguf");
        fs::write(&model, TinyModel::llama().build().unwrap()).unwrap();
        let source = ModelSource::Path { path: text(&model) };
        Self {
            engine: wait(Engine::load(source, options(None), None)).unwrap(),
            folder,
            _around: around,
        }
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.join(name))
    }

    fn chat(&self) -> Arc<Chat> {
        let chat = self.engine.chat(ChatOptions {
            system_prompt: None,
            history: Vec::new(),
            template: None,
            overflow: None,
        });
        chat.unwrap()
    }

    fn store(&self, name: &str) -> Result<Arc<Store>, PocketuneError> {
        let engine = Arc::clone(&self.engine);
        wait(Store::open(self.path(name), Some(engine), None))
    }
}

#[track_caller]
fn failed<T>(outcome: Result<T, PocketuneError>) {
    let Err(error) = outcome else {
        panic!("it did not fail");
    };
    for said in [error.to_string(), format!("{error:?}")] {
        assert!(!said.contains(TELLING), "{said}");
    }
}

fn nothing_was_logged() {
    let logged = LOGGED.lock().unwrap();
    let telling = logged.iter().find(|line| line.contains(TELLING));
    assert_eq!(telling, None);
}

#[test]
fn models_that_cannot_be_used_are_not_named() {
    let home = Home::new();
    fs::create_dir(home.folder.join("folder")).unwrap();
    fs::write(home.folder.join("no.gguf"), b"no model").unwrap();
    fs::write(home.folder.join("empty.gguf"), b"").unwrap();
    let whole = TinyModel::llama().build().unwrap();
    fs::write(home.folder.join("cut.gguf"), &whole[..whole.len() / 2]).unwrap();
    std::os::unix::fs::symlink("loop.gguf", home.folder.join("loop.gguf")).unwrap();
    let long = "n".repeat(300);
    for name in [
        "missing.gguf",
        "missing/model.gguf",
        "model.gguf/below",
        "folder",
        "no.gguf",
        "empty.gguf",
        "cut.gguf",
        "loop.gguf",
        "nul\0.gguf",
        &long,
    ] {
        let source = || ModelSource::Path {
            path: home.path(name),
        };
        failed(wait(Engine::load(source(), options(None), None)));
        failed(wait(inspect_model(source())));
        failed(wait(estimate_memory(source(), options(None))));
    }
    let folder = fs::File::open(&home.folder).unwrap();
    let source = ModelSource::Descriptor {
        fd: folder.as_raw_fd(),
    };
    failed(wait(Engine::load(source, options(None), None)));
    nothing_was_logged();
}

#[test]
fn stores_that_cannot_be_used_are_not_named() {
    let home = Home::new();
    let store = |name: &str| home.folder.join(name);
    fs::write(store("a file"), b"").unwrap();
    for name in ["damaged", "folder", "blobs", "truncated", "older"] {
        fs::create_dir(store(name)).unwrap();
    }
    fs::write(store("damaged/store.sqlite"), [7; 5000]).unwrap();
    fs::create_dir(store("folder/store.sqlite")).unwrap();
    fs::write(store("blobs/blobs"), b"no folder").unwrap();
    std::os::unix::fs::symlink("nowhere/at/all", store("truncated/store.sqlite")).unwrap();
    std::os::unix::fs::symlink("blobs.lock", store("older/blobs.lock")).unwrap();
    for name in [
        "a file",
        "a file/below",
        "damaged",
        "folder",
        "blobs",
        "truncated",
        "older",
        "nul\0",
        &"n".repeat(300),
    ] {
        failed(home.store(name));
    }
    nothing_was_logged();
}

#[test]
fn deliveries_and_saved_chats_are_not_named() {
    let home = Home::new();
    let store = home.store("store").unwrap();
    let adapters = store.adapters();
    let chat = home.chat();
    fs::create_dir(home.folder.join("folder")).unwrap();
    fs::write(home.folder.join("bundled"), b"x").unwrap();
    fs::create_dir(home.folder.join("bundled.intoto.jsonl")).unwrap();
    for name in [
        "missing",
        "missing/below",
        "folder",
        "bundled",
        "bundled/below",
        "nul\0",
    ] {
        failed(wait(adapters.verify(home.path(name))));
        failed(wait(adapters.install(home.path(name))));
        failed(wait(store.reward_models().open(home.path(name))));
        failed(wait(store.experiments().start_delivered(home.path(name))));
        failed(wait(chat.restore(home.path(name))));
    }
    for name in [
        "missing/below",
        "folder",
        "folder/",
        "bundled/below",
        "nul\0",
        ".",
    ] {
        failed(wait(chat.save(home.path(name))));
    }
    nothing_was_logged();
}

/// In a process of its own: a limit on the size of files stands in for a full disk.
#[test]
fn a_full_disk_names_nothing() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join(TELLING);
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("model.gguf"),
        TinyModel::llama().build().unwrap(),
    )
    .unwrap();
    let limited = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "on_a_full_disk"])
        .env(MODEL, &folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

const MODEL: &str = "POCKETUNE_TEST_FOLDER";

#[test]
#[ignore = "the test above runs it"]
fn on_a_full_disk() {
    let _ = log::set_logger(&Collects);
    log::set_max_level(log::LevelFilter::Trace);
    let folder = PathBuf::from(std::env::var_os(MODEL).unwrap());
    let path = |name: &str| text(&folder.join(name));
    let source = ModelSource::Path {
        path: path("model.gguf"),
    };
    // Its cache is not written, which is logged.
    let engine = wait(Engine::load(source, options(Some(&folder)), None)).unwrap();
    wait(engine.sha256()).unwrap();
    let chat = engine.chat(ChatOptions {
        system_prompt: None,
        history: Vec::new(),
        template: None,
        overflow: None,
    });
    failed(wait(chat.unwrap().save(path("saved"))));
    failed(wait(Store::open(path("store"), Some(engine), None)));
    let logged = LOGGED.lock().unwrap().join("\n");
    assert!(logged.contains("digest cache"), "{logged}");
    assert!(!logged.contains(TELLING), "{logged}");
}
