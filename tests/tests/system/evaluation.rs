//! An adapter under evaluation changes the replies of its session and no others.

use std::path::Path;
use std::sync::Arc;

use pocketune_core::{
    AdapterError, CancelToken, CandidateAdapter, ChatOptions, Engine, EngineOptions, Error,
    EvaluationChat, EvaluationSession, GenerationOptions, KvCacheType, Message, Prompt, Reply,
    ReplyPart, Sampling, Score,
};
use pocketune_gguf::GgmlType;
use pocketune_gguf::fixtures::{TinyModel, noise};
use pocketune_tests::policy::with_policy;
use pocketune_tests::{engine, read_lora, smollm2, written};
use pocketune_train::{AdaptedLayers, Lora, LoraShape, Model, Pack, Pass, Precision, Sample};

const PROMPT: &str = "The river rises in the mountains and runs past two old mills";
const REPLY: &str = " before it reaches the sea after three days.";

/// One thread: with several, the last bits of attention depend on how many the
/// governor lets compute beside other programs.
fn exact() -> EngineOptions {
    EngineOptions {
        threads: Some(1),
        kv_cache_type: KvCacheType::F32,
        ..EngineOptions::default()
    }
}

fn greedy(max_tokens: u32) -> GenerationOptions {
    GenerationOptions {
        max_tokens,
        ..GenerationOptions::greedy()
    }
}

/// Replies of exactly `tokens` tokens.
fn endless(engine: &Engine, tokens: u32, sampling: Sampling) -> GenerationOptions {
    let ends = engine.end_of_generation_tokens().into_iter();
    GenerationOptions {
        max_tokens: tokens,
        sampling: Sampling {
            logit_bias: ends.map(|token| (token, f32::NEG_INFINITY)).collect(),
            ..sampling
        },
        ..GenerationOptions::default()
    }
}

/// The same draws each time. The likeliest tokens of a tiny model tell little:
/// it repeats one for ever, under any adapter.
fn drawn(engine: &Engine, tokens: u32) -> GenerationOptions {
    let sampling = Sampling {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(7),
        ..Sampling::default()
    };
    endless(engine, tokens, sampling)
}

/// A candidate for the tiny model on this engine; `alpha` says how much it changes.
fn tiny_candidate(engine: &Engine, alpha: f32) -> CandidateAdapter {
    let bytes = TinyModel::llama().adapter(4, alpha).build().unwrap();
    CandidateAdapter::parse(bytes, engine.base_model()).unwrap()
}

fn evaluate(engine: &Engine, alpha: f32) -> EvaluationSession {
    engine.evaluate(tiny_candidate(engine, alpha)).unwrap()
}

fn chat_of(session: &EvaluationSession) -> EvaluationChat {
    session.chat(ChatOptions::default()).unwrap()
}

fn raw() -> Prompt {
    Prompt::Raw(PROMPT.to_owned())
}

fn score(session: &EvaluationSession) -> Score {
    session.score(&raw(), REPLY, &CancelToken::new()).unwrap()
}

fn base_score(engine: &Engine) -> Score {
    engine.score(&raw(), REPLY, &CancelToken::new()).unwrap()
}

fn complete(engine: &Engine, tokens: u32) -> Reply {
    let options = drawn(engine, tokens);
    engine.complete(PROMPT, &options).unwrap().finish().unwrap()
}

/// What the trainer's own forward pass says of the reply's tokens.
fn predicted(model: &Model, lora: &Lora, prompt: &[i32], reply: &[i32]) -> Vec<f64> {
    let ids = |tokens: &[i32]| {
        tokens
            .iter()
            .map(|&id| u32::try_from(id).unwrap())
            .collect()
    };
    let pack = Pack::new(&Sample::demonstration(ids(prompt), ids(reply)));
    let each = with_policy(model, Some(lora), |policy| {
        let pass = Pass::infer(policy, &pack).unwrap();
        pass.log_probabilities().unwrap()
    });
    each.into_iter().map(f64::from).collect()
}

