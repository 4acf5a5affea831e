//! Tuning through `core` alone: no command line, one open file, a run that is paused,
//! cancelled, resumed, watched slowly or not at all.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pocketune_core::tuning::{
    CheckpointDir, DatasetError, Encoder, HeldOutFigures, LoraShape, MemoryBudget, OwnReplies,
    RecordFault, RecordKind, RunEnd, Sample, TrainError, TunableModel, Tuned, Tuning, TuningData,
    TuningEvent, TuningOptions, TuningRun,
};
use pocketune_core::{
    AdapterError, CancelToken, CandidateAdapter, DigestCache, Engine, EngineOptions, Error,
    ModelSource, Prompt,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_tests::{engine, written};

/// One run at a time, so that its threads can be told from others.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pairs() -> String {
    let pair = |number: usize| {
        format!(
            r#"{{"prompt": [{{"role": "user", "content": "Say {number}."}}], "chosen": [{{"role": "assistant", "content": "It is {number}."}}], "rejected": [{{"role": "assistant", "content": "One might say that it is {number}."}}]}}"#
        )
    };
    (0..7).map(|number| pair(number) + "\n").collect()
}

fn samples(engine: &Engine) -> Vec<Sample> {
    let encoder = Encoder::new(engine, 200);
    let read = encoder.read(pairs().as_bytes(), RecordKind::Preference);
    read.unwrap().samples
}

fn options(steps: u64) -> TuningOptions {
    let mut options = TuningOptions {
        threads: Some(2),
        ..TuningOptions::default()
    };
    options.recipe.lora = LoraShape::of_rank(4);
    options.recipe.training.steps = steps;
    options.recipe.batch = 2;
    options.recipe.training.learning_rate = 1e-3;
    options.recipe.training.dropout = 0.1;
    options.recipe.kl_bound = None;
    options
}

/// A tiny model with pairs to learn from.
struct Subject {
    model: TunableModel,
    data: TuningData,
}

impl Subject {
    fn new() -> Self {
        let file = written(&TinyModel::llama());
        Self::of(&engine(file.path(), &EngineOptions::default()))
    }

    fn of(engine: &Engine) -> Self {
        let samples = samples(engine);
        let answers = "{\"prompt\": \"One and one are\", \"completion\": \" two.\"}";
        let encoder = Encoder::new(engine, 200);
        let data = TuningData {
            heldout: samples[5..].to_vec(),
            samples: samples[..5].to_vec(),
            ordinary: encoder.read_ordinary(answers.as_bytes()).unwrap(),
            ..TuningData::default()
        };
        Self {
            model: engine.tunable().unwrap(),
            data,
        }
    }

    fn prepare(&self, options: TuningOptions) -> Result<Tuning, Error> {
        Tuning::prepare(&self.model, self.data.clone(), options)
    }

    fn start(&self, options: TuningOptions, checkpoint: Option<&Path>) -> TuningRun {
        let checkpoint = checkpoint.map(|folder| CheckpointDir::open(folder).unwrap());
        let tuning = self.prepare(options).unwrap();
        tuning.start(checkpoint, Duration::ZERO).unwrap()
    }

    fn bytes(&self, options: TuningOptions) -> Arc<[u8]> {
        let tuned = self.start(options, None).finish().unwrap();
        Arc::clone(tuned.adapter.bytes())
    }
}

/// Waits for the end of a step.
fn wait_for_step(run: &TuningRun) -> u64 {
    loop {
        match run.next_blocking() {
            Some(Ok(TuningEvent::Step(done))) => return done.report.step,
            Some(Ok(TuningEvent::Done(_)) | Err(_)) | None => panic!("it ended first"),
            Some(Ok(_)) => {}
        }
    }
}

/// All events that are left, and the end.
fn rest(run: &TuningRun) -> (Vec<TuningEvent>, Result<Box<Tuned>, Error>) {
    let mut events = Vec::new();
    loop {
        match run.next_blocking().expect("an end") {
            Ok(TuningEvent::Done(tuned)) => {
                assert!(run.next_blocking().is_none());
                return (events, Ok(tuned));
            }
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(run.next_blocking().is_none());
                return (events, Err(error));
            }
        }
    }
}

