//! Log-sum-exp and softmax over a vocabulary, one token a lane.

use crate::lanes::{Lanes, Row, WIDTH};
use crate::panels::Panels;
use crate::pool::ThreadPool;
use crate::share::{Shared, split};

/// Features that one unit of work takes; sums are put together in this order
/// whatever the number of threads.
const UNIT: usize = 2048;

/// `log Σ exp` of each token's logits.
#[derive(Debug, Clone, Default)]
pub struct LogSumExp(Vec<f32>);

impl LogSumExp {
    /// Of one token.
    ///
    /// # Panics
    /// When there is no such token.
    #[must_use]
    pub fn of(&self, token: usize) -> f32 {
        self.0[token]
    }
}

/// `log Σᵥ exp(logits[v])` of each token, in F32 with a maximum taken out and the
/// units' sums added in F64.
#[must_use]
pub fn log_sum_exp(pool: &ThreadPool, logits: &Panels) -> LogSumExp {
    let v = logits.features();
    let units = v.div_ceil(UNIT);
    let mut parts = vec![[Row::default(); 2]; logits.panel_count() * units];
    let out = Shared::new(&mut parts);
    pool.run(|thread| {
        for part in split(logits.panel_count() * units, thread, pool.threads()) {
            let start = part % units * UNIT;
            let rows = &logits.panel(part / units)[start..v.min(start + UNIT)];
            // SAFETY: this thread's part.
            let out = unsafe { out.part(part, 1) };
            let mut most = Lanes::splat(f32::NEG_INFINITY);
            for row in rows {
                most = most.max(Lanes::load(row));
            }
            let mut sum = Lanes::zero();
            for row in rows {
                sum = sum.add(Lanes::load(row).sub(most).exp_of_share());
            }
            let [most_out, sum_out] = &mut out[0];
            most.store(most_out);
            sum.store(sum_out);
        }
    });
    let of = |token: usize| {
        let lane = token % WIDTH;
        let parts = &parts[token / WIDTH * units..][..units];
        let most = parts
            .iter()
            .map(|[most, _]| most.0[lane])
            .fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = parts
            .iter()
            .map(|[m, sum]| f64::from(sum.0[lane]) * f64::from(m.0[lane] - most).exp())
            .sum();
        most + sum.ln() as f32
    };
    LogSumExp((0..logits.tokens()).map(of).collect())
}

/// Replaces logits by `weight[t]·softmax(logits[t])`: with −`weight[t]` added at
/// the target this is the gradient of `weight·(−log p(target))`.
///
/// # Panics
/// When the shapes do not fit.
pub fn softmax_backward(
    pool: &ThreadPool,
    logits: &mut Panels,
    sums: &LogSumExp,
    targets: &[u32],
    weights: &[f32],
) {
    let (v, tokens) = (logits.features(), logits.tokens());
    assert!(targets.len() == tokens && weights.len() == tokens, "T");
    assert_eq!(sums.0.len(), tokens, "T");
    let units = v.div_ceil(UNIT);
    let panels = logits.panel_count();
    let out = Shared::new(logits.rows_mut());
    pool.run(|thread| {
        for part in split(panels * units, thread, pool.threads()) {
            let (panel, start) = (part / units, part % units * UNIT);
            let len = v.min(start + UNIT) - start;
            let sum = lanes(&sums.0, panel);
            let weight = lanes(weights, panel);
            // SAFETY: this thread's part of the panel.
            let rows = unsafe { out.part(panel * v + start, len) };
            for row in rows {
                Lanes::load(row)
                    .sub(sum)
                    .exp_of_share()
                    .mul(weight)
                    .store(row);
            }
        }
    });
    for (token, (&target, &weight)) in targets.iter().zip(weights).enumerate() {
        logits.panel_mut(token / WIDTH)[target as usize].0[token % WIDTH] -= weight;
    }
}