/// Without an adapter the two programs differ by 1.3e-3 nats here: llama.cpp
/// rounds activations in a few places. An adapter that moves more adds little.
const TOLERANCE: f64 = 5e-3;

/// Scores under an adapter against the trainer's, and how far it moves them.
fn check_prediction(path: &Path, bytes: &[u8]) {
    let engine = engine(path, &exact());
    let model = Model::open(path).unwrap();
    let lora = read_lora(path, &model, bytes.to_vec()).unwrap();
    let candidate = CandidateAdapter::parse(bytes, engine.base_model()).unwrap();
    let session = engine.evaluate(candidate).unwrap();
    let got = score(&session);
    let reply: Vec<i32> = got.tokens.iter().map(|token| token.token).collect();
    let prompt = engine.prompt_tokens(&raw()).unwrap();
    let expected = predicted(&model, &lora, &prompt, &reply);
    assert_eq!(expected.len(), got.tokens.len());
    let base = base_score(&engine);
    let (mut most, mut moved) = (0.0_f64, 0.0_f64);
    for ((got, expected), base) in got.tokens.iter().zip(expected).zip(&base.tokens) {
        most = most.max((got.log_probability - expected).abs());
        moved = moved.max((got.log_probability - base.log_probability).abs());
    }
    println!("off by {most:.1e} nats at most, moved by {moved:.2}");
    assert!(most < TOLERANCE, "{most}");
    assert!(moved > 30.0 * TOLERANCE, "{moved}");
}

#[test]
fn scores_under_a_candidate_are_those_that_training_predicts() {
    let file = written(&TinyModel::llama());
    let adapter = TinyModel::llama().adapter(4, 16.0);
    check_prediction(file.path(), &adapter.build().unwrap());

    // Some matrices only, in half precision and without an alpha.
    let model = Model::open(file.path()).unwrap();
    let shape = LoraShape {
        rank: 3,
        alpha: 3.0,
        layers: AdaptedLayers::Only(vec![1]),
        ..LoraShape::default()
    };
    let lora = noisy(&model, shape, 0.3);
    let bytes = lora.to_gguf(&model, Precision::F16, &[]).unwrap();
    check_prediction(file.path(), &bytes);
}

fn noisy(model: &Model, shape: LoraShape, size: f32) -> Lora {
    let mut lora = Lora::zero(model, shape).unwrap();
    let values = noise(11, lora.parameters().len());
    for (parameter, value) in lora.parameters_mut().iter_mut().zip(values) {
        *parameter = value * size;
    }
    lora
}

/// Drawn and greedy replies and scores of the engine as it is, bit for bit, with `between` run
/// before, between and after them.
fn base_work(engine: &Engine, mut between: impl FnMut()) -> (Vec<String>, Vec<Score>) {
    let chat = engine.chat(ChatOptions::default()).unwrap();
    let (mut texts, mut scores) = (Vec::new(), Vec::new());
    let greedy = endless(engine, 9, Sampling::greedy());
    for turn in ["Hello!", "And then?", "Why?"] {
        between();
        let options = drawn(engine, 12);
        texts.push(chat.send(turn, &options).unwrap().finish().unwrap().text);
        between();
        scores.push(base_score(engine));
        texts.push(complete(engine, 9).text);
        let reply = engine.complete("Once", &greedy).unwrap().finish().unwrap();
        texts.push(reply.text);
    }
    between();
    (texts, scores)
}