#[test]
fn an_adapter_is_tuned_without_a_command_line() {
    let _alone = alone();
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &EngineOptions::default());
    let mut subject = Subject::of(&engine);
    let encoder = Encoder::new(&engine, 200);
    let mut replies = 0;
    let own = encoder.own_replies(Vec::new()).unwrap();
    let answered = own.ordinary(&CancelToken::new(), || replies += 1).unwrap();
    assert_eq!(replies, OwnReplies::ordinary_prompts());
    assert!(!answered.is_empty());
    subject.data.ordinary = answered;

    let tuning = subject.prepare(options(12)).unwrap();
    let plan = *tuning.plan();
    assert!(plan.memory.bytes > 0 && tuning.estimate() > Duration::ZERO);
    let (events, tuned) = rest(&tuning.start(None, Duration::ZERO).unwrap());
    let tuned = tuned.unwrap();
    let figures = &tuned.figures;
    assert_eq!((figures.samples, figures.steps.len()), (5, 12));
    assert_eq!(figures.end, RunEnd::Steps);
    assert_eq!(figures.trained_parameters, plan.trained_parameters);
    assert_eq!(figures.planned_bytes, plan.memory.bytes);
    assert!(figures.tokens_per_s > 0.0 && figures.kl_per_token > 0.0);
    assert!(figures.tuning >= figures.step_median);
    assert_eq!(figures.peak_bytes.is_some(), cfg!(target_os = "linux"));
    let heldout = figures.heldout.unwrap();
    let margin = |figures: HeldOutFigures| figures.rewards.unwrap().margin.unwrap();
    assert_eq!(margin(heldout.before), 0.0);
    assert!(margin(heldout.after) > 0.0, "{heldout:?}");
    assert!(heldout.after.loss < heldout.before.loss, "{heldout:?}");
    let steps: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            TuningEvent::Step(done) => Some(done.report.step),
            _ => None,
        })
        .collect();
    assert_eq!(steps, (1..=12).collect::<Vec<_>>());
    assert!(
        events
            .iter()
            .any(|event| matches!(event, TuningEvent::Kl(kl) if *kl > 0.0))
    );

    // Its file says how it came about, and it changes what the engine says.
    let facts = tuned.adapter.unverified_facts();
    assert!(facts["tuned_with"].starts_with("pocketune "), "{facts:?}");
    assert_eq!((&*facts["steps"], &*facts["objective"]), ("12", "dpo"));
    let prompt = Prompt::Raw("Say 3.".to_owned());
    let cancel = CancelToken::new();
    let before = engine.score(&prompt, "It is 3.", &cancel).unwrap();
    let session = engine.evaluate(tuned.adapter).unwrap();
    let after = session.score(&prompt, "It is 3.", &cancel).unwrap();
    assert_ne!(before, after);
}

/// The path is gone, and the descriptor closed, before tuning reads its first weight.
#[test]
fn a_model_given_as_a_descriptor_is_tuned_over_the_same_open_file() {
    let _alone = alone();
    let expected = Subject::new().bytes(options(3));
    let file = written(&TinyModel::llama());
    let open = File::open(file.path()).unwrap();
    let source = ModelSource::Descriptor(open.as_raw_fd());
    let digests = Arc::new(DigestCache::in_memory());
    let engine = Engine::load(&source, &EngineOptions::default(), digests, |_| true).unwrap();
    drop(open);
    file.close().unwrap();
    let subject = Subject::of(&engine);
    let norms = engine.base_norms().unwrap();
    assert!(norms.of("blk.0.attn_q.weight").unwrap() > 0.0);
    // Nor is the engine needed any more, even for the checkpoint's digest.
    drop(engine);
    let folder = tempfile::tempdir().unwrap();
    let run = subject.start(options(3), Some(folder.path()));
    let tuned = run.finish().unwrap();
    assert_eq!(*tuned.adapter.bytes(), expected);
}

/// Processor time of the thread that tunes.
fn tuning_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let folder: PathBuf = tasks
        .map(|task| task.unwrap().path())
        .find(|task| {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            name.starts_with("pocketune-tunin")
        })
        .expect("a thread that tunes");
    let nanoseconds = fs::read_to_string(folder.join("schedstat")).unwrap();
    let running = nanoseconds.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(running)
}

