//! Replies, annotators and heads made by formula.

use pocketune_judge::reward::{
    Comparison, Comparisons, ComparisonsBuilder, FeatureSource, Reply, ReplyIndex,
};

/// The digest that heads in tests are bound to.
pub(crate) const BASE: [u8; 32] = [0x5a; 32];

pub(crate) fn source() -> FeatureSource {
    FeatureSource {
        base_sha256: BASE,
        layer: 30,
    }
}

/// The finaliser of MurmurHash3, as tests/reference/crowd_kit.py has it.
pub(crate) fn hashed(index: u32) -> u32 {
    let mut value = index ^ (index >> 16);
    value = value.wrapping_mul(0x85eb_ca6b);
    value = (value ^ (value >> 13)).wrapping_mul(0xc2b2_ae35);
    value ^ (value >> 16)
}

/// A multiple of 1/2048 from −1 to 1.
pub(crate) fn signed(index: u32) -> f32 {
    ((hashed(index) >> 20) as f32 - 2048.0) / 2048.0
}

/// True with this probability.
pub(crate) fn below(chance: f64, index: u32) -> bool {
    f64::from(hashed(index)) < chance * 2_f64.powi(32)
}

pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(crate) fn reply(id: impl ToString, features: &[f32]) -> Reply {
    Reply {
        id: id.to_string(),
        features: features.to_vec(),
        tokens: 10,
    }
}

/// A comparison of its own group.
pub(crate) fn comparison(
    id: usize,
    annotator: &str,
    chosen: ReplyIndex,
    rejected: ReplyIndex,
) -> Comparison {
    Comparison {
        id: format!("comparison {id}"),
        group: format!("prompt {id}"),
        annotator: annotator.to_owned(),
        chosen,
        rejected,
        tie: false,
    }
}

/// Pairs of random replies that annotators compare by the formula of Bradley and Terry.
pub(crate) struct World {
    pub(crate) features: usize,
    /// Standard deviation of true margins, in nats.
    pub(crate) spread: f64,
    /// Reliability of each annotator; they take turns.
    pub(crate) annotators: Vec<f64>,
}

impl World {
    pub(crate) fn of_one(features: usize, spread: f64) -> Self {
        Self {
            features,
            spread,
            annotators: vec![1.0],
        }
    }

    /// Features of different sizes that hang together, as those of a model do.
    pub(crate) fn features(&self, seed: u32) -> Vec<f32> {
        let common = signed(seed ^ 0x9e37_79b9);
        let feature = |f: u32| (signed(seed.wrapping_add(f + 1)) + common) * (1 + f % 7) as f32;
        (0..self.features as u32).map(feature).collect()
    }

    /// What a perfect head would score.
    pub(crate) fn score(&self, features: &[f32]) -> f64 {
        let parts = features.iter().enumerate();
        let parts = parts.map(|(f, &x)| {
            let f = f as u32;
            f64::from(signed(77_000_000 + f)) * f64::from(x) / f64::from(1 + f % 7)
        });
        // A weight and a feature both have a variance of about one third.
        self.spread * parts.sum::<f64>() / (2.0 * self.features as f64 / 9.0).sqrt()
    }

    /// Chosen and rejected features of so many pairs, others for another seed.
    pub(crate) fn pairs(&self, count: usize, seed: u32) -> Vec<(Vec<f32>, Vec<f32>)> {
        let pair = |id: usize| {
            let at = hashed(seed.wrapping_mul(1_000_003).wrapping_add(id as u32));
            let [one, other] = [at, hashed(at)].map(|seed| self.features(seed));
            let chance = sigmoid(self.score(&one) - self.score(&other));
            let annotator = id % self.annotators.len();
            let as_meant = below(self.annotators[annotator], hashed(at ^ 1));
            let first = below(chance, hashed(at ^ 2)) == as_meant;
            if first { (one, other) } else { (other, one) }
        };
        (0..count).map(pair).collect()
    }

    /// The same as comparisons.
    pub(crate) fn comparisons(&self, count: usize, seed: u32) -> Comparisons {
        let mut builder = ComparisonsBuilder::new(self.features);
        for (id, (chosen, rejected)) in self.pairs(count, seed).iter().enumerate() {
            let mut add = |side, features| builder.reply(reply(format!("{id} {side}"), features));
            let (chosen, rejected) = (
                add("chosen", chosen).unwrap(),
                add("rejected", rejected).unwrap(),
            );
            let annotator = format!("annotator {}", id % self.annotators.len());
            let comparison = comparison(id, &annotator, chosen, rejected);
            builder.comparison(comparison).unwrap();
        }
        builder.build(1).unwrap()
    }
}

pub(crate) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(x, y)| f(x - mean_a, y - mean_b)).sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}
