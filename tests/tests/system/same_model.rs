//! Training sees the model that llama.cpp runs.

use std::fs;
use std::path::{Path, PathBuf};

use pocketune_gguf::fixtures::{TinyModel, noise};
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder};
use pocketune_kernels::{Matrix, dequantize};
use pocketune_tests::policy::with_policy;
use pocketune_tests::reference::Reference;
use pocketune_tests::{as_f32, ggml, read_lora, smollm2};
use pocketune_train::{
    AdaptedLayers, Lora, LoraShape, Model, Pack, Pass, Precision, Projection, Sample,
};
use tempfile::TempDir;

const TYPES: [GgmlType; 11] = [
    GgmlType::F32,
    GgmlType::F16,
    GgmlType::BF16,
    GgmlType::Q8_0,
    GgmlType::Q4_0,
    GgmlType::Q4_1,
    GgmlType::Q5_0,
    GgmlType::Q5_1,
    GgmlType::Q4_K,
    GgmlType::Q5_K,
    GgmlType::Q6_K,
];

#[test]
fn dequantised_weights_are_ggmls() {
    let values = noise(1, 64 * 512);
    for tensor_type in TYPES {
        let bytes = ggml::quantize(tensor_type, &values, 512);
        let expected = ggml::to_float(tensor_type, &bytes, values.len());
        let mut got = vec![0.0; values.len()];
        dequantize(tensor_type, &bytes, &mut got);
        for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
            // A product and a sum may be rounded together: one bit of the larger one.
            let allowed = expected.abs().max(1.0) * f32::EPSILON;
            let error = (got - expected).abs();
            assert!(error <= allowed, "{tensor_type} {index}: {got} {expected}");
        }
        // Parts of rows are what tiles ask for.
        let w = Matrix::blocks(tensor_type, &bytes, 64, 512).unwrap();
        let mut part = vec![0.0; 256];
        w.dequantize_row(63, 256, &mut part);
        assert_eq!(part, got[63 * 512 + 256..]);
    }
}

/// Mean and largest KL(llama.cpp ‖ ours) over `tokens`, in nats.
fn divergence(reference: &Path, model: &Path, tokens: &[u32]) -> (f64, f64) {
    let model = Model::open(model).unwrap();
    divergence_with(reference, &model, tokens, None)
}

/// The same under an adapter: its file for llama.cpp, its parameters for us.
fn divergence_with(
    reference: &Path,
    model: &Model,
    tokens: &[u32],
    adapter: Option<(&Path, &Lora)>,
) -> (f64, f64) {
    let ids: Vec<i32> = tokens
        .iter()
        .map(|&token| i32::try_from(token).unwrap())
        .collect();
    let expected = Reference::load(reference).logits(&ids, adapter.map(|(path, _)| path));
    // The last one is not computed.
    let reply = [&tokens[1..], &[0]].concat();
    let pack = Pack::new(&Sample::demonstration(tokens[..1].to_vec(), reply));
    let lora = adapter.map(|(_, lora)| lora);
    let each: Vec<f64> = with_policy(model, lora, |policy| {
        let pass = Pass::infer(policy, &pack).unwrap();
        let logits = (0..tokens.len()).map(|token| pass.logits(token).unwrap());
        let pairs = expected.iter().zip(logits);
        pairs.map(|(expected, got)| kl(expected, &got)).collect()
    });
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    (mean, each.into_iter().fold(0.0, f64::max))
}

fn kl(p: &[f32], q: &[f32]) -> f64 {
    let log_sum = |logits: &[f32]| {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits
            .iter()
            .map(|&logit| f64::from(logit - most).exp())
            .sum();
        f64::from(most) + sum.ln()
    };
    let (p_sum, q_sum) = (log_sum(p), log_sum(q));
    let terms = p.iter().zip(q).map(|(&p, &q)| {
        let log_p = f64::from(p) - p_sum;
        log_p.exp() * (log_p - (f64::from(q) - q_sum))
    });
    terms.sum()
}

#[test]
fn small_models_of_each_type_answer_like_llama_cpp() {
    let folder = TempDir::new().unwrap();
    for tensor_type in TYPES {
        let (quantized, floats) = tiny_of(tensor_type, &folder);
        let tokens: Vec<u32> = (0..100).map(|i| i * 37 % 263).collect();
        let (mean, most) = divergence(&floats, &quantized, &tokens);
        println!("{tensor_type}: mean KL {mean:.1e}, largest {most:.1e}");
        assert!(mean < 1e-5, "{tensor_type}: {mean}");
    }
}

