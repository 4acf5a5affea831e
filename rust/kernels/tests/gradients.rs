//! Every backward function against finite differences of its forward one.
//!
//! A random direction R turns outputs into one number `L = Σ R·y`; its gradient by
//! the backward function must be the slope of L under central differences. F32
//! rounding leaves about 1e-3 of the slope at steps of 1e-2.
#![forbid(unsafe_code)]

use pocketune_gguf::fixtures::noise;
use pocketune_kernels::{
    Attention, Panels, RopeTable, Segment, ThreadPool, TreeMask, attention_backward,
    attention_forward, log_sum_exp, rms_norm_backward, rms_norm_forward, rope_backward,
    rope_forward, softmax_backward, swiglu_backward, swiglu_forward,
};

fn random(seed: u64, tokens: usize, features: usize) -> Panels {
    Panels::from_tokens(&noise(seed, tokens * features), features)
}

fn dot(a: &Panels, b: &Panels) -> f64 {
    let products = a.to_tokens().into_iter().zip(b.to_tokens());
    products.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
}

/// Checks `gradient` of `loss` at `x` along a few single values and one direction.
fn check(x: &Panels, gradient: &Panels, loss: impl Fn(&Panels) -> f64) {
    const STEP: f32 = 1e-2;
    let slope = |direction: &[f32]| {
        let at = |sign: f32| {
            let values: Vec<f32> = x
                .to_tokens()
                .iter()
                .zip(direction)
                .map(|(x, d)| x + sign * STEP * d)
                .collect();
            loss(&Panels::from_tokens(&values, x.features()))
        };
        (at(1.0) - at(-1.0)) / (2.0 * f64::from(STEP))
    };
    let gradient = gradient.to_tokens();
    let largest = gradient.iter().fold(0.0f32, |most, g| most.max(g.abs()));
    for index in (0..gradient.len()).step_by(gradient.len() / 23 + 1) {
        let mut direction = vec![0.0; gradient.len()];
        direction[index] = 1.0;
        let (got, expected) = (f64::from(gradient[index]), slope(&direction));
        let error = (got - expected).abs();
        assert!(
            error < 2e-3 * f64::from(largest) + 1e-4,
            "value {index}: {got} for {expected}"
        );
    }
    let all = random(99, x.tokens(), x.features());
    let expected = slope(&all.to_tokens());
    let products = gradient.iter().zip(all.to_tokens());
    let got: f64 = products.map(|(g, d)| f64::from(*g) * f64::from(d)).sum();
    assert!(
        (got - expected).abs() < 3e-3 * expected.abs().max(1.0),
        "{got} for {expected}"
    );
}

#[test]
fn rms_norm() {
    let pool = ThreadPool::new(2);
    let (x, r) = (random(1, 21, 48), random(2, 21, 48));
    let w: Vec<f32> = (0..48).map(|i| 0.5 + i as f32 / 48.0).collect();
    let mut dx = Panels::new(21, 48);
    rms_norm_backward(&pool, &x, &w, 1e-5, &r, &mut dx);
    check(&x, &dx, |x| {
        let mut y = Panels::new(21, 48);
        rms_norm_forward(&pool, x, &w, 1e-5, &mut y);
        dot(&y, &r)
    });
}

#[test]
fn swiglu() {
    let pool = ThreadPool::new(2);
    let (gate, up, r) = (random(1, 18, 33), random(2, 18, 33), random(3, 18, 33));
    let (mut d_gate, mut d_up) = (gate.clone(), up.clone());
    swiglu_backward(&pool, &mut d_gate, &mut d_up, &r);
    let loss = |gate: &Panels, up: &Panels| {
        let mut y = Panels::new(18, 33);
        swiglu_forward(&pool, gate, up, &mut y);
        dot(&y, &r)
    };
    check(&gate, &d_gate, |gate| loss(gate, &up));
    check(&up, &d_up, |up| loss(&gate, up));
}

#[test]
fn rope_in_both_layouts() {
    let pool = ThreadPool::new(2);
    let positions: Vec<u32> = (0..20).map(|t| t * 7 % 20).collect();
    for neox in [false, true] {
        let table = RopeTable::new(&positions, &[1.0, 0.3, 0.01], neox);
        let (x, r) = (random(1, 20, 16), random(2, 20, 16));
        let mut dx = r.clone();
        rope_backward(&pool, &table, 8, &mut dx);
        check(&x, &dx, |x| {
            let mut y = x.clone();
            rope_forward(&pool, &table, 8, &mut y);
            dot(&y, &r)
        });
    }
}

