//! Scores and embeddings.

use pocketune_core::{
    CancelToken, Engine, EngineOptions, Error, Message, Pooling, Prompt, TemplateChoice,
};
use pocketune_tests::{engine, gemma3, smollm2};

fn small() -> EngineOptions {
    EngineOptions {
        context_tokens: Some(512),
        ..EngineOptions::default()
    }
}

fn score(engine: &Engine, prompt: &str, reply: &str) -> f64 {
    let prompt = Prompt::Raw(prompt.to_owned());
    engine
        .score(&prompt, reply, &CancelToken::new())
        .unwrap()
        .log_probability()
}

fn embed(engine: &Engine, text: &str) -> Vec<f32> {
    let prompt = Prompt::Raw(text.to_owned());
    engine
        .embed(&prompt, Pooling::Mean, &CancelToken::new())
        .unwrap()
        .normalized()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_right_answer_is_likelier_with_both_models() {
    for path in [smollm2(), gemma3()] {
        let engine = engine(path, &small());
        let right = score(&engine, "The capital of France is", " Paris");
        let wrong = score(&engine, "The capital of France is", " banana");
        assert!(right > wrong + 3.0, "{right} {wrong}");
    }
}

#[test]
fn scoring_in_small_batches_equals_scoring_token_by_token() {
    let engine = engine(smollm2(), &small());
    let reply = " Paris, a city on the Seine with about two million people. It is known for its \
                 museums, its bridges, its bakeries and a tower that was meant to stand for twenty \
                 years and has stood for more than a hundred.";
    let prompt = "The capital of France is";
    let whole = engine
        .score(&Prompt::Raw(prompt.to_owned()), reply, &CancelToken::new())
        .unwrap();
    assert!(whole.tokens.len() > 40);
    // The chain rule: a prefix and the rest add up to the whole.
    let cut = engine.detokenize(
        &whole.tokens[..20]
            .iter()
            .map(|t| t.token)
            .collect::<Vec<_>>(),
    );
    let cut = cut.unwrap();
    let rest = reply.strip_prefix(&cut).unwrap();
    let parts = score(&engine, prompt, &cut) + score(&engine, &format!("{prompt}{cut}"), rest);
    let difference = (parts - whole.log_probability()).abs();
    assert!(
        difference < 0.05 * whole.log_probability().abs(),
        "{difference}"
    );
}

#[test]
fn a_chat_prompt_is_rendered_before_scoring() {
    let engine = engine(smollm2(), &small());
    let prompt = Prompt::Chat {
        system_prompt: None,
        turns: vec![Message::user("What is the capital of France?")],
        template: TemplateChoice::Model,
    };
    let cancel = CancelToken::new();
    let right = engine
        .score(&prompt, "The capital of France is Paris.", &cancel)
        .unwrap();
    let wrong = engine
        .score(&prompt, "The capital of France is Oslo.", &cancel)
        .unwrap();
    assert!(right.log_probability() > wrong.log_probability());
    assert!(right.perplexity() < 4.0, "{}", right.perplexity());
}

#[test]
fn embeddings_put_like_texts_together() {
    for path in [smollm2(), gemma3()] {
        let engine = engine(path, &small());
        let cat = embed(&engine, "A cat sleeps on the sofa.");
        let kitten = embed(&engine, "A kitten naps on the couch.");
        let tax = embed(&engine, "Quarterly tax returns are due in April.");
        let (near, far) = (cosine(&cat, &kitten), cosine(&cat, &tax));
        assert!(near > far, "{near} {far}");
        assert_eq!(cat.len(), engine.facts().header.embedding_length as usize);
    }
}

#[test]
fn empty_and_oversized_texts_are_refused() {
    let engine = engine(smollm2(), &small());
    let cancel = CancelToken::new();
    let raw = |text: &str| Prompt::Raw(text.to_owned());
    let empty = engine.score(&raw("Hi"), "", &cancel);
    assert!(
        matches!(empty, Err(Error::InvalidOption { name: "reply", .. })),
        "{empty:?}"
    );
    let empty = engine.embed(&raw(""), Pooling::Last, &cancel);
    assert!(
        matches!(empty, Err(Error::InvalidOption { .. })),
        "{empty:?}"
    );
    let long = engine.score(&raw(&"word ".repeat(600)), "x", &cancel);
    assert!(matches!(long, Err(Error::ContextFull { .. })), "{long:?}");
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let gone = engine.score(&raw("Hi"), "there", &cancelled);
    assert!(matches!(gone, Err(Error::Cancelled)), "{gone:?}");
}
