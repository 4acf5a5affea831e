//! The gradient of a whole model against finite differences, and what must not
//! change it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{LARGEST, SMALLEST, moved, policy, tiny};
use pocketune_kernels::ThreadPool;
use pocketune_train::{
    AdaptedLayers, Adapters, Control, Lora, LoraShape, MemoryPlan, Model, Pack, Pass, Projection,
    Sample, TargetWeights,
};

/// `Σ weights·(−log p)` and its gradient.
fn loss(
    model: &Model,
    pool: &ThreadPool,
    adapters: Adapters<'_>,
    pack: &Pack,
    plan: &MemoryPlan,
) -> (f64, Vec<f32>) {
    let control = Control::new();
    let weights: Vec<f32> = (0..pack.targets().len())
        .map(|i| 0.3 + 0.1 * (i % 5) as f32)
        .collect();
    let parameters = adapters.trained.map_or(0, |lora| lora.parameters().len());
    let mut gradient = vec![0.0; parameters];
    let pass = Pass::forward(policy(model, pool, adapters, plan, &control), pack).unwrap();
    let known = TargetWeights::Known(&weights);
    let logps = pass.backward(known, &mut gradient).unwrap();
    let loss = logps
        .iter()
        .zip(&weights)
        .map(|(p, w)| -f64::from(*p) * f64::from(*w))
        .sum();
    (loss, gradient)
}

fn pair() -> Pack {
    let tokens = |seed: u32, count: u32| (0..count).map(|i| (i * 37 + seed * 11) % 263).collect();
    Pack::new(&Sample::pair(tokens(1, 21), tokens(2, 9), tokens(3, 14)))
}

fn trained<'a>(lora: &'a Lora, frozen: &'a [Lora]) -> Adapters<'a> {
    Adapters {
        frozen,
        initial: None,
        trained: Some(lora),
    }
}

#[test]
fn every_projection_of_every_layer_has_the_slope_of_the_loss() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let pack = pair();
    let frozen = [moved(
        &model,
        LoraShape {
            rank: 2,
            ..LoraShape::default()
        },
        5,
    )];
    let mut lora = moved(
        &model,
        LoraShape {
            rank: 3,
            ..LoraShape::default()
        },
        7,
    );
    let (_, gradient) = loss(&model, &pool, trained(&lora, &frozen), &pack, &LARGEST);
    let norm = gradient
        .iter()
        .map(|g| f64::from(*g).powi(2))
        .sum::<f64>()
        .sqrt();
    assert!(norm > 0.1, "{norm}");
    let spans: Vec<_> = {
        let mut start = 0;
        let spans = lora.matrices().flat_map(|(layer, projection, a, b)| {
            let sizes = [a.rows() * a.columns(), b.rows() * b.columns()];
            sizes.map(|size| (layer, projection, size))
        });
        spans
            .map(|(layer, projection, size)| {
                start += size;
                (layer, projection, start - size..start)
            })
            .collect()
    };
    assert_eq!(spans.len(), 2 * 7 * 2);
    // Along each matrix's own gradient the slope is that gradient's length: F32
    // noise in the loss (1e-6 of 50) over steps of 2e-2 leaves some 1e-3 of it.
    for (layer, projection, span) in spans {
        let own = gradient[span.clone()].to_vec();
        let length = own
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        let step = 2e-2;
        let mut at = |sign: f64| {
            let saved = lora.parameters().to_vec();
            for (parameter, g) in lora.parameters_mut()[span.clone()].iter_mut().zip(&own) {
                *parameter += (sign * step * f64::from(*g) / length) as f32;
            }
            let (value, _) = loss(&model, &pool, trained(&lora, &frozen), &pack, &LARGEST);
            lora.parameters_mut().copy_from_slice(&saved);
            value
        };
        let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
        let error = (slope - length).abs() / length;
        assert!(
            error < 5e-3,
            "{} of layer {layer}: slope {slope}, length {length}",
            projection.name()
        );
    }
}

#[test]
fn memory_plans_and_threads_change_nothing() {
    let model = tiny();
    let pack = pair();
    let lora = moved(&model, LoraShape::default(), 7);
    let run = |threads, plan| {
        loss(
            &model,
            &ThreadPool::new(threads),
            trained(&lora, &[]),
            &pack,
            plan,
        )
    };
    let (value, gradient) = run(1, &LARGEST);
    assert_eq!(run(3, &LARGEST), (value, gradient.clone()), "threads");
    let (small_value, small) = run(2, &SMALLEST);
    assert!((value - small_value).abs() < 1e-4);
    let largest = gradient.iter().fold(0.0f32, |most, g| most.max(g.abs()));
    for (a, b) in gradient.iter().zip(&small) {
        assert!((a - b).abs() < 1e-5 * largest.max(1.0), "{a} {b}");
    }
}

#[test]
fn a_shared_prompt_gives_the_gradient_of_two_sequences() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let lora = moved(&model, LoraShape::default(), 7);
    let tokens = |seed: u32, count: u32| {
        (0..count)
            .map(|i| (i * 37 + seed * 11) % 263)
            .collect::<Vec<_>>()
    };
    let (prompt, chosen, rejected) = (tokens(1, 21), tokens(2, 9), tokens(3, 14));
    let text = |reply: &[u32]| Pack::new(&Sample::demonstration(prompt.clone(), reply.to_vec()));
    let control = Control::new();
    let gradient = |pack: &Pack| {
        let mut gradient = vec![0.0; lora.parameters().len()];
        let adapters = trained(&lora, &[]);
        let policy = policy(&model, &pool, adapters, &LARGEST, &control);
        let pass = Pass::forward(policy, pack).unwrap();
        let weights = vec![1.0; pack.targets().len()];
        let known = TargetWeights::Known(&weights);
        let logps = pass.backward(known, &mut gradient).unwrap();
        (logps, gradient)
    };
    let (first, second) = (gradient(&text(&chosen)), gradient(&text(&rejected)));
    let both = gradient(&Pack::new(&Sample::pair(
        prompt.clone(),
        chosen.clone(),
        rejected.clone(),
    )));
    for (a, b) in first.0.iter().chain(&second.0).zip(&both.0) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
    for ((a, b), both) in first.1.iter().zip(&second.1).zip(&both.1) {
        assert!((a + b - both).abs() < 1e-4, "{a} + {b} for {both}");
    }
}

