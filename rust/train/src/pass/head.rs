//! From the last hidden state to log-probabilities and back, some positions at a
//! time: logits are the widest thing there is, and exist only where they count.

use pocketune_kernels::{
    LogSumExp, Panels, kl_backward, kl_divergence as kl, log_sum_exp, matmul_backward,
    matmul_forward, rms_norm_backward, rms_norm_forward, softmax_backward,
};

use crate::error::TrainError;
use crate::pack::Target;
use crate::pass::layer::Env;

/// Weights of the targets in the loss.
pub enum TargetWeights<'a> {
    /// Known beforehand, one a target.
    Known(&'a [f32]),
    /// Made from the log-probabilities of all targets.
    From(&'a mut dyn FnMut(&[f32]) -> Vec<f32>),
}

/// Logits at some positions, with what led to them.
struct Chunk {
    x: Panels,
    logits: Panels,
    sums: LogSumExp,
}

impl Chunk {
    /// `x`: hidden states of the last layer.
    fn new(env: &Env<'_>, x: Panels) -> Result<Self, TrainError> {
        let model = env.adapted.model.architecture();
        let (w, epsilon) = model.final_norm();
        let mut normed = Panels::to_write(x.tokens(), x.features());
        rms_norm_forward(env.pool(), &x, w, epsilon, &mut normed);
        let mut logits = Panels::to_write(x.tokens(), model.vocabulary());
        matmul_forward(env.workers(), &model.head(), &normed, &mut logits, &[]);
        env.check()?;
        let sums = log_sum_exp(env.pool(), &logits);
        Ok(Self { x, logits, sums })
    }

    fn log_probabilities(&self, targets: &[Target]) -> impl Iterator<Item = f32> {
        targets
            .iter()
            .enumerate()
            .map(|(row, target)| self.logits.value(row, target.target as usize) - self.sums.of(row))
    }
}

/// Hidden states at the targets.
pub(crate) fn gather(last: &Panels, targets: &[Target]) -> Panels {
    let mut x = Panels::new(targets.len(), last.features());
    for (row, target) in targets.iter().enumerate() {
        x.copy_token(row, last, target.token);
    }
    x
}

pub(crate) fn log_probabilities(
    env: &Env<'_>,
    last: &Panels,
    targets: &[Target],
    chunk: usize,
) -> Result<Vec<f32>, TrainError> {
    let mut all = Vec::with_capacity(targets.len());
    for targets in targets.chunks(chunk) {
        all.extend(Chunk::new(env, gather(last, targets))?.log_probabilities(targets));
    }
    Ok(all)
}

pub(crate) fn logits(env: &Env<'_>, last: &Panels, token: usize) -> Result<Vec<f32>, TrainError> {
    let target = Target { token, target: 0 };
    Ok(Chunk::new(env, gather(last, &[target]))?.logits.to_tokens())
}

pub(crate) fn kl_divergence(
    env: &Env<'_>,
    last: &Panels,
    reference: &Panels,
    targets: &[Target],
    chunk: usize,
) -> Result<Vec<f32>, TrainError> {
    assert_eq!(reference.tokens(), targets.len(), "targets");
    let mut all = Vec::with_capacity(targets.len());
    for couple in couples(env, last, reference, targets, chunk) {
        let (_, policy, reference) = couple?;
        all.extend(policy.kl(env, &reference));
    }
    Ok(all)
}

/// KL(reference ‖ policy) at the targets, and the gradient of `Σ weights·KL` with respect to the
/// last hidden state.
pub(crate) fn backward_toward(
    env: &Env<'_>,
    last: &Panels,
    reference: &Panels,
    targets: &[Target],
    weights: &[f32],
    chunk: usize,
) -> Result<(Vec<f32>, Panels), TrainError> {
    assert_eq!(reference.tokens(), targets.len(), "targets");
    assert_eq!(weights.len(), targets.len(), "weights");
    let mut d_last = Panels::new(last.tokens(), last.features());
    let mut all = Vec::with_capacity(targets.len());
    let couples = couples(env, last, reference, targets, chunk);
    for (couple, weights) in couples.zip(weights.chunks(chunk)) {
        let (targets, mut policy, reference) = couple?;
        all.extend(reference.kl(env, &policy));
        let sums = [&policy.sums, &reference.sums];
        kl_backward(
            env.pool(),
            (&mut policy.logits, &reference.logits),
            sums,
            weights,
        );
        drop(reference);
        policy.backward(env, targets, &mut d_last)?;
    }
    Ok((all, d_last))
}

/// Logits of the policy and of the reference, at the same targets each; `chunk` is a multiple
/// of 16, for whole panels of the reference.
fn couples<'a>(
    env: &'a Env<'_>,
    last: &'a Panels,
    reference: &'a Panels,
    targets: &'a [Target],
    chunk: usize,
) -> impl Iterator<Item = Result<(&'a [Target], Chunk, Chunk), TrainError>> {
    targets
        .chunks(chunk)
        .enumerate()
        .map(move |(index, targets)| {
            let start = index * chunk;
            let policy = Chunk::new(env, gather(last, targets))?;
            let reference = Chunk::new(env, reference.stretch(start..start + targets.len()))?;
            Ok((targets, policy, reference))
        })
}

