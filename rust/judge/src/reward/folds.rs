//! Who is held out when.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::comparisons::Comparisons;
use super::error::RewardError;
use crate::random::below;

/// The fold of each comparison, then of each edit. What shares a group shares a fold.
#[derive(Debug, Clone)]
pub(crate) struct Folds {
    pub(crate) count: usize,
    pub(crate) of_row: Vec<usize>,
}

impl Folds {
    /// At most `wanted` folds, of about as many rows each.
    pub(crate) fn of(
        comparisons: &Comparisons,
        wanted: usize,
        seed: u64,
    ) -> Result<Self, RewardError> {
        let compared = comparisons.comparisons().iter();
        let edits = comparisons.edits().iter();
        let names: Vec<&str> = compared
            .map(|comparison| &*comparison.group)
            .chain(edits.map(|edit| &*edit.group))
            .collect();
        let mut places = HashMap::new();
        // The number of comparisons and of rows: groups of edits alone hold nothing out.
        let mut sizes: Vec<(usize, usize)> = Vec::new();
        let mut group_of = Vec::with_capacity(names.len());
        for (row, name) in names.into_iter().enumerate() {
            let group = *places.entry(name).or_insert(sizes.len());
            if group == sizes.len() {
                sizes.push((0, 0));
            }
            sizes[group].0 += usize::from(row < comparisons.comparisons().len());
            sizes[group].1 += 1;
            group_of.push(group);
        }
        let found = sizes.iter().filter(|(compared, _)| *compared > 0).count();
        if found < 2 {
            return Err(RewardError::TooFewGroups { found, minimum: 2 });
        }
        let count = wanted.min(found);
        let fold_of = deal(&sizes, count, seed);
        let of_row = group_of.into_iter().map(|group| fold_of[group]).collect();
        Ok(Self { count, of_row })
    }
}

/// Groups in random order, each to the fold that has least: comparisons first, so that
/// every fold gets some, then rows.
fn deal(sizes: &[(usize, usize)], folds: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, below(&mut random, last + 1));
    }
    let mut filled = vec![(0, 0); folds];
    let mut fold_of = vec![0; sizes.len()];
    for group in order {
        let (compared, rows) = sizes[group];
        let lightest = (0..folds).min_by_key(|&fold| filled[fold]).unwrap_or(0);
        filled[lightest].0 += compared;
        filled[lightest].1 += rows;
        fold_of[group] = lightest;
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use super::deal;

    #[test]
    fn every_fold_gets_its_share() {
        let sizes: Vec<(usize, usize)> = (0..30).map(|group| (1 + group % 4, 5)).collect();
        for seed in 0..20 {
            let fold_of = deal(&sizes, 5, seed);
            let mut filled = [0; 5];
            for (&(compared, _), &fold) in sizes.iter().zip(&fold_of) {
                filled[fold] += compared;
            }
            let (least, most) = (filled.iter().min(), filled.iter().max());
            assert!(most.unwrap() - least.unwrap() <= 4, "{filled:?}");
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let sizes = [(1, 1); 12];
        assert_eq!(deal(&sizes, 3, 7), deal(&sizes, 3, 7));
        assert_ne!(deal(&sizes, 3, 7), deal(&sizes, 3, 8));
    }
}
