//! Adapters that change replies together.
//!
//! Limits of a policy bound one adapter as it was signed: at a scale of 1. Here the same
//! limits bound what several do together, whoever put them together.

use std::collections::BTreeMap;

use crate::verify::{Refusal, RefusedAdapter, VerifiedAdapter};

/// By how much a sum may be above a limit because scales are 32-bit floats.
const ROUNDING: f64 = 1e-6;

/// Whether verified adapters may be used together, each with its scale: a factor on its
/// change. Scales lie between 0 and 1; no adapter and no channel is there twice; and for
/// each matrix, scale times relative change, summed over the set, stays in the release
/// role's limit, summed over what this device made, in the device role's. By the triangle
/// inequality no matrix is then changed by more. Does not block.
///
/// # Errors
/// The first adapter at which it is not so, and why: [`Refusal::ScaleOutOfRange`],
/// [`Refusal::AdapterTwice`], [`Refusal::ChannelTwice`], [`Refusal::SetBeyondLimit`].
pub fn check_set<'a>(
    set: impl IntoIterator<Item = (&'a VerifiedAdapter, f32)>,
) -> Result<(), Box<RefusedAdapter>> {
    let mut before: Vec<&VerifiedAdapter> = Vec::new();
    let (mut of_all, mut of_device) = (Sums::default(), Sums::default());
    for (adapter, scale) in set {
        let refuse = |refusal| {
            let sha256 = adapter.sha256();
            Err(Box::new(RefusedAdapter { sha256, refusal }))
        };
        if !(0.0..=1.0).contains(&scale) {
            return refuse(Refusal::ScaleOutOfRange { scale });
        }
        if before.iter().any(|other| other.sha256 == adapter.sha256) {
            return refuse(Refusal::AdapterTwice);
        }
        let channel = &adapter.release.channel;
        if before.iter().any(|other| other.release.channel == *channel) {
            let channel = channel.clone();
            return refuse(Refusal::ChannelTwice { channel });
        }
        if let Err(refusal) = of_all.add(adapter, scale, adapter.updates_max) {
            return refuse(refusal);
        }
        if adapter.made_here
            && let Err(refusal) = of_device.add(adapter, scale, adapter.update_max)
        {
            return refuse(refusal);
        }
        before.push(adapter);
    }
    Ok(())
}

/// Relative changes so far, by matrix.
#[derive(Default)]
struct Sums<'a>(BTreeMap<&'a str, f64>);

impl<'a> Sums<'a> {
    fn add(&mut self, adapter: &'a VerifiedAdapter, scale: f32, limit: f64) -> Result<(), Refusal> {
        for (target, ratio) in &adapter.updates {
            let sum = self.0.entry(target).or_default();
            *sum += f64::from(scale) * ratio;
            if *sum > limit * (1.0 + ROUNDING) {
                return Err(Refusal::SetBeyondLimit {
                    target: target.clone(),
                    ratio: *sum,
                    limit,
                });
            }
        }
        Ok(())
    }
}
