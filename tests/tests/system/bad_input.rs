//! Each kind of bad input has its own typed error, and the engine stays usable.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::Path;
use std::sync::Arc;

use pocketune_base::fixtures::{at_once, make_pipe};
use pocketune_core::{
    DigestCache, Engine, EngineOptions, Error, GenerationOptions, ModelSource, Penalties, Sampling,
    SavedChat,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{engine, smollm2, written};

fn load(source: &ModelSource, options: &EngineOptions) -> Result<Engine, Error> {
    Engine::load(source, options, Arc::new(DigestCache::in_memory()), |_| {
        true
    })
}

fn load_path(path: &Path) -> Result<Engine, Error> {
    load(
        &ModelSource::Path(path.to_owned()),
        &EngineOptions::default(),
    )
}

#[test]
fn a_missing_file_is_unreadable() {
    let refused = load_path(Path::new("/nowhere/model.gguf"));
    assert!(
        matches!(refused, Err(Error::ModelUnreadable(_))),
        "{refused:?}"
    );
}

#[test]
fn a_directory_is_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let refused = load_path(directory.path());
    assert!(
        matches!(
            refused,
            Err(Error::ModelNotAFile {
                found: "a directory"
            })
        ),
        "{refused:?}"
    );
    let refused = load_path(Path::new("/dev/zero"));
    assert!(
        matches!(refused, Err(Error::ModelNotAFile { found: "a device" })),
        "{refused:?}"
    );
}

/// Opening a pipe that nobody writes into would wait for ever.
#[test]
fn a_pipe_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    make_pipe(&pipe);
    let path = pipe.clone();
    let refused = at_once(move || load_path(&path).map(|_| ()));
    assert!(
        matches!(refused, Err(Error::ModelNotAFile { found: "a pipe" })),
        "{refused:?}"
    );
    let path = pipe.clone();
    let refused = at_once(move || SavedChat::read(&path));
    assert!(
        matches!(
            refused,
            Err(Error::NotAFile {
                what: "saved chat",
                found: "a pipe"
            })
        ),
        "{refused:?}"
    );
    let refused = SavedChat::read(Path::new("/dev/zero"));
    assert!(
        matches!(refused, Err(Error::NotAFile { .. })),
        "{refused:?}"
    );
    // Digests are remembered as well as it goes.
    let digest = at_once(move || {
        let model = written(&TinyModel::llama());
        DigestCache::in_file(pipe).digest(&File::open(model.path())?)
    });
    assert!(digest.is_ok(), "{digest:?}");
}

#[test]
fn empty_and_text_files_are_invalid() {
    let directory = tempfile::tempdir().unwrap();
    for content in [
        "",
        "G",
        "GGUF",
        "This is a letter to a friend, not a model.\n",
    ] {
        let path = directory.path().join("file");
        fs::write(&path, content).unwrap();
        let refused = load_path(&path);
        assert!(
            matches!(refused, Err(Error::ModelInvalid(_))),
            "{content:?}: {refused:?}"
        );
    }
}