/// The values of a panel's tokens; 0 where it has fewer.
fn lanes(of_tokens: &[f32], panel: usize) -> Lanes {
    let value = |lane| of_tokens.get(panel * WIDTH + lane).copied();
    Lanes::from_array(std::array::from_fn(|lane| value(lane).unwrap_or(0.0)))
}

/// V and T of two sets of logits, which must be alike.
fn shape_of_both([p, q]: [&Panels; 2], [p_sums, q_sums]: [&LogSumExp; 2]) -> (usize, usize) {
    let (v, tokens) = (p.features(), p.tokens());
    assert_eq!((v, tokens), (q.features(), q.tokens()), "P and Q");
    assert!(p_sums.0.len() == tokens && q_sums.0.len() == tokens, "T");
    (v, tokens)
}

/// Replaces the logits of P by weight·(P − Q): the gradient of weight·KL(Q ‖ P) of each token
/// with respect to them. There is a weight for each token.
///
/// # Panics
/// When the shapes do not fit.
pub fn kl_backward(
    pool: &ThreadPool,
    (p, q): (&mut Panels, &Panels),
    [p_sums, q_sums]: [&LogSumExp; 2],
    weights: &[f32],
) {
    let (v, tokens) = shape_of_both([p, q], [p_sums, q_sums]);
    assert_eq!(weights.len(), tokens, "weights");
    let units = v.div_ceil(UNIT);
    let panels = p.panel_count();
    let out = Shared::new(p.rows_mut());
    pool.run(|thread| {
        for part in split(panels * units, thread, pool.threads()) {
            let (panel, start) = (part / units, part % units * UNIT);
            let range = start..v.min(start + UNIT);
            let (p_sum, q_sum) = (lanes(&p_sums.0, panel), lanes(&q_sums.0, panel));
            let weight = lanes(weights, panel);
            // SAFETY: this thread's part of the panel.
            let rows = unsafe { out.part(panel * v + start, range.len()) };
            for (row, q) in rows.iter_mut().zip(&q.panel(panel)[range]) {
                let p = Lanes::load(row).sub(p_sum).exp_of_share();
                let q = Lanes::load(q).sub(q_sum).exp_of_share();
                p.sub(q).mul(weight).store(row);
            }
        }
    });
}

/// KL(P ‖ Q) = Σ P·(log P − log Q) of each token in nats, given the logits of P and
/// Q and their log-sum-exps.
///
/// # Panics
/// When the shapes do not fit.
#[must_use]
pub fn kl_divergence(
    pool: &ThreadPool,
    [p, q]: [&Panels; 2],
    [p_sums, q_sums]: [&LogSumExp; 2],
) -> Vec<f32> {
    let (v, tokens) = shape_of_both([p, q], [p_sums, q_sums]);
    let units = v.div_ceil(UNIT);
    let mut parts = vec![Row::default(); p.panel_count() * units];
    let out = Shared::new(&mut parts);
    pool.run(|thread| {
        for part in split(p.panel_count() * units, thread, pool.threads()) {
            let (panel, start) = (part / units, part % units * UNIT);
            let range = start..v.min(start + UNIT);
            let (p_sum, q_sum) = (lanes(&p_sums.0, panel), lanes(&q_sums.0, panel));
            let mut sum = Lanes::zero();
            for (p, q) in p.panel(panel)[range.clone()]
                .iter()
                .zip(&q.panel(panel)[range])
            {
                let (log_p, log_q) = (Lanes::load(p).sub(p_sum), Lanes::load(q).sub(q_sum));
                sum = log_p.exp_of_share().mul_add(log_p.sub(log_q), sum);
            }
            // SAFETY: this thread's part.
            sum.store(unsafe { &mut out.part(part, 1)[0] });
        }
    });
    let of = |token: usize| {
        let parts = &parts[token / WIDTH * units..][..units];
        parts
            .iter()
            .map(|part| f64::from(part.0[token % WIDTH]))
            .sum::<f64>() as f32
    };
    (0..tokens).map(of).collect()
}
