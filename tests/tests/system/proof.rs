//! The model with and without a candidate on suites: answers that are kept, progress,
//! cancellation.

use std::fs;

use pocketune_adapter::AskedBy;
use pocketune_core::{
    AnswerCache, CancelToken, CandidateAdapter, Engine, EngineOptions, Error, Evaluation,
    EvaluationArm, EvaluationPlan, EvaluationProgress, KvCacheType,
};
use pocketune_gguf::fixtures::TinyModel;
use pocketune_judge::suite::Suite;
use pocketune_tests::{engine, written};

const ITEMS: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"hi","choices":["a","b"],"answer":1}
{"form":"preference","id":"b","kind":"l","licence":"MIT","source":"s","prompt":"hi","chosen":"ab","rejected":"ba"}
"#;

fn options() -> EngineOptions {
    EngineOptions {
        context_tokens: Some(256),
        threads: Some(1),
        kv_cache_type: KvCacheType::F32,
        ..EngineOptions::default()
    }
}

fn plan() -> EvaluationPlan {
    EvaluationPlan {
        asked_by: vec![AskedBy::Probability, AskedBy::Generation],
        max_tokens: 4,
        margin: 0.9,
    }
}

fn candidate(engine: &Engine, alpha: f32) -> CandidateAdapter {
    let bytes = TinyModel::llama().adapter(4, alpha).build().unwrap();
    CandidateAdapter::parse(bytes, engine.base_model()).unwrap()
}

/// The evaluation, and how often the model as it is told that it goes on.
fn evaluate(
    engine: &Engine,
    alpha: f32,
    plan: &EvaluationPlan,
    cache: Option<&AnswerCache>,
) -> (Evaluation, usize) {
    let suite = Suite::parse("mine", ITEMS.as_bytes()).unwrap();
    let mut events = 0;
    let mut count = |progress: EvaluationProgress| {
        events += usize::from(progress.arm == EvaluationArm::Base);
    };
    let adapter = Some(candidate(engine, alpha));
    let cancel = CancelToken::new();
    let evaluation = plan.run(engine, adapter, &[suite], cache, &cancel, &mut count);
    (evaluation.unwrap(), events)
}

#[test]
fn answers_of_the_model_as_it_is_are_computed_once() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &options());
    let folder = tempfile::tempdir().unwrap();
    let cache = AnswerCache::in_folder(folder.path().join("answers"));

    let (fresh, computed) = evaluate(&engine, 8.0, &plan(), None);
    let (first, first_events) = evaluate(&engine, 8.0, &plan(), Some(&cache));
    assert_eq!(first, fresh);
    assert_eq!((computed, first_events), (4, 4), "an event an item");
    let (second, second_events) = evaluate(&engine, 8.0, &plan(), Some(&cache));
    assert_eq!(second, fresh, "to the last bit");
    assert_eq!(second_events, 2, "an event a way: nothing was computed");

    let (other, _) = evaluate(&engine, 2.0, &plan(), Some(&cache));
    let arms = |it: &Evaluation| it.suites[0].probability.clone().unwrap();
    assert_eq!(arms(&other).base, arms(&fresh).base);
    assert_ne!(arms(&other).changed, arms(&fresh).changed);

    let longer = EvaluationPlan {
        max_tokens: 5,
        ..plan()
    };
    let (_, events) = evaluate(&engine, 8.0, &longer, Some(&cache));
    assert_eq!(events, 3, "probabilities are kept, longer replies are not");
}

#[test]
fn damaged_answers_are_computed_again() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &options());
    let folder = tempfile::tempdir().unwrap();
    let cache = AnswerCache::in_folder(folder.path());
    let (first, _) = evaluate(&engine, 8.0, &plan(), Some(&cache));
    for entry in fs::read_dir(folder.path()).unwrap() {
        fs::write(entry.unwrap().path(), "answers, or so it says").unwrap();
    }
    let (again, events) = evaluate(&engine, 8.0, &plan(), Some(&cache));
    assert_eq!((again, events), (first, 4));
}

#[test]
fn other_options_have_other_answers() {
    let file = written(&TinyModel::llama());
    let folder = tempfile::tempdir().unwrap();
    let cache = AnswerCache::in_folder(folder.path());
    let changes: [fn(&mut EngineOptions); 5] = [
        |_| (),
        |options| options.context_tokens = Some(128),
        |options| options.kv_cache_type = KvCacheType::F16,
        |options| options.micro_batch_tokens = 64,
        |options| options.use_mmap = false,
    ];
    for change in changes {
        let mut options = options();
        change(&mut options);
        let engine = engine(file.path(), &options);
        let (_, events) = evaluate(&engine, 8.0, &plan(), Some(&cache));
        assert_eq!(events, 4, "{options:?} is computed");
    }
}

#[test]
fn an_evaluation_is_cancelled_from_another_thread() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &options());
    let suite = Suite::parse("mine", ITEMS.as_bytes()).unwrap();
    let cancel = CancelToken::new();
    let mut done = 0;
    let outcome = plan().run(&engine, None, &[suite], None, &cancel, |progress| {
        done = progress.done;
        let cancel = cancel.clone();
        std::thread::spawn(move || cancel.cancel()).join().unwrap();
    });
    assert!(matches!(outcome, Err(Error::Cancelled)));
    assert_eq!(done, 1, "nothing was asked after that");
}

#[test]
fn a_procedure_names_what_is_signed() {
    let file = written(&TinyModel::llama());
    let names = [
        (KvCacheType::F16, "f16"),
        (KvCacheType::Q8_0, "q8_0"),
        (KvCacheType::F32, "f32"),
    ];
    for (kv_cache_type, name) in names {
        assert_eq!(kv_cache_type.name(), name);
        assert_eq!(KvCacheType::from_name(name), Some(kv_cache_type));
        // Heads of the tiny model are narrower than its blocks.
        if kv_cache_type == KvCacheType::Q8_0 {
            continue;
        }
        let options = EngineOptions {
            kv_cache_type,
            ..options()
        };
        let engine = engine(file.path(), &options);
        let adapter = pocketune_core::Digest::of(b"adapter");
        let procedure = serde_json::to_string(&plan().procedure(&engine, adapter)).unwrap();
        let expected = format!(
            r#"{{"tool":"pocketune {}","adapterSha256":"{adapter}","askedBy":["probability","generation"],"margin":0.9,"maxTokens":4,"contextTokens":256,"kvCacheType":"{name}"}}"#,
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(procedure, expected);
    }
}
