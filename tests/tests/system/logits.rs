//! Weights that compute NaN and infinities, and options that would: a reply has the form
//! that was asked for, or there is an error, and the engine goes on.

use pocketune_core::{
    CancelToken, ChatOptions, Constraint, Engine, EngineOptions, Error, GenerationOptions,
    Penalties, Pooling, Prompt, Reply, Sampling,
};
use pocketune_gguf::fixtures::{EMBEDDING, TinyModel};
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder};
use pocketune_tests::{engine, smollm2, written};
use serde_json::Value;
use tempfile::NamedTempFile;

/// The tokens of [`TinyModel::llama`].
const VOCABULARY: usize = 263;

/// A model whose output layer computes `poison` for these tokens, whatever it is asked.
fn poisoned(tokens: &[usize], poison: f32) -> NamedTempFile {
    let mut model = TinyModel::llama();
    let dims = [u64::from(EMBEDDING), VOCABULARY as u64];
    model.push("output.weight", GgmlType::F32, &dims);
    let bytes = model.build().unwrap();
    let gguf = Gguf::parse(&bytes, bytes.len() as u64).unwrap();
    let output = gguf
        .tensors()
        .iter()
        .find(|tensor| tensor.name() == "output.weight");
    let mut data = gguf.tensor_data(output.unwrap(), &bytes).unwrap().to_vec();
    let row = EMBEDDING as usize * 4;
    for token in tokens {
        data[token * row..(token + 1) * row].copy_from_slice(&poison.to_le_bytes().repeat(row / 4));
    }
    let mut builder = GgufBuilder::from_file(&gguf, &bytes).unwrap();
    builder
        .replace_tensor("output.weight", GgmlType::F32, data)
        .unwrap();
    let mut file = NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &builder.build().unwrap()).unwrap();
    file
}

fn reply(engine: &Engine, options: &GenerationOptions) -> Result<Reply, Error> {
    let chat = engine.chat(ChatOptions::default())?;
    chat.send("Hi", options)?.finish()
}

fn options(constraint: Option<Constraint>, seed: u32) -> GenerationOptions {
    GenerationOptions {
        max_tokens: 24,
        sampling: Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(seed),
            ..Sampling::default()
        },
        constraint,
        ..GenerationOptions::default()
    }
}

/// The weights of a row that make its logit NaN or infinite, for some hidden states at least.
const POISONS: [f32; 3] = [f32::NAN, f32::INFINITY, f32::MAX];

#[test]
fn one_token_of_nan_or_infinity_breaks_no_constraint() {
    let schema = r#"{"type": "array", "items": {"enum": ["a", "b", 1]}, "maxItems": 3,
        "x-guidance": {"whitespace_flexible": false}}"#;
    for poison in POISONS {
        // The last candidate, the first, and what a document begins with in part.
        let file = poisoned(&[0, 100, 200, VOCABULARY - 1], poison);
        let engine = engine(file.path(), &EngineOptions::default());
        for seed in 0..8 {
            let constraint = Constraint::JsonSchema(schema.to_owned());
            let text = reply(&engine, &options(Some(constraint), seed))
                .unwrap()
                .text;
            assert!(
                serde_json::from_str::<Vec<Value>>(&text).is_ok(),
                "{poison}: {text}"
            );
            let constraint = Constraint::Gbnf("root ::= [a-f]{3} | \"yes\"".to_owned());
            let text = reply(&engine, &options(Some(constraint), seed))
                .unwrap()
                .text;
            let fine = text == "yes" || text.chars().all(|c| ('a'..='f').contains(&c));
            assert!(fine && text.len() == 3, "{poison}: {text}");
            reply(&engine, &options(None, seed)).unwrap();
        }
        reply(
            &engine,
            &GenerationOptions {
                max_tokens: 8,
                ..GenerationOptions::greedy()
            },
        )
        .unwrap();
        let prompt = Prompt::Raw("the".to_owned());
        let score = engine.score(&prompt, "the", &CancelToken::new()).unwrap();
        assert!(!score.log_probability().is_nan() && score.log_probability() <= 0.0);
    }
}

