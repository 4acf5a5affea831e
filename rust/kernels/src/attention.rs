//! Grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245) under a
//! [`TreeMask`], forward and backward.
//!
//! `P = softmax(scale·Q·Kᵀ)`, `O = P·V`, head by head. Scores of 16 queries exist at
//! a time and P is never kept. The backward pass makes them anew, twice: once
//! with queries in the lanes for dQ, once with keys in the lanes for dK and dV,
//! so that no sum runs across lanes (the split of FlashAttention-2, Dao 2023,
//! arXiv:2307.08691, algorithm 2).

use crate::control::Workers;
use crate::lanes::{Lanes, Row, WIDTH};
use crate::mask::{Run, TreeMask};
use crate::matmul::{dense_backward, dense_forward};
use crate::panels::Panels;
use crate::share::Shared;

/// Shape of an attention layer. Features of Q and O: heads·head_features; of K
/// and V: kv_heads·head_features. Query head h uses key head h·kv_heads/heads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// D.
    pub head_features: usize,
    /// Factor on scores, mostly 1/√D.
    pub scale: f32,
}

impl Attention {
    fn kv_head(&self, head: usize) -> usize {
        head / (self.heads / self.kv_heads)
    }

    fn check(&self, mask: &TreeMask, q: &Panels, k: &Panels, v: &Panels) {
        assert!(self.heads.is_multiple_of(self.kv_heads), "heads");
        assert_eq!(q.features(), self.heads * self.head_features, "Q");
        assert_eq!(k.features(), self.kv_heads * self.head_features, "K");
        assert_eq!(v.features(), k.features(), "V");
        assert!([q, k, v].iter().all(|x| x.tokens() == mask.tokens()), "T");
    }
}

/// `O = softmax(scale·Q·Kᵀ)·V`. Q and K come rotated.
///
/// # Panics
/// When the shapes do not fit.
pub fn attention_forward<'p>(
    workers: impl Into<Workers<'p>>,
    shape: &Attention,
    mask: &TreeMask,
    q: &Panels,
    k: &Panels,
    v: &Panels,
    out: &mut Panels,
) {
    let workers = workers.into();
    shape.check(mask, q, k, v);
    assert_eq!(
        (out.features(), out.tokens()),
        (q.features(), q.tokens()),
        "O"
    );
    let d = shape.head_features;
    let (keys, values) = (ByToken::new(workers, k, d), ByToken::new(workers, v, d));
    let features = out.features();
    let panels = out.panel_count();
    let out = Shared::new(out.rows_mut());
    workers.share(shape.heads * panels, |claims| {
        let mut scores = Vec::new();
        for unit in claims {
            let (head, panel) = (unit / panels, unit % panels);
            let kv = shape.kv_head(head);
            let q = &q.panel(panel)[head * d..][..d];
            let runs = mask.keys(panel);
            make_scores(&mut scores, runs, &keys, kv, q, shape.scale);
            softmax(&mut scores, runs);
            // SAFETY: one head of one panel belongs to one unit.
            let out = unsafe { out.part(panel * features + head * d, d) };
            for (run, scores, first) in by_run(runs, &scores) {
                dense_backward(values.from(kv, run.start), d, scores, out, 1.0, first);
            }
        }
    });
}

/// Gradients of attention given O's: overwrites dQ, dK and dV.
///
/// # Panics
/// When the shapes do not fit.
#[allow(clippy::too_many_arguments, reason = "three inputs, three gradients")]
pub fn attention_backward<'p>(
    workers: impl Into<Workers<'p>>,
    shape: &Attention,
    mask: &TreeMask,
    [q, k, v]: [&Panels; 3],
    d_out: &Panels,
    [dq, dk, dv]: [&mut Panels; 3],
) {
    let workers = workers.into();
    shape.check(mask, q, k, v);
    shape.check(mask, dq, dk, dv);
    assert_eq!(
        (d_out.features(), d_out.tokens()),
        (q.features(), q.tokens()),
        "dO"
    );
    // [head][token]: log-sum-exp of the scores, and Σ P·dP.
    let mut stats = vec![[Row::default(); 2]; shape.heads * q.panel_count()];
    queries_backward(workers, shape, mask, [q, k, v], d_out, dq, &mut stats);
    keys_backward(workers, shape, mask, [q, k, v], d_out, &stats, [dk, dv]);
}