#[test]
fn a_real_model_cut_anywhere_is_invalid() {
    let bytes = fs::read(smollm2()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.gguf");
    // Multiples of a large odd number: spread over the file, the same every time.
    for i in 1..=20u64 {
        let cut = usize::try_from(i * 4_611_757 % bytes.len() as u64).unwrap();
        fs::write(&path, &bytes[..cut]).unwrap();
        let refused = load_path(&path);
        assert!(
            matches!(refused, Err(Error::ModelInvalid(_))),
            "cut at {cut}: {refused:?}"
        );
    }
}

#[test]
fn an_unknown_architecture_is_refused_by_name() {
    let mut model = TinyModel::llama();
    model.set("general.architecture", "mystery");
    let refused = load_path(written(&model).path());
    let Err(Error::ArchitectureUnsupported { architecture }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(architecture, "mystery");
}

#[test]
fn options_out_of_range_are_named() {
    let file = written(&TinyModel::llama());
    let source = ModelSource::Path(file.path().to_owned());
    let base = EngineOptions::default;
    let cases = [
        (
            "context_tokens",
            EngineOptions {
                context_tokens: Some(0),
                ..base()
            },
        ),
        (
            "context_tokens",
            EngineOptions {
                context_tokens: Some(u32::MAX),
                ..base()
            },
        ),
        (
            "threads",
            EngineOptions {
                threads: Some(0),
                ..base()
            },
        ),
        (
            "threads",
            EngineOptions {
                threads: Some(100_000),
                ..base()
            },
        ),
        (
            "batch_tokens",
            EngineOptions {
                batch_tokens: 0,
                ..base()
            },
        ),
        (
            "batch_tokens",
            EngineOptions {
                batch_tokens: u32::MAX,
                ..base()
            },
        ),
        (
            "micro_batch_tokens",
            EngineOptions {
                micro_batch_tokens: 0,
                ..base()
            },
        ),
        (
            "micro_batch_tokens",
            EngineOptions {
                micro_batch_tokens: 4096,
                ..base()
            },
        ),
    ];
    for (expected, options) in cases {
        let refused = load(&source, &options);
        let Err(Error::InvalidOption { name, .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert_eq!(*name, expected);
    }
}

#[test]
fn sampling_out_of_range_is_named_and_the_engine_goes_on() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &EngineOptions::default());
    let sampling = |change: fn(&mut Sampling)| {
        let mut options = GenerationOptions {
            max_tokens: 4,
            ..GenerationOptions::default()
        };
        change(&mut options.sampling);
        options
    };
    let stop = |stop: Vec<String>| GenerationOptions {
        stop,
        ..GenerationOptions::default()
    };
    let cases = [
        (
            "max_tokens",
            GenerationOptions {
                max_tokens: 0,
                ..GenerationOptions::default()
            },
        ),
        ("temperature", sampling(|s| s.temperature = f32::NAN)),
        ("temperature", sampling(|s| s.temperature = -1.0)),
        ("temperature", sampling(|s| s.temperature = f32::INFINITY)),
        ("top_p", sampling(|s| s.top_p = 0.0)),
        ("top_p", sampling(|s| s.top_p = 2.0)),
        ("min_p", sampling(|s| s.min_p = -0.5)),
        (
            "penalties.repeat",
            sampling(|s| {
                s.penalties = Penalties {
                    repeat: 0.0,
                    ..s.penalties
                }
            }),
        ),
        (
            "penalties.last_tokens",
            sampling(|s| s.penalties.last_tokens = u32::MAX),
        ),
        ("logit_bias", sampling(|s| s.logit_bias = vec![(-1, 1.0)])),
        (
            "logit_bias",
            sampling(|s| s.logit_bias = vec![(1 << 30, 1.0)]),
        ),
        (
            "logit_bias",
            sampling(|s| s.logit_bias = vec![(1, f32::NAN)]),
        ),
        ("stop", stop(vec![String::new()])),
        ("stop", stop(vec!["x".to_owned(); 17])),
    ];
    for (expected, options) in cases {
        let refused = engine.complete("hi", &options).map(|_| ());
        let Err(Error::InvalidOption { name, .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert_eq!(*name, expected);
    }
    let all_forbidden = GenerationOptions {
        sampling: Sampling {
            logit_bias: (0..i32::try_from(engine.facts().header.vocabulary_size).unwrap())
                .map(|token| (token, f32::NEG_INFINITY))
                .collect(),
            ..Sampling::greedy()
        },
        ..GenerationOptions::default()
    };
    // Nothing to choose: whatever comes, it ends and the engine goes on.
    let _ = engine.complete("hi", &all_forbidden).unwrap().finish();
    let fine = GenerationOptions {
        max_tokens: 2,
        ..GenerationOptions::greedy()
    };
    assert!(engine.complete("hi", &fine).unwrap().finish().is_ok());
}

#[test]
fn descriptors_load_and_closed_ones_are_refused() {
    let file = written(&TinyModel::llama());
    let open = File::open(file.path()).unwrap();
    let engine = load(
        &ModelSource::Descriptor(open.as_raw_fd()),
        &EngineOptions::default(),
    )
    .unwrap();
    // The engine has its own copy.
    drop(open);
    let options = GenerationOptions {
        max_tokens: 2,
        ..GenerationOptions::greedy()
    };
    assert!(engine.complete("hi", &options).unwrap().finish().is_ok());

    for fd in [-1, i32::MAX, 987_654] {
        let refused = load(&ModelSource::Descriptor(fd), &EngineOptions::default());
        assert!(
            matches!(refused, Err(Error::ModelUnreadable(_))),
            "{fd}: {refused:?}"
        );
    }
    let (reader, _writer) = std::io::pipe().unwrap();
    let pipe = std::os::fd::OwnedFd::from(reader).into_raw_fd();
    let refused = load(&ModelSource::Descriptor(pipe), &EngineOptions::default());
    assert!(
        matches!(refused, Err(Error::ModelNotAFile { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_load_that_its_progress_refuses_is_cancelled() {
    let source = ModelSource::Path(smollm2());
    for stop_at in [0.0, 0.3] {
        let cancelled = Engine::load(
            &source,
            &EngineOptions::default(),
            Arc::new(DigestCache::in_memory()),
            |fraction| fraction < stop_at,
        );
        assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
    }
}

#[test]
fn a_prompt_of_a_megabyte_is_refused_without_harm() {
    let engine = engine(
        smollm2(),
        &EngineOptions {
            context_tokens: Some(512),
            ..EngineOptions::default()
        },
    );
    let options = GenerationOptions {
        max_tokens: 2,
        ..GenerationOptions::greedy()
    };
    for text in [
        "a".repeat(1 << 20),
        "\u{1F600}".repeat(1 << 16),
        " ".repeat(1 << 20),
    ] {
        let refused = engine.complete(text, &options).unwrap().finish();
        assert!(
            matches!(refused, Err(Error::ContextFull { .. })),
            "{refused:?}"
        );
    }
    assert!(engine.complete("hi", &options).unwrap().finish().is_ok());
}

/// Converters write -1 for a token that a tokenizer does not have; llama.cpp then does as if
/// the key were absent (ggml-org/llama.cpp#2981, #11613).
#[test]
fn a_model_whose_special_tokens_are_minus_one_answers() {
    for mut model in [TinyModel::llama(), TinyModel::gemma3()] {
        for name in [
            "bos",
            "eos",
            "eot",
            "eom",
            "unknown",
            "seperator",
            "padding",
            "mask",
        ] {
            model.set(&format!("tokenizer.ggml.{name}_token_id"), u32::MAX);
        }
        let engine = load_path(written(&model).path()).unwrap();
        let options = GenerationOptions {
            max_tokens: 2,
            ..GenerationOptions::greedy()
        };
        let reply = engine.complete("hi", &options).unwrap().finish();
        assert!(reply.is_ok(), "{reply:?}");
    }
}