#[test]
fn a_model_that_computes_no_number_at_all_is_an_error_everywhere() {
    let every: Vec<usize> = (0..VOCABULARY).collect();
    let file = poisoned(&every, f32::NAN);
    let engine = engine(file.path(), &EngineOptions::default());
    let none = |result: Result<(), Error>, what: &str| {
        let shown = format!("{result:?}");
        assert!(matches!(result, Err(Error::Compute(_))), "{what}: {shown}");
        assert!(shown.contains("NoFiniteLogit"), "{what}: {shown}");
    };
    none(reply(&engine, &options(None, 1)).map(drop), "a plain reply");
    for constraint in [
        Constraint::JsonSchema("{}".to_owned()),
        Constraint::Gbnf("root ::= .*".to_owned()),
    ] {
        none(
            reply(&engine, &options(Some(constraint), 1)).map(drop),
            "a constraint",
        );
    }
    let prompt = Prompt::Raw("the".to_owned());
    none(
        engine.score(&prompt, "the", &CancelToken::new()).map(drop),
        "a score",
    );

    let mut model = TinyModel::llama();
    model.tensor_mut("output_norm.weight").unwrap().fill = Some(f32::NAN);
    let file = written(&model);
    let engine = pocketune_tests::engine(file.path(), &EngineOptions::default());
    let embedded = engine.embed(&prompt, Pooling::Mean, &CancelToken::new());
    let shown = format!("{embedded:?}");
    assert!(shown.contains("HiddenStateNotFinite"), "{shown}");
}

#[test]
fn options_that_would_overflow_are_refused_or_do_not() {
    let engine = engine(
        smollm2(),
        &EngineOptions {
            context_tokens: Some(256),
            ..EngineOptions::default()
        },
    );
    let schema = r#"{"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2,
        "x-guidance": {"whitespace_flexible": false}}"#;
    let with = |change: &dyn Fn(&mut Sampling)| {
        let mut options = options(Some(Constraint::JsonSchema(schema.to_owned())), 7);
        change(&mut options.sampling);
        reply(&engine, &options)
    };
    for temperature in [1e-39, 1e-45, 1e-4] {
        let refused = with(&|sampling| sampling.temperature = temperature);
        assert!(
            matches!(
                refused,
                Err(Error::InvalidOption {
                    name: "temperature",
                    ..
                })
            ),
            "{temperature}: {refused:?}"
        );
    }
    let biases = [
        vec![(0, f32::MAX); 3],
        vec![(49_151, f32::MAX), (0, f32::MIN)],
        (0..2_000).map(|token| (token, 1e30)).collect(),
    ];
    let penalties = Penalties {
        last_tokens: 4096,
        repeat: 0.01,
        frequency: -10.0,
        presence: -10.0,
    };
    for logit_bias in biases {
        for temperature in [0.0, 0.001, 10.0] {
            let reply = with(&|sampling| {
                sampling.temperature = temperature;
                sampling.logit_bias.clone_from(&logit_bias);
                sampling.penalties = penalties;
            });
            let text = reply.unwrap().text;
            assert!(serde_json::from_str::<Vec<Value>>(&text).is_ok(), "{text}");
        }
    }
    let every = (0..49_152)
        .map(|token| (token, f32::NEG_INFINITY))
        .collect::<Vec<_>>();
    for temperature in [0.0, 1.0] {
        let refused = with(&|sampling| {
            sampling.temperature = temperature;
            sampling.logit_bias.clone_from(&every);
        });
        assert!(
            matches!(refused, Err(Error::InvalidConstraint { .. })),
            "{refused:?}"
        );
    }
    with(&|_| ()).unwrap();
}