/// dQ, with queries in the lanes.
fn queries_backward(
    workers: Workers<'_>,
    shape: &Attention,
    mask: &TreeMask,
    [q, k, v]: [&Panels; 3],
    d_out: &Panels,
    dq: &mut Panels,
    stats: &mut [[Row; 2]],
) {
    let d = shape.head_features;
    let (keys, values) = (ByToken::new(workers, k, d), ByToken::new(workers, v, d));
    let (features, panels) = (dq.features(), dq.panel_count());
    let dq = Shared::new(dq.rows_mut());
    let stats = Shared::new(stats);
    workers.share(shape.heads * panels, |claims| {
        let (mut scores, mut slopes) = (Vec::new(), Vec::new());
        for unit in claims {
            let (head, panel) = (unit / panels, unit % panels);
            let kv = shape.kv_head(head);
            let q = &q.panel(panel)[head * d..][..d];
            let d_out = &d_out.panel(panel)[head * d..][..d];
            let runs = mask.keys(panel);
            make_scores(&mut scores, runs, &keys, kv, q, shape.scale);
            let log_sum = softmax(&mut scores, runs);
            make_scores(&mut slopes, runs, &values, kv, d_out, 1.0);
            let mut dot = Lanes::zero();
            for (p, dp) in scores.iter().zip(&slopes) {
                dot = Lanes::load(p).mul_add(Lanes::load(dp), dot);
            }
            for (p, dp) in scores.iter().zip(&mut slopes) {
                Lanes::load(p).mul(Lanes::load(dp).sub(dot)).store(dp);
            }
            // SAFETY: one head of one panel belongs to one unit.
            let dq = unsafe { dq.part(panel * features + head * d, d) };
            for (run, slopes, first) in by_run(runs, &slopes) {
                dense_backward(keys.from(kv, run.start), d, slopes, dq, shape.scale, first);
            }
            // SAFETY: as above.
            let [sum_out, dot_out] = unsafe { &mut stats.part(unit, 1)[0] };
            log_sum.store(sum_out);
            dot.store(dot_out);
        }
    });
}

/// dK and dV, with keys in the lanes.
fn keys_backward(
    workers: Workers<'_>,
    shape: &Attention,
    mask: &TreeMask,
    [q, k, v]: [&Panels; 3],
    d_out: &Panels,
    stats: &[[Row; 2]],
    [dk, dv]: [&mut Panels; 2],
) {
    let d = shape.head_features;
    let (queries, d_outs) = (ByToken::new(workers, q, d), ByToken::new(workers, d_out, d));
    let (features, panels) = (dk.features(), dk.panel_count());
    let group = shape.heads / shape.kv_heads;
    let dk = Shared::new(dk.rows_mut());
    let dv = Shared::new(dv.rows_mut());
    workers.share(shape.kv_heads * panels, |claims| {
        let (mut scores, mut slopes) = (Vec::new(), Vec::new());
        for unit in claims {
            let (kv, panel) = (unit / panels, unit % panels);
            let k = &k.panel(panel)[kv * d..][..d];
            let v = &v.panel(panel)[kv * d..][..d];
            // SAFETY: one head of one panel belongs to one unit.
            let dk = unsafe { dk.part(panel * features + kv * d, d) };
            // SAFETY: as above.
            let dv = unsafe { dv.part(panel * features + kv * d, d) };
            let runs = mask.queries(panel);
            for head in kv * group..(kv + 1) * group {
                make_scores(&mut scores, runs, &queries, head, k, shape.scale);
                make_scores(&mut slopes, runs, &d_outs, head, v, 1.0);
                let stats = &stats[head * panels..][..panels];
                probabilities_and_slopes(runs, stats, &mut scores, &mut slopes);
                let begins = head == kv * group;
                for (run, scores, first) in by_run(runs, &scores) {
                    let first = first && begins;
                    dense_backward(d_outs.from(head, run.start), d, scores, dv, 1.0, first);
                }
                for (run, slopes, first) in by_run(runs, &slopes) {
                    let first = first && begins;
                    let queries = queries.from(head, run.start);
                    dense_backward(queries, d, slopes, dk, shape.scale, first);
                }
            }
        }
    });
}