#[test]
fn an_adapter_of_the_last_layer_needs_no_other() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let pack = pair();
    let all = moved(&model, LoraShape::default(), 7);
    let mut shape = LoraShape {
        layers: AdaptedLayers::Only(vec![1]),
        projections: vec![Projection::K, Projection::Down],
        ..LoraShape::default()
    };
    let last = moved(&model, shape.clone(), 7);
    let (_, gradient) = loss(&model, &pool, trained(&last, &[]), &pack, &LARGEST);
    assert!(gradient.iter().any(|&g| g != 0.0));
    shape.layers = AdaptedLayers::Only(vec![2]);
    assert!(Lora::new(&model, shape, 1).is_err(), "there are two layers");
    assert!(last.parameters().len() < all.parameters().len());
}

#[test]
fn kl_is_the_sum_over_the_vocabulary() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let pack = pair();
    let lora = moved(&model, LoraShape::default(), 7);
    let control = Control::new();
    let infer = |adapters| Pass::infer(policy(&model, &pool, adapters, &SMALLEST, &control), &pack);
    let moved = infer(trained(&lora, &[])).unwrap();
    let reference = infer(Adapters::default()).unwrap();
    let log_softmax = |logits: Vec<f32>| -> Vec<f64> {
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        let log = sum.ln();
        logits.iter().map(|&logit| f64::from(logit) - log).collect()
    };
    let got = moved.kl_divergence(&reference.hidden()).unwrap();
    assert_eq!(got.len(), pack.targets().len());
    for (kl, target) in got.iter().zip(pack.targets()) {
        let p = log_softmax(moved.logits(target.token).unwrap());
        let q = log_softmax(reference.logits(target.token).unwrap());
        let expected: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
        assert!(expected > 1e-4, "the adapter changes something");
        assert!(
            (f64::from(*kl) - expected).abs() < 1e-5,
            "{kl} for {expected}"
        );
    }
    let own = reference.kl_divergence(&reference.hidden()).unwrap();
    assert!(own.iter().all(|kl| kl.abs() < 1e-6));
}

/// Toward the reference: the values are the divergence, and the gradient is its slope.
#[test]
fn the_gradient_toward_the_reference_is_the_slope_of_kl() {
    let model = tiny();
    let pool = ThreadPool::new(2);
    let pack = pair();
    let mut lora = moved(&model, LoraShape::default(), 7);
    let control = Control::new();
    let hidden = {
        let reference = policy(&model, &pool, Adapters::default(), &LARGEST, &control);
        Pass::infer(reference, &pack).unwrap().hidden()
    };
    // Each target has its own.
    let weights: Vec<f32> = (0..pack.targets().len())
        .map(|target| 0.3 + 0.2 * target as f32)
        .collect();
    let weighed = |kl: &[f32]| -> f64 {
        let terms = kl.iter().zip(&weights);
        terms.map(|(&kl, &weight)| f64::from(kl * weight)).sum()
    };
    let toward = |lora: &Lora, plan| {
        let policy = policy(&model, &pool, trained(lora, &[]), plan, &control);
        let pass = Pass::forward(policy, &pack).unwrap();
        let mut gradient = vec![0.0; lora.parameters().len()];
        let kl = pass.backward_toward(&hidden, &weights, &mut gradient);
        (weighed(&kl.unwrap()), gradient)
    };
    let (value, gradient) = toward(&lora, &LARGEST);
    let expected: f64 = {
        let infer = |adapters| {
            Pass::infer(policy(&model, &pool, adapters, &LARGEST, &control), &pack).unwrap()
        };
        let [reference, moved] = [Adapters::default(), trained(&lora, &[])].map(infer);
        weighed(&reference.kl_divergence(&moved.hidden()).unwrap())
    };
    assert!((value - expected).abs() < 1e-5, "{value}");
    let (small_value, small) = toward(&lora, &SMALLEST);
    assert!((value - small_value).abs() < 1e-5);
    let squares: f64 = gradient.iter().map(|g| f64::from(*g).powi(2)).sum();
    let length = squares.sqrt();
    for (a, b) in gradient.iter().zip(&small) {
        assert!(f64::from((a - b).abs()) < 1e-5 * length, "{a} {b}");
    }
    let mut at = |step: f64| {
        let saved = lora.parameters().to_vec();
        for (parameter, g) in lora.parameters_mut().iter_mut().zip(&gradient) {
            *parameter += (step * f64::from(*g) / length) as f32;
        }
        let (value, _) = toward(&lora, &LARGEST);
        lora.parameters_mut().copy_from_slice(&saved);
        value
    };
    let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
    assert!((slope - length).abs() < 5e-3 * length, "{slope}, {length}");
}

#[test]
fn cancelling_stops_a_pass() {
    let model = tiny();
    let pool = ThreadPool::new(1);
    let pack = pair();
    let control = Control::new();
    control.cancel();
    let policy = policy(&model, &pool, Adapters::default(), &LARGEST, &control);
    assert!(Pass::infer(policy, &pack).is_err());
}