/// A small model whose matrices are quantized by ggml, and the same as floats.
fn tiny_of(tensor_type: GgmlType, folder: &TempDir) -> (PathBuf, PathBuf) {
    let mut tiny = TinyModel::llama();
    tiny.widen(256, 512);
    let plain = tiny.build().unwrap();
    let gguf = Gguf::parse(&plain, plain.len() as u64).unwrap();
    let mut builder = GgufBuilder::from_file(&gguf, &plain).unwrap();
    for (index, tensor) in gguf.tensors().iter().enumerate() {
        if tensor.n_dims() < 2 {
            continue;
        }
        let columns = usize::try_from(tensor.dims()[0]).unwrap();
        let mut values = noise(index as u64, usize::try_from(tensor.elements()).unwrap());
        values.iter_mut().for_each(|value| *value *= 0.1);
        let data = ggml::quantize(tensor_type, &values, columns);
        builder
            .replace_tensor(tensor.name(), tensor_type, data)
            .unwrap();
    }
    let path = folder.path().join(format!("{tensor_type}.gguf"));
    fs::write(&path, builder.build().unwrap()).unwrap();
    let floats = folder.path().join(format!("{tensor_type}-f32.gguf"));
    as_f32(&path, &floats);
    (path, floats)
}

#[test]
fn smollm2_answers_like_llama_cpp() {
    let folder = TempDir::new().unwrap();
    let floats = folder.path().join("f32.gguf");
    as_f32(&smollm2(), &floats);
    let engine = pocketune_tests::engine(smollm2(), &pocketune_core::EngineOptions::default());
    let text = "The river rises in the mountains, runs past two old mills and reaches the \
                sea after three days. Children who live near it learn to swim before they \
                learn to read, and every spring the whole village repairs the small bridge.";
    let tokens = engine.tokenize(text, true).unwrap();
    let tokens: Vec<u32> = tokens
        .iter()
        .map(|&token| u32::try_from(token).unwrap())
        .collect();
    drop(engine);
    let (mean, most) = divergence(&floats, &smollm2(), &tokens);
    let (quantized, _) = divergence(&smollm2(), &smollm2(), &tokens);
    println!(
        "{} tokens: mean KL {mean:.2e}, largest {most:.2e}; to the quantized path {quantized:.2e}",
        tokens.len()
    );
    assert!(mean < 1e-5, "{mean}");
}

#[test]
fn llama_cpp_applies_an_adapter_with_the_same_effect() {
    let folder = TempDir::new().unwrap();
    let (path, floats) = tiny_of(GgmlType::Q8_0, &folder);
    let model = Model::open(&path).unwrap();
    let tokens: Vec<u32> = (0..100).map(|i| i * 37 % 263).collect();
    let shapes = [
        LoraShape::default(),
        LoraShape {
            rank: 3,
            alpha: 5.0,
            projections: vec![Projection::K, Projection::Up],
            layers: AdaptedLayers::Only(vec![1]),
        },
    ];
    for (shape, precision) in shapes.into_iter().zip([Precision::F32, Precision::F16]) {
        let mut lora = Lora::zero(&model, shape).unwrap();
        let values = noise(11, lora.parameters().len());
        for (parameter, value) in lora.parameters_mut().iter_mut().zip(values) {
            *parameter = value * 0.1;
        }
        let facts = [("objective", "sft".to_owned())];
        let bytes = lora.to_gguf(&model, precision, &facts).unwrap();
        let file = folder.path().join("adapter.gguf");
        fs::write(&file, &bytes).unwrap();
        let read = read_lora(&path, &model, bytes.clone()).unwrap();
        if precision == Precision::F32 {
            assert_eq!(read, lora);
        }
        let (without, _) = divergence_with(&floats, &model, &tokens, None);
        let adapter = Some((file.as_path(), &read));
        let (with, most) = divergence_with(&floats, &model, &tokens, adapter);
        println!("with the adapter: mean KL {with:.1e}, largest {most:.1e}");
        assert!(without < 1e-5 && with < 1e-5, "{without} {with}");
        let moved = divergence_with(
            &floats,
            &model,
            &tokens,
            Some((file.as_path(), &zero(&read, &model))),
        );
        // A hundred times what separates the two programs.
        assert!(moved.0 > 1e-3, "the adapter changes something: {moved:?}");
    }
}

/// The same adapter without effect.
fn zero(lora: &Lora, model: &Model) -> Lora {
    Lora::zero(model, lora.shape().clone()).unwrap()
}

/// What is wrong with the file itself is the adapter reader's to say.
#[test]
fn adapters_that_cannot_be_trained_are_refused() {
    let folder = TempDir::new().unwrap();
    let (path, _) = tiny_of(GgmlType::Q8_0, &folder);
    let model = Model::open(&path).unwrap();
    let refused = |pairs: &[(&str, u64)]| {
        let mut builder = GgufBuilder::new();
        builder
            .metadata("general.type", "adapter")
            .metadata("general.architecture", "llama")
            .metadata("adapter.type", "lora");
        for &(target, rank) in pairs {
            for (half, dims) in [("lora_a", [256, rank]), ("lora_b", [rank, 256])] {
                let data = vec![0; usize::try_from(4 * dims[0] * dims[1]).unwrap()];
                builder.tensor(&format!("{target}.{half}"), GgmlType::F32, &dims, data);
            }
        }
        let bytes = builder.build().unwrap();
        read_lora(&path, &model, bytes).unwrap_err().to_string()
    };
    let message = refused(&[("blk.0.attn_q.weight", 8), ("blk.1.attn_q.weight", 4)]);
    assert!(message.contains("the rank 8"), "{message}");
}