#[test]
fn the_engine_as_it_is_notices_nothing() {
    let file = written(&TinyModel::llama());
    let alone = base_work(&engine(file.path(), &exact()), || ());

    let engine = engine(file.path(), &exact());
    // One session over the whole time and a short one in each gap, with the same
    // prompts as the engine's own.
    let session = evaluate(&engine, 16.0);
    let long = chat_of(&session);
    let mut said = Vec::new();
    let beside = base_work(&engine, || {
        let options = drawn(&engine, 12);
        long.replace_history(Vec::new()).unwrap();
        said.push(
            long.send("Hello!", &options)
                .unwrap()
                .finish()
                .unwrap()
                .text,
        );
        score(&session);
        let other = evaluate(&engine, 40.0);
        let stream = other.complete(PROMPT, &drawn(&engine, 9)).unwrap();
        said.push(stream.finish().unwrap().text);
    });
    assert_eq!(alone, beside);
    // And the sessions did say something else.
    assert!(!said.contains(&alone.0[0]) && !said.contains(&alone.0[1]));
    drop((session, long));
    assert_eq!(base_score(&engine), alone.1[2]);
}

#[test]
fn nothing_cached_crosses_into_or_out_of_a_session() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &exact());
    let options = drawn(&engine, 8);
    let reused = |reply: &Reply| (reply.reused_tokens, reply.prompt_tokens);
    let base = complete(&engine, 8);
    let cold_base = base_score(&engine);
    assert_eq!(base.reused_tokens, 0);
    let first = evaluate(&engine, 16.0);
    let second = evaluate(&engine, 40.0);
    // The same prompt, just computed by others, is computed again by each.
    for session in [&first, &second] {
        let reply = session
            .complete(PROMPT, &options)
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(reply.reused_tokens, 0);
        assert_ne!(reply.text, base.text);
        let again = session
            .complete(PROMPT, &options)
            .unwrap()
            .finish()
            .unwrap();
        assert!(
            reused(&again).0 + 1 == reused(&again).1,
            "its own is reused"
        );
        assert_eq!(again.text, reply.text);
    }
    let again = complete(&engine, 8);
    assert_eq!(reused(&again).0 + 1, reused(&again).1);
    assert_eq!(again.text, base.text);
    // Scoring lanes are apart as well: each first score is a cold one.
    let warm: Vec<Score> = [&first, &second].map(score).into();
    let cold = [16.0, 40.0].map(|alpha| score(&evaluate(&engine, alpha)));
    assert_eq!(warm, cold);
    assert_ne!(warm[0], cold_base);
}

#[test]
fn a_second_turn_is_what_a_cold_run_gives() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &exact());
    let options = drawn(&engine, 12);
    let session = evaluate(&engine, 16.0);
    let chat = chat_of(&session);
    let ask = |text: &str| chat.send(text, &options).unwrap().finish().unwrap();
    ask("Hello!");
    // What the base computes between the turns is set aside with its own cache.
    complete(&engine, 8);
    let second = ask("And then?");
    assert!(second.reused_tokens > 20, "{}", second.reused_tokens);

    let turns = chat.history();
    assert_eq!(turns.len(), 4);
    let cold = session
        .chat(ChatOptions {
            history: turns[..2].to_vec(),
            ..ChatOptions::default()
        })
        .unwrap();
    let reply = cold.send("And then?", &options).unwrap().finish().unwrap();
    assert_eq!(reply.reused_tokens, 0);
    assert_eq!(reply.text, second.text);
    let said = Message {
        reply_id: Some(second.origin.id),
        ..Message::assistant(second.text)
    };
    assert_eq!(turns[3], said);

    chat.replace_history(Vec::new()).unwrap();
    assert!(chat.history().is_empty() && chat.system_prompt().is_none());
}

#[test]
fn each_session_has_its_own_adapter_whatever_its_address() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &exact());
    let alphas = [8.0, 16.0, 40.0];
    let alone = alphas.map(|alpha| score(&evaluate(&engine, alpha)));
    assert!(alone[0] != alone[1] && alone[1] != alone[2]);
    // Freed and made again, memory of the same size comes back at once.
    for round in 0..40 {
        for (alpha, alone) in alphas.iter().zip(&alone) {
            let session = evaluate(&engine, *alpha);
            assert_eq!(score(&session), *alone, "round {round}, alpha {alpha}");
        }
    }
    let together = alphas.map(|alpha| evaluate(&engine, alpha));
    for _ in 0..3 {
        for (session, alone) in together.iter().zip(&alone) {
            let cold = session.score(&raw(), REPLY, &CancelToken::new()).unwrap();
            let off = cold.log_probability() - alone.log_probability();
            assert!(off.abs() < 1e-3, "{off}");
        }
    }
}