#[test]
fn attention_over_a_tree() {
    let segment = |parent, tokens| Segment { parent, tokens };
    let masks = [
        TreeMask::causal(35),
        TreeMask::new(&[segment(None, 13), segment(Some(0), 9), segment(Some(0), 18)]),
    ];
    let shape = Attention {
        heads: 4,
        kv_heads: 2,
        head_features: 8,
        scale: 0.35,
    };
    for (mask, threads) in masks.iter().zip([1, 3]) {
        let pool = ThreadPool::new(threads);
        let t = mask.tokens();
        let (q, k, v, r) = (
            random(1, t, 32),
            random(2, t, 16),
            random(3, t, 16),
            random(4, t, 32),
        );
        let [mut dq, mut dk, mut dv] = [32, 16, 16].map(|features| Panels::new(t, features));
        attention_backward(
            &pool,
            &shape,
            mask,
            [&q, &k, &v],
            &r,
            [&mut dq, &mut dk, &mut dv],
        );
        let loss = |q: &Panels, k: &Panels, v: &Panels| {
            let mut out = Panels::new(t, 32);
            attention_forward(&pool, &shape, mask, q, k, v, &mut out);
            dot(&out, &r)
        };
        check(&q, &dq, |q| loss(q, &k, &v));
        check(&k, &dk, |k| loss(&q, k, &v));
        check(&v, &dv, |v| loss(&q, &k, v));
    }
}

#[test]
fn a_shared_prompt_is_as_good_as_two_sequences() {
    let pool = ThreadPool::new(2);
    let shape = Attention {
        heads: 2,
        kv_heads: 1,
        head_features: 8,
        scale: 0.35,
    };
    let (prompt, first, second) = (19, 6, 11);
    let segment = |parent, tokens| Segment { parent, tokens };
    let tree = TreeMask::new(&[
        segment(None, prompt),
        segment(Some(0), first),
        segment(Some(0), second),
    ]);
    let t = tree.tokens();
    let (q, k, v) = (random(1, t, 16), random(2, t, 8), random(3, t, 8));
    let mut packed = Panels::new(t, 16);
    attention_forward(&pool, &shape, &tree, &q, &k, &v, &mut packed);
    let alone = |tokens: &[usize]| {
        let take = |from: &Panels| {
            let mut to = Panels::new(tokens.len(), from.features());
            for (index, &token) in tokens.iter().enumerate() {
                to.copy_token(index, from, token);
            }
            to
        };
        let mask = TreeMask::causal(tokens.len());
        let mut out = Panels::new(tokens.len(), 16);
        attention_forward(
            &pool,
            &shape,
            &mask,
            &take(&q),
            &take(&k),
            &take(&v),
            &mut out,
        );
        out
    };
    let second_tokens: Vec<usize> = (0..prompt).chain(prompt + first..t).collect();
    let out = alone(&second_tokens);
    for (index, &token) in second_tokens.iter().enumerate() {
        for (a, b) in out.token(index).zip(packed.token(token)) {
            assert!((a - b).abs() < 1e-6, "token {token}: {a} for {b}");
        }
    }
}

#[test]
fn cross_entropy() {
    let pool = ThreadPool::new(2);
    let (t, v) = (19, 5000);
    let logits = random(1, t, v);
    let targets: Vec<u32> = (0..19).map(|token| token * 251 % 5000).collect();
    let weights: Vec<f32> = (0..19)
        .map(|token| if token % 3 == 0 { 0.0 } else { 0.7 })
        .collect();
    let loss = |logits: &Panels| -> f64 {
        let sums = log_sum_exp(&pool, logits);
        let of = |token: usize| {
            let logit = logits
                .token(token)
                .nth(targets[token] as usize)
                .unwrap_or(f32::NAN);
            f64::from(weights[token]) * f64::from(sums.of(token) - logit)
        };
        (0..t).map(of).sum()
    };
    let mut gradient = logits.clone();
    softmax_backward(
        &pool,
        &mut gradient,
        &log_sum_exp(&pool, &logits),
        &targets,
        &weights,
    );
    // Of 5,000 values most have a slope below what differences can see.
    let gradient = gradient.to_tokens();
    for (token, &target) in targets.iter().enumerate() {
        let at = token * v + target as usize;
        let moved = |by: f32| {
            let mut values = logits.to_tokens();
            values[at] += by;
            loss(&Panels::from_tokens(&values, v))
        };
        let expected = (moved(0.5) - moved(-0.5)) / 1.0;
        assert!(
            (f64::from(gradient[at]) - expected).abs() < 1e-3,
            "token {token}"
        );
        let sum: f64 = gradient[token * v..][..v]
            .iter()
            .map(|&g| f64::from(g))
            .sum();
        assert!(
            sum.abs() < 1e-5,
            "a gradient of log-probabilities sums to 0: {sum}"
        );
    }
}

#[test]
fn padding_gets_no_gradient() {
    let pool = ThreadPool::new(2);
    let mask = TreeMask::causal(19);
    let shape = Attention {
        heads: 2,
        kv_heads: 1,
        head_features: 8,
        scale: 0.35,
    };
    // Tokens 19 to 31 are padding: visible when the panels are read as 32 tokens.
    let (q, k, v, r) = (
        random(1, 19, 16),
        random(2, 19, 8),
        random(3, 19, 8),
        random(4, 19, 16),
    );
    let [mut dq, mut dk, mut dv] = [16, 8, 8].map(|features| Panels::new(19, features));
    attention_backward(
        &pool,
        &shape,
        &mask,
        [&q, &k, &v],
        &r,
        [&mut dq, &mut dk, &mut dv],
    );
    for gradient in [&dq, &dk, &dv] {
        assert!(gradient.padding_is_zero());
    }
}