#[test]
fn a_paused_run_is_quiet_costs_no_time_and_goes_on() {
    let _alone = alone();
    let subject = Subject::new();
    let (pause, settle) = (Duration::from_millis(300), Duration::from_millis(60));
    let run = Arc::new(subject.start(options(1_000_000), None));
    let control = run.control();
    let (told, events) = std::sync::mpsc::channel();
    let reader = {
        let run = Arc::clone(&run);
        thread::spawn(move || {
            while let Some(Ok(_)) = run.next_blocking() {
                told.send(()).unwrap();
            }
        })
    };
    for _ in 0..5 {
        // Somewhere in a step, another place each time.
        events.recv().unwrap();
        thread::sleep(Duration::from_micros(700));
        control.pause();
        thread::sleep(settle);
        while events.try_recv().is_ok() {}
        let before = tuning_time();
        thread::sleep(pause);
        assert!(events.try_recv().is_err(), "an event in a pause");
        let spent = tuning_time() - before;
        assert!(spent < pause / 30, "{spent:?} of {pause:?}");
        control.resume();
        events.recv_timeout(Duration::from_secs(20)).unwrap();
    }
    control.pause();
    let cancelled = Instant::now();
    control.cancel();
    reader.join().unwrap();
    assert!(cancelled.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_pause_changes_no_byte_and_counts_for_no_figure() {
    let _alone = alone();
    let subject = Subject::new();
    let expected = subject.bytes(options(6));
    let run = subject.start(options(6), None);
    wait_for_step(&run);
    run.control().pause();
    thread::sleep(Duration::from_millis(700));
    run.control().resume();
    let started = Instant::now();
    let tuned = run.finish().unwrap();
    assert_eq!(*tuned.adapter.bytes(), expected);
    let most = Duration::from_millis(700) + started.elapsed();
    assert!(tuned.figures.tuning < most, "{:?}", tuned.figures.tuning);
}

#[test]
fn a_cancelled_run_goes_on_to_the_same_bytes() {
    let _alone = alone();
    let subject = Subject::new();
    let expected = subject.bytes(options(9));
    let folder = tempfile::tempdir().unwrap();
    let mut done = 0;
    for paused in [false, true, false] {
        let run = subject.start(options(9), Some(folder.path()));
        if done > 0 {
            let first = run.next_blocking().unwrap().unwrap();
            assert!(
                matches!(first, TuningEvent::Resumed { steps } if steps >= done),
                "{first:?} after {done}"
            );
        }
        done = wait_for_step(&run);
        let control = run.control();
        let canceller = thread::spawn(move || {
            if paused {
                control.pause();
            }
            control.cancel();
        });
        let (_, end) = rest(&run);
        assert!(matches!(end, Err(Error::Cancelled)), "{end:?}");
        canceller.join().unwrap();
    }
    let tuned = subject
        .start(options(9), Some(folder.path()))
        .finish()
        .unwrap();
    assert_eq!(*tuned.adapter.bytes(), expected);
    assert_eq!(tuned.figures.steps.len(), 9);

    // It stays until the adapter is stored.
    let checkpoint = folder.path().join("checkpoint.gguf");
    assert!(checkpoint.exists());
    tuned.remove_checkpoint().unwrap();
    assert!(!checkpoint.exists());
}

#[test]
fn a_slow_reader_holds_nothing_up_and_learns_the_end() {
    let _alone = alone();
    let subject = Subject::new();
    let run = subject.start(options(120), None);
    // Far more events than are kept, and nobody takes one.
    let started = Instant::now();
    while !run.has_ended() {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "it waits for a reader"
        );
        thread::sleep(Duration::from_millis(5));
    }
    let (events, tuned) = rest(&run);
    assert_eq!(tuned.unwrap().figures.steps.len(), 120);
    assert!(events.len() < 100, "{} events were kept", events.len());
    let last = events.iter().rev().find_map(|event| match event {
        TuningEvent::Step(done) => Some(done.report.step),
        _ => None,
    });
    assert_eq!(last, Some(120), "the newest are kept");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_and_frees_its_folder() {
    let _alone = alone();
    let subject = Subject::new();
    let folder = tempfile::tempdir().unwrap();
    for paused in [false, true] {
        let run = subject.start(options(1_000_000), Some(folder.path()));
        wait_for_step(&run);
        if paused {
            run.control().pause();
        }
        let dropped = Instant::now();
        drop(run);
        assert!(dropped.elapsed() < Duration::from_secs(5));
        CheckpointDir::open(folder.path()).unwrap();
    }
}

#[test]
fn a_run_that_fails_says_why_with_its_last_event() {
    let _alone = alone();
    let subject = Subject::new();
    let mut diverging = options(50);
    diverging.recipe.training.learning_rate = 1e30;
    let (_, end) = rest(&subject.start(diverging, None));
    assert!(
        matches!(end, Err(Error::Tuning(TrainError::Diverged { .. }))),
        "{end:?}"
    );

    let folder = tempfile::tempdir().unwrap();
    let run = subject.start(options(50), Some(folder.path()));
    wait_for_step(&run);
    drop(run);
    let mut other = options(50);
    other.recipe.training.seed = 2;
    let (events, end) = rest(&subject.start(other, Some(folder.path())));
    assert!(
        matches!(
            end,
            Err(Error::Tuning(TrainError::CheckpointOfAnotherRun {
                what: "options"
            }))
        ),
        "{end:?}"
    );
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn what_cannot_be_tuned_is_refused_before_a_thread_starts() {
    let _alone = alone();
    let subject = Subject::new();
    let refused = |options: TuningOptions| subject.prepare(options).unwrap_err();
    let small = TuningOptions {
        memory: MemoryBudget::Bytes(1_000),
        ..options(1)
    };
    assert!(matches!(
        refused(small),
        Error::Tuning(TrainError::MemoryBudget {
            budget_bytes: 1_000,
            ..
        })
    ));
    let mut of_texts = options(1);
    of_texts.recipe = pocketune_core::tuning::Recipe::sft();
    assert!(matches!(
        refused(of_texts),
        Error::Tuning(TrainError::Sample { index: 0, .. })
    ));
    // An adapter of a model of other shapes.
    let mut wide = TinyModel::llama();
    wide.widen(256, 512);
    let file = written(&wide);
    let wide_engine = engine(file.path(), &EngineOptions::default());
    let bytes = wide.adapter(2, 4.0).build().unwrap();
    let other = CandidateAdapter::parse(bytes, wide_engine.base_model()).unwrap();
    let on_top = TuningOptions {
        frozen: vec![other],
        ..options(1)
    };
    assert!(matches!(
        refused(on_top),
        Error::AdapterInvalid(AdapterError::OtherModel)
    ));
}

#[test]
fn a_model_without_a_backward_pass_is_refused_by_name() {
    let file = written(&TinyModel::gemma3());
    let engine = engine(file.path(), &EngineOptions::default());
    let Err(Error::Tuning(TrainError::UnsupportedArchitecture { architecture })) = engine.tunable()
    else {
        panic!("gemma3 is tuned");
    };
    assert_eq!(architecture, "gemma3");
}

#[test]
fn faults_of_data_have_a_line_and_name_no_option_of_a_command_line() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &EngineOptions::default());
    let read = |text: &str, kind| Encoder::new(&engine, 40).read(text.as_bytes(), kind);
    let long = format!(
        "{{\"text\": \"short\"}}\n\n{{\"text\": \"{}\"}}",
        "secret ".repeat(20)
    );
    let preference = r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#;
    for (text, line, says) in [
        (&*long, 3, "tokens, at most 40 are allowed"),
        (preference, 1, "which DPO learns from"),
        ("{\"text\": \"a\"}\n{\"text\": ", 2, "it is not complete"),
    ] {
        let error = read(text, RecordKind::Completion).unwrap_err();
        let DatasetError::Line { line: found, fault } = &error else {
            panic!("{error}");
        };
        assert_eq!(*found, line);
        let told = error.to_string();
        assert!(told.contains(says) && !told.contains("--"), "{told}");
        assert!(!told.contains("secret"), "{told}");
        if line == 3 {
            assert!(matches!(
                fault,
                RecordFault::TooManyTokens {
                    limit_tokens: 40,
                    ..
                }
            ));
        }
    }
    let empty = read("\n\n", RecordKind::Completion);
    assert!(matches!(empty, Err(DatasetError::Empty)));
}