#[test]
fn a_reply_outlives_its_session() {
    let file = written(TinyModel::llama().set("llama.context_length", 4096_u32));
    let engine = engine(file.path(), &exact());
    let options = drawn(&engine, 800);
    let alone = {
        let session = evaluate(&engine, 16.0);
        let stream = chat_of(&session).send("Go on.", &options).unwrap();
        stream.finish().unwrap()
    };
    assert_eq!(alone.generated_tokens, 800);
    let before = base_score(&engine);

    let session = evaluate(&engine, 16.0);
    let stream = chat_of(&session).send("Go on.", &options).unwrap();
    let waiting = session.complete(PROMPT, &drawn(&engine, 8)).unwrap();
    assert!(matches!(
        stream.next_blocking(),
        Some(Ok(ReplyPart::Text(_)))
    ));
    drop(session);
    // Another one comes and goes meanwhile.
    let other = score(&evaluate(&engine, 40.0));
    assert_eq!(stream.finish().unwrap().text, alone.text);
    assert_eq!(waiting.finish().unwrap().generated_tokens, 8);

    // Nobody listens any more: the reply is cancelled, the session is gone.
    let session = evaluate(&engine, 16.0);
    let stream = chat_of(&session).send("Go on.", &options).unwrap();
    assert!(stream.next_blocking().is_some());
    drop((stream, session));
    assert_eq!(score(&evaluate(&engine, 40.0)), other);
    assert_eq!(base_score(&engine).tokens.len(), before.tokens.len());
    let fresh = engine.chat(ChatOptions::default()).unwrap();
    let hello = fresh.send("Hello!", &drawn(&engine, 8)).unwrap();
    assert_eq!(hello.finish().unwrap().generated_tokens, 8);
}

#[test]
fn a_closed_engine_ends_its_sessions() {
    let file = written(&TinyModel::llama());
    let engine = engine(file.path(), &EngineOptions::default());
    let session = evaluate(&engine, 16.0);
    let chat = chat_of(&session);
    let candidate = tiny_candidate(&engine, 16.0);
    let stream = chat.send("Go on.", &drawn(&engine, 200)).unwrap();
    engine.close();
    assert!(matches!(stream.finish(), Ok(_) | Err(Error::Closed)));
    let refused = chat.send("Hello?", &greedy(4)).err();
    assert!(matches!(refused, Some(Error::Closed)), "{refused:?}");
    let refused = engine.evaluate(candidate).err();
    assert!(matches!(refused, Some(Error::Closed)), "{refused:?}");
    drop(engine);
    drop(session);
}

#[test]
fn a_candidate_for_another_model_is_refused() {
    let file = written(&TinyModel::llama());
    let tiny = engine(file.path(), &EngineOptions::default());
    let wide_model = {
        let mut model = TinyModel::llama();
        model.widen(256, 512);
        model
    };
    let wide_file = written(&wide_model);
    let wide = engine(wide_file.path(), &EngineOptions::default());
    let bytes = wide_model.adapter(4, 8.0).build().unwrap();
    let refused = CandidateAdapter::parse(bytes.clone(), tiny.base_model()).unwrap_err();
    assert!(
        matches!(refused, AdapterError::TensorShape { .. }),
        "{refused:?}"
    );
    let candidate = CandidateAdapter::parse(bytes, wide.base_model()).unwrap();
    let refused = tiny.evaluate(candidate.clone()).err();
    assert!(
        matches!(
            refused,
            Some(Error::AdapterInvalid(AdapterError::OtherModel))
        ),
        "{refused:?}"
    );
    assert!(wide.evaluate(candidate).is_ok());
}

