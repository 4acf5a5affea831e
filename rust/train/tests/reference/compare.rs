//! Adapters by formula, and gradients and losses beside those that other programs
//! found. The system tests use this file too.

use std::sync::Arc;

use pocketune_base::Digest;
use pocketune_gguf::fixtures::hashed;
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    AdaptedModel, Adapters, Control, DpoLoss, DpoOptions, Drawn, KtoOptions, Lora, LoraShape,
    MeanBatch, MemoryBudget, MemoryPlan, Model, Objectives, OptimizerOptions, Pack, PackSize, Pass,
    ReferencePolicy, Sample, SampleSource, Schedule, TargetWeights, TrainError, Trainer,
    TrainerOptions, Training,
};
use serde_json::Value;

/// The adapter of a case: all projections, neither A nor B zero; `size` is a power
/// of two, so that both sides have the same F32 numbers.
pub fn adapter(model: &Model, case: &Value) -> Lora {
    let shape = LoraShape {
        rank: case["rank"].as_u64().unwrap() as usize,
        alpha: case["alpha"].as_f64().unwrap() as f32,
        ..LoraShape::default()
    };
    let mut lora = Lora::zero(model, shape).unwrap();
    let size = case["size"].as_f64().unwrap() as f32;
    for (index, parameter) in (0..).zip(lora.parameters_mut()) {
        *parameter = hashed(index) * size;
    }
    lora
}

/// Name and gradient of each of the adapter's matrices.
fn by_tensor<'g>(lora: &Lora, gradient: &'g [f32]) -> Vec<(String, &'g [f32])> {
    let mut rest = gradient;
    let mut named = Vec::new();
    for (layer, projection, a, b) in lora.matrices() {
        for (half, matrix) in [("lora_a", a), ("lora_b", b)] {
            let (this, others) = rest.split_at(matrix.rows() * matrix.columns());
            named.push((format!("{}.{half}", projection.tensor(layer)), this));
            rest = others;
        }
    }
    named
}

/// The largest errors over the tensors of an adapter.
#[derive(Debug, Default)]
pub struct Errors {
    /// `‖g − ref‖/‖ref‖`, or that of the norms where only those are known.
    pub tensor: f64,
    /// Of single entries, in units of their tensor's root mean square.
    pub entry: f64,
}

/// How far `gradient` is from what a reference says of each tensor: all entries, or
/// the norm and some entries.
pub fn errors(lora: &Lora, gradient: &[f32], expected: &Value) -> Errors {
    let mut errors = Errors::default();
    let named = by_tensor(lora, gradient);
    assert_eq!(named.len(), expected.as_object().unwrap().len());
    // `max` would overlook them.
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    for (name, gradient) in named {
        let expected = &expected[&name];
        let (norm, entries) = known(expected);
        let off = |&(index, value): &(usize, f64)| f64::from(gradient[index]) - value;
        let of_norm = (length(gradient.iter().map(|&g| f64::from(g))) - norm).abs();
        let of_tensor = if entries.len() == gradient.len() {
            length(entries.iter().map(off))
        } else {
            of_norm
        };
        let most = entries
            .iter()
            .map(|entry| off(entry).abs())
            .fold(0.0, f64::max);
        let rms = norm / (gradient.len() as f64).sqrt();
        errors.tensor = errors.tensor.max(of_tensor / norm);
        errors.entry = errors.entry.max(most / rms);
    }
    errors
}

/// Norm and entries of a tensor's gradient.
fn known(expected: &Value) -> (f64, Vec<(usize, f64)>) {
    if expected.is_array() {
        let all = numbers(expected);
        return (
            length(all.iter().copied()),
            all.into_iter().enumerate().collect(),
        );
    }
    let samples = expected["samples"].as_object().unwrap().iter();
    let samples = samples.map(|(index, value)| (index.parse().unwrap(), value.as_f64().unwrap()));
    (expected["norm"].as_f64().unwrap(), samples.collect())
}

fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

/// How far the loss on a case's text is off, and the gradient of the adapter.
pub fn text_gradient(
    model: &Model,
    lora: &Lora,
    case: &Value,
    plan: &MemoryPlan,
) -> (f64, Vec<f32>) {
    let (pool, control) = (ThreadPool::new(2), Control::new());
    let pack = Pack::new(&text(case));
    let policy = AdaptedModel {
        model,
        pool: &pool,
        adapters: Adapters {
            frozen: &[],
            initial: None,
            trained: Some(lora),
        },
        plan,
        control: &control,
        dropout: None,
    };
    let count = pack.targets().len();
    let mut gradient = vec![0.0; lora.parameters().len()];
    let weights = vec![1.0 / count as f32; count];
    let pass = Pass::forward(policy, &pack).unwrap();
    let logps = pass
        .backward(TargetWeights::Known(&weights), &mut gradient)
        .unwrap();
    let loss = -logps.iter().map(|&logp| f64::from(logp)).sum::<f64>() / count as f64;
    ((loss - case["loss"].as_f64().unwrap()).abs(), gradient)
}