/// Log-probabilities, and the gradient of `Σ weights·(−log p)` with respect to the
/// last hidden state.
pub(crate) fn backward(
    env: &Env<'_>,
    last: &Panels,
    targets: &[Target],
    mut weights: TargetWeights<'_>,
    chunk: usize,
) -> Result<(Vec<f32>, Panels), TrainError> {
    if let TargetWeights::From(weigh) = &mut weights
        && targets.len() > chunk
    {
        // The weights depend on all targets: logits are made twice.
        let all = log_probabilities(env, last, targets, chunk)?;
        let weights = weigh(&all);
        return backward(env, last, targets, TargetWeights::Known(&weights), chunk);
    }
    let mut d_last = Panels::new(last.tokens(), last.features());
    let mut all = Vec::with_capacity(targets.len());
    for (index, targets) in targets.chunks(chunk).enumerate() {
        let mut part = Chunk::new(env, gather(last, targets))?;
        let first = all.len();
        all.extend(part.log_probabilities(targets));
        let made;
        let weights = match &mut weights {
            TargetWeights::Known(weights) => &weights[index * chunk..][..targets.len()],
            TargetWeights::From(weigh) => {
                made = weigh(&all[first..]);
                &made
            }
        };
        assert_eq!(targets.len(), weights.len(), "weights");
        let ids: Vec<u32> = targets.iter().map(|target| target.target).collect();
        softmax_backward(env.pool(), &mut part.logits, &part.sums, &ids, weights);
        part.backward(env, targets, &mut d_last)?;
    }
    Ok((all, d_last))
}

impl Chunk {
    /// KL(this ‖ other) at each position.
    fn kl(&self, env: &Env<'_>, other: &Self) -> Vec<f32> {
        kl(
            env.pool(),
            [&self.logits, &other.logits],
            [&self.sums, &other.sums],
        )
    }

    /// From the gradient of the logits, which is in their place, to that of the targets' hidden
    /// states, which is added to `d_last`.
    fn backward(
        self,
        env: &Env<'_>,
        targets: &[Target],
        d_last: &mut Panels,
    ) -> Result<(), TrainError> {
        let Self { x, logits, .. } = self;
        let model = env.adapted.model.architecture();
        let mut d_normed = Panels::to_write(x.tokens(), x.features());
        let head = model.head();
        matmul_backward(env.workers(), &head, &logits, &mut d_normed, false, &[]);
        env.check()?;
        let (w, epsilon) = model.final_norm();
        let mut dx = Panels::new(x.tokens(), x.features());
        rms_norm_backward(env.pool(), &x, w, epsilon, &d_normed, &mut dx);
        for (row, target) in targets.iter().enumerate() {
            d_last.add_token(target.token, &dx, row);
        }
        Ok(())
    }
}