/// Other weight types, an architecture with sliding windows, and an output of
/// its own: llama.cpp applies what the checks let pass.
#[test]
fn every_kind_of_target_is_changed() {
    let mut quantized = TinyModel::llama();
    quantized.widen(256, 512).quantize(GgmlType::Q4_0);
    let mut with_output = TinyModel::llama();
    with_output.push("output.weight", GgmlType::F32, &[64, 263]);
    for model in [quantized, TinyModel::gemma3(), with_output] {
        let file = written(&model);
        let engine = engine(file.path(), &exact());
        let base = base_score(&engine).log_probability();
        let whole = model.adapter(4, 16.0);
        let targets: Vec<String> = (whole.tensors.iter())
            .filter_map(|tensor| Some(tensor.name.strip_suffix(".lora_a")?.to_owned()))
            .filter(|target| !target.starts_with("blk.0."))
            .collect();
        assert_eq!(targets.len(), 7);
        for target in targets {
            let mut adapter = whole.clone();
            adapter
                .tensors
                .retain(|tensor| tensor.name.starts_with(&target));
            let moved = moved_by(&engine, &adapter, base);
            assert!(moved > 1e-4, "{target}: {moved}");
        }
    }
}

fn moved_by(engine: &Engine, adapter: &TinyModel, base: f64) -> f64 {
    let bytes = adapter.build().unwrap();
    let candidate = CandidateAdapter::parse(bytes, engine.base_model()).unwrap();
    let session = engine.evaluate(candidate).unwrap();
    (score(&session).log_probability() - base).abs()
}

#[test]
fn an_output_of_its_own_is_changed() {
    let mut model = TinyModel::llama();
    model.push("output.weight", GgmlType::F32, &[64, 263]);
    let file = written(&model);
    let engine = engine(file.path(), &exact());
    let base = base_score(&engine).log_probability();
    let mut adapter = model.adapter(4, 16.0);
    adapter.tensors.clear();
    adapter
        .push("output.weight.lora_a", GgmlType::F32, &[64, 4])
        .push("output.weight.lora_b", GgmlType::F32, &[4, 263]);
    let moved = moved_by(&engine, &adapter, base);
    assert!(moved > 1e-2, "{moved}");
}

#[test]
fn interrupted_replies_of_a_real_model_are_what_they_would_be_alone() {
    let options = EngineOptions {
        context_tokens: Some(512),
        ..exact()
    };
    let engine = engine(smollm2(), &options);
    let model = Model::open(&smollm2()).unwrap();
    let lora = noisy(&model, LoraShape::default(), 0.02);
    let bytes: Arc<[u8]> = lora.to_gguf(&model, Precision::F16, &[]).unwrap().into();
    let candidate = CandidateAdapter::parse(bytes, engine.base_model()).unwrap();
    let options = endless(&engine, 40, Sampling::greedy());
    let base = || {
        let chat = engine.chat(ChatOptions::default()).unwrap();
        chat.send("Name a river.", &options).unwrap()
    };
    let started = std::time::Instant::now();
    let session = engine.evaluate(candidate).unwrap();
    println!("opened in {:?}", started.elapsed());
    let evaluated = || chat_of(&session).send("Name a river.", &options).unwrap();
    let alone = [base(), evaluated()].map(|stream| stream.finish().unwrap().text);
    assert_ne!(alone[0], alone[1]);
    let together = [base(), evaluated(), base(), evaluated()];
    let texts = together.map(|stream| stream.finish().unwrap().text);
    assert_eq!([&texts[0], &texts[1]], [&alone[0], &alone[1]]);
    assert_eq!([&texts[2], &texts[3]], [&alone[0], &alone[1]]);
}
