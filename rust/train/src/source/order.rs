//! In which order samples are learned from.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// An order of all samples that seed and epoch determine. Each stratum is shuffled for itself
/// and spread evenly: any stretch holds about its share of each.
pub(super) fn stratified(strata: &[Vec<usize>], seed: u64, epoch: u64) -> Vec<usize> {
    let shuffled: Vec<Vec<usize>> = strata
        .iter()
        .enumerate()
        .map(|(stratum, samples)| {
            let order = shuffled(samples.len(), seed, epoch + 1 + ((stratum as u64) << 32));
            order.into_iter().map(|place| samples[place]).collect()
        })
        .collect();
    let count: usize = shuffled.iter().map(Vec::len).sum();
    let mut taken = vec![0; shuffled.len()];
    let mut order = Vec::with_capacity(count);
    for position in 1..=count {
        // What is furthest behind its share of the first `position`, in whole numbers.
        let behind = |stratum: &usize| {
            let due = (position * shuffled[*stratum].len()) as i128;
            due - (taken[*stratum] * count) as i128
        };
        let open = (0..shuffled.len()).filter(|&it| taken[it] < shuffled[it].len());
        // The first of equals.
        let Some(next) = open.rev().max_by_key(behind) else {
            break;
        };
        order.push(shuffled[next][taken[next]]);
        taken[next] += 1;
    }
    order
}

/// A shuffle (Fisher and Yates).
fn shuffled(count: usize, seed: u64, stream: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // The bias of a remainder of 64 bits is far below what anyone could see.
        let other = random.next_u64() % (last as u64 + 1);
        order.swap(last, other as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::stratified;

    #[test]
    fn every_stretch_holds_its_share() {
        let strata = [(0..24).collect::<Vec<_>>(), (24..36).collect()];
        for epoch in 0..3 {
            let order = stratified(&strata, 1, epoch);
            let mut all = order.clone();
            all.sort_unstable();
            assert_eq!(all, (0..36).collect::<Vec<_>>());
            for batch in order.chunks(3) {
                assert_eq!(batch.iter().filter(|&&it| it < 24).count(), 2, "{order:?}");
            }
        }
        assert_ne!(stratified(&strata, 1, 0), stratified(&strata, 1, 1));
        assert_ne!(stratified(&strata, 1, 0), stratified(&strata, 2, 0));
    }

    #[test]
    fn one_stratum_is_only_shuffled() {
        let strata = [vec![0, 1, 2, 3, 4]];
        let mut order = stratified(&strata, 7, 2);
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
}