/// The steps of a case beside ours: all samples are every step's batch, so that their
/// order does not matter. Fails where a step differs.
pub fn check_curve(model: &Model, lora: Lora, objectives: Objectives, case: &Value) {
    let (losses, norms) = (numbers(&case["losses"]), numbers(&case["gradient_norms"]));
    let samples = samples(case);
    let number = |option: &str| case["options"][option].as_f64().unwrap();
    let options = TrainerOptions {
        objectives,
        reference: ReferencePolicy::Base,
        learning_rate: number("learning_rate"),
        steps: number("steps") as u64,
        stop_after: None,
        warm_up: number("warm_up") as u64,
        schedule: Schedule::Cosine,
        clip: number("clip") as f32,
        optimizer: OptimizerOptions::AdamW {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: number("weight_decay") as f32,
        },
        dropout: 0.0,
        seed: 1,
    };
    let (pool, control) = (ThreadPool::new(2), Control::new());
    let mut trainer = Trainer::new(whole_batches(model, &pool, lora, samples, options)).unwrap();
    let (mut loss_off, mut norm_off) = (0.0f64, 0.0f64);
    let rates = numbers(&case["rates"]);
    assert!(losses.len() == number("steps") as usize && norms.len() == losses.len());
    assert_eq!(rates.len(), losses.len());
    for ((loss, norm), rate) in losses.into_iter().zip(norms).zip(rates) {
        let report = trainer.step(&control, |_| ()).unwrap();
        loss_off = loss_off.max((report.loss - loss).abs());
        norm_off = norm_off.max((report.gradient_norm - norm).abs() / norm);
        assert!((report.learning_rate - rate).abs() < 1e-15, "{report:?}");
    }
    println!("losses off by {loss_off:.1e}, norms of gradients by {norm_off:.1e}");
    // F32 on our side. AdamW moves by the full rate where a gradient is little more than
    // its rounding, so that a curve is less exact than a gradient: losses were off by up
    // to 5e-6, norms by 2e-5.
    assert!(loss_off < 1e-4, "{loss_off}");
    assert!(norm_off < 1e-3, "{norm_off}");
}

/// All samples in every batch, in their order: TRL's estimate of KL depends on it.
struct WholeBatches(Vec<Arc<Sample>>);

impl SampleSource for WholeBatches {
    fn largest_packs(&self) -> Vec<PackSize> {
        let whole = Pack::of(&self.0.iter().map(AsRef::as_ref).collect::<Vec<_>>()).size();
        vec![whole; self.0.len()]
    }

    fn mean(&self) -> MeanBatch {
        let sizes = self.0.iter().map(|sample| Pack::new(sample).size());
        MeanBatch {
            samples: self.0.len() as f64,
            tokens: sizes.map(|size| size.tokens as f64).sum(),
        }
    }

    fn kept_references(&self) -> usize {
        self.0.len()
    }

    fn digest(&self) -> Digest {
        Digest::of(b"all of them")
    }

    fn draw(&mut self, _: u64, _: AdaptedModel<'_>) -> Result<Vec<Drawn>, TrainError> {
        let drawn = self.0.iter().enumerate().map(|(index, sample)| Drawn {
            sample: Arc::clone(sample),
            again: Some(index),
        });
        Ok(drawn.collect())
    }
}

/// Training whose every batch holds all samples.
pub fn whole_batches<'a>(
    model: &'a Model,
    pool: &'a ThreadPool,
    lora: Lora,
    samples: Vec<Sample>,
    options: TrainerOptions,
) -> Training<'a> {
    Training {
        model,
        pool,
        frozen: &[],
        lora,
        source: Box::new(WholeBatches(samples.into_iter().map(Arc::new).collect())),
        options,
        kl: None,
        memory: MemoryBudget::default(),
        reserved_bytes: 0,
    }
}

/// TRL's options; what it leaves out is 0 or 1.
pub fn preferences(options: &Value) -> DpoOptions {
    let losses: Vec<DpoLoss> = serde_json::from_value(options["loss_type"].clone()).unwrap();
    let weights = match &options["loss_weights"] {
        Value::Null => vec![1.0; losses.len()],
        weights => numbers(weights),
    };
    DpoOptions {
        beta: options["beta"].as_f64().unwrap(),
        label_smoothing: options["label_smoothing"].as_f64().unwrap_or(0.0),
        losses: losses.into_iter().zip(weights).collect(),
        end_weight: 1.0,
    }
}

/// TRL's options of KTO; a weight that it leaves out is 1.
pub fn thumbs(options: &Value) -> KtoOptions {
    let weight = |name: &str| options[name].as_f64().unwrap_or(1.0);
    KtoOptions {
        loss: serde_json::from_value(options["loss_type"].clone()).unwrap(),
        beta: options["beta"].as_f64().unwrap(),
        desirable_weight: weight("desirable_weight"),
        undesirable_weight: weight("undesirable_weight"),
        sft_weight: 0.0,
        end_weight: 1.0,
    }
}

/// The pairs of a case, its thumbs, else its texts.
pub fn samples(case: &Value) -> Vec<Sample> {
    if let Some(thumbs) = case["samples"].as_array() {
        let thumb = |row: &Value| {
            let up = row["label"].as_bool().unwrap();
            Sample::thumb(tokens(&row["prompt"]), tokens(&row["completion"]), up)
        };
        return thumbs.iter().map(thumb).collect();
    }
    if let Some(pairs) = case["pairs"].as_array() {
        let pair = |row: &Value| {
            Sample::pair(
                tokens(&row["prompt"]),
                tokens(&row["chosen"]),
                tokens(&row["rejected"]),
            )
        };
        return pairs.iter().map(pair).collect();
    }
    case["texts"].as_array().unwrap().iter().map(text).collect()
}

/// Tokens and where the loss starts.
pub fn text(row: &Value) -> Sample {
    let mut prompt = tokens(&row["tokens"]);
    let reply = prompt.split_off(row["loss_from"].as_u64().unwrap() as usize);
    Sample::demonstration(prompt, reply)
}

/// A list of numbers.
pub fn numbers(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap();
    list.iter().map(|value| value.as_f64().unwrap()).collect()
}

fn tokens(list: &Value) -> Vec<u32> {
    numbers(list).iter().map(|&token| token as u32).collect()
}