/// Scores become P = exp(s − log-sum), slopes dS = P·(dP − Σ P·dP), one query a row.
fn probabilities_and_slopes(
    runs: &[Run],
    stats: &[[Row; 2]],
    scores: &mut [Row],
    slopes: &mut [Row],
) {
    let queries = runs.iter().flat_map(|run| (run.start..).zip(&run.lanes));
    for (((query, &lanes), score), slope) in queries.zip(scores).zip(slopes) {
        let [log_sum, dot] = &stats[query / WIDTH];
        let log_sum = Lanes::splat(log_sum.0[query % WIDTH]);
        let dot = Lanes::splat(dot.0[query % WIDTH]);
        hide(score, lanes);
        let p = Lanes::load(score).sub(log_sum).exp_of_share();
        p.mul(Lanes::load(slope).sub(dot)).store(slope);
        p.store(score);
    }
}

/// `scores = scale·(tokens of the runs)·x`, one row a token.
fn make_scores(
    scores: &mut Vec<Row>,
    runs: &[Run],
    tokens: &ByToken,
    head: usize,
    x: &[Row],
    scale: f32,
) {
    let total = runs.iter().map(|run| run.lanes.len()).sum();
    scores.resize(total, Row::default());
    let mut done = 0;
    for run in runs {
        let scores = &mut scores[done..][..run.lanes.len()];
        dense_forward(
            tokens.from(head, run.start),
            x.len(),
            x,
            scores,
            scale,
            true,
        );
        done += run.lanes.len();
    }
}

/// Scores become probabilities; returns the log of each lane's sum.
fn softmax(scores: &mut [Row], runs: &[Run]) -> Lanes {
    let lanes = runs.iter().flat_map(|run| &run.lanes);
    let mut most = Lanes::splat(f32::NEG_INFINITY);
    for (score, &lanes) in scores.iter_mut().zip(lanes) {
        hide(score, lanes);
        most = most.max(Lanes::load(score));
    }
    let mut sum = Lanes::zero();
    for score in scores.iter_mut() {
        let e = Lanes::load(score).sub(most).exp_of_share();
        sum = sum.add(e);
        e.store(score);
    }
    let one_over = sum.map(|sum| 1.0 / sum);
    for score in scores {
        Lanes::load(score).mul(one_over).store(score);
    }
    most.add(sum.map(f32::ln))
}

fn hide(score: &mut Row, lanes: u16) {
    if lanes != !0 {
        for (lane, score) in score.0.iter_mut().enumerate() {
            if lanes >> lane & 1 == 0 {
                *score = f32::NEG_INFINITY;
            }
        }
    }
}

/// Each run with its rows, and whether it is the first one.
fn by_run<'a>(
    runs: &'a [Run],
    rows: &'a [Row],
) -> impl Iterator<Item = (&'a Run, &'a [Row], bool)> {
    runs.iter().scan(0, move |done, run| {
        let start = *done;
        *done += run.lanes.len();
        Some((run, &rows[start..*done], start == 0))
    })
}

/// The same values token by token: `[head][token][D]`, as weights of a product.
struct ByToken {
    tokens: usize,
    head_features: usize,
    values: Vec<f32>,
}

impl ByToken {
    fn new(workers: Workers<'_>, x: &Panels, head_features: usize) -> Self {
        let tokens = x.tokens();
        let heads = x.features() / head_features;
        let mut values = vec![0.0; heads * tokens * head_features];
        let out = Shared::new(&mut values);
        let panels = x.panel_count();
        workers.share(heads * panels, |claims| {
            for unit in claims {
                let (head, panel) = (unit / panels, unit % panels);
                let rows = &x.panel(panel)[head * head_features..][..head_features];
                let first = panel * WIDTH;
                let count = WIDTH.min(tokens - first);
                let start = (head * tokens + first) * head_features;
                // SAFETY: one head of one panel belongs to one unit.
                let out = unsafe { out.part(start, count * head_features) };
                for (lane, out) in out.chunks_exact_mut(head_features).enumerate() {
                    for (row, out) in rows.iter().zip(out) {
                        *out = row.0[lane];
                    }
                }
            }
        });
        Self {
            tokens,
            head_features,
            values,
        }
    }

    /// The head's rows from `token` on.
    fn from(&self, head: usize, token: usize) -> &[f32] {
        &self.values[(head * self.tokens + token) * self.head_features..]
    }
}
