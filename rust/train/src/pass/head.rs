//! From the last hidden state to log-probabilities and back, some positions at a
//! time: logits are the widest thing there is, and exist only where they count.

use pocketune_kernels::{
    LogSumExp, Panels, kl_divergence as kl, log_sum_exp, matmul_backward, matmul_forward,
    rms_norm_backward, rms_norm_forward, softmax_backward,
};

use crate::error::TrainError;
use crate::pack::Target;
use crate::pass::layer::Env;

/// Logits at some positions, with what led to them.
struct Chunk {
    x: Panels,
    logits: Panels,
    sums: LogSumExp,
}

impl Chunk {
    fn new(env: &Env<'_>, last: &Panels, targets: &[Target]) -> Result<Self, TrainError> {
        env.control.check()?;
        let model = env.model.architecture();
        let mut x = Panels::new(targets.len(), last.features());
        for (row, target) in targets.iter().enumerate() {
            x.copy_token(row, last, target.token);
        }
        let (w, epsilon) = model.final_norm();
        let mut normed = Panels::new(targets.len(), last.features());
        rms_norm_forward(env.pool, &x, w, epsilon, &mut normed);
        let mut logits = Panels::new(targets.len(), model.vocabulary());
        matmul_forward(env.pool, &model.head(), &normed, &mut logits, 1.0, false);
        let sums = log_sum_exp(env.pool, &logits);
        Ok(Self { x, logits, sums })
    }

    fn log_probabilities(&self, targets: &[Target]) -> impl Iterator<Item = f32> {
        targets
            .iter()
            .enumerate()
            .map(|(row, target)| self.logits.value(row, target.target as usize) - self.sums.of(row))
    }
}

pub(crate) fn log_probabilities(
    env: &Env<'_>,
    last: &Panels,
    targets: &[Target],
    chunk: usize,
) -> Result<Vec<f32>, TrainError> {
    let mut all = Vec::with_capacity(targets.len());
    for targets in targets.chunks(chunk) {
        all.extend(Chunk::new(env, last, targets)?.log_probabilities(targets));
    }
    Ok(all)
}

pub(crate) fn logits(env: &Env<'_>, last: &Panels, token: usize) -> Result<Vec<f32>, TrainError> {
    let target = Target { token, target: 0 };
    Ok(Chunk::new(env, last, &[target])?.logits.to_tokens())
}

pub(crate) fn kl_divergence(
    env: &Env<'_>,
    [policy, reference]: [&Panels; 2],
    targets: &[Target],
    chunk: usize,
) -> Result<Vec<f32>, TrainError> {
    let mut all = Vec::with_capacity(targets.len());
    for targets in targets.chunks(chunk) {
        let policy = Chunk::new(env, policy, targets)?;
        let reference = Chunk::new(env, reference, targets)?;
        all.extend(kl(
            env.pool,
            [&policy.logits, &reference.logits],
            [&policy.sums, &reference.sums],
        ));
    }
    Ok(all)
}

/// Log-probabilities, and the gradient of `Σ weights·(−log p)` with respect to the
/// last hidden state.
pub(crate) fn backward(
    env: &Env<'_>,
    last: &Panels,
    targets: &[Target],
    weights: &[f32],
    chunk: usize,
) -> Result<(Vec<f32>, Panels), TrainError> {
    assert_eq!(targets.len(), weights.len(), "weights");
    let model = env.model.architecture();
    let mut all = Vec::with_capacity(targets.len());
    let mut d_last = Panels::new(last.tokens(), last.features());
    for (targets, weights) in targets.chunks(chunk).zip(weights.chunks(chunk)) {
        let Chunk {
            x,
            mut logits,
            sums,
        } = {
            let chunk = Chunk::new(env, last, targets)?;
            all.extend(chunk.log_probabilities(targets));
            chunk
        };
        let ids: Vec<u32> = targets.iter().map(|target| target.target).collect();
        softmax_backward(env.pool, &mut logits, &sums, &ids, weights);
        env.control.check()?;
        let mut d_normed = Panels::new(x.tokens(), x.features());
        matmul_backward(env.pool, &model.head(), &logits, &mut d_normed, 1.0, false);
        let (w, epsilon) = model.final_norm();
        let mut dx = Panels::new(x.tokens(), x.features());
        rms_norm_backward(env.pool, &x, w, epsilon, &d_normed, &mut dx);
        for (row, target) in targets.iter().enumerate() {
            d_last.add_token(target.token, &dx, row);
        }
    }
    Ok((all, d_last))
}
