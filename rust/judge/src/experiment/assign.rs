//! Who sees what: the same unit always the same, by hash, as GrowthBook's SDKs do
//! (<https://docs.growthbook.io/lib/build-your-own>), so that an app that uses theirs and
//! ours gets one answer.

/// Offset and prime of FNV-1a over 32 bits (draft-eastlake-fnv).
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// How far the weights of variations may sum to something else than 1.
const WEIGHT_TOLERANCE: f64 = 0.01;

/// A half-open range of hash values, within [0, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BucketRange {
    /// Its first value.
    pub start: f64,
    /// Behind its last value.
    pub end: f64,
}

impl BucketRange {
    fn contains(self, value: f64) -> bool {
        value >= self.start && value < self.end
    }
}

/// How many places the hash tells apart in [0, 1); `None` for a version other than 1 and 2.
fn places(version: u32) -> Option<u32> {
    match version {
        1 => Some(1_000),
        2 => Some(10_000),
        _ => None,
    }
}

/// How many of the hash's places choose each of two variations.
pub(super) fn places_of(ranges: &[BucketRange], version: u32) -> [u64; 2] {
    let all = places(version).unwrap_or_default();
    let mut counts = [0; 2];
    for place in 0..all {
        let value = f64::from(place) / f64::from(all);
        let chosen = choose_variation(value, ranges);
        if let Some(count) = chosen.and_then(|chosen| counts.get_mut(chosen)) {
            *count += 1;
        }
    }
    counts
}

/// Where `unit` falls in [0, 1) under `seed`; `None` for a version other than 1 and 2.
/// Version 1 tells 1,000 places apart and ties experiments of similar seeds together;
/// version 2 has neither fault.
#[must_use]
pub fn hash(seed: &str, unit: &str, version: u32) -> Option<f64> {
    let places = places(version)?;
    let hash = match version {
        1 => fnv1a(unit.encode_utf16().chain(seed.encode_utf16())),
        _ => {
            let inner = fnv1a(seed.encode_utf16().chain(unit.encode_utf16()));
            fnv1a(inner.to_string().encode_utf16())
        }
    };
    Some(f64::from(hash % places) / f64::from(places))
}

/// The ranges of `variations` variations: each begins where the weights before it end, and
/// takes `coverage` of its own weight. Weights that are too few or many, or do not sum to
/// 1, count as equal ones; coverage is brought into [0, 1].
#[must_use]
pub fn bucket_ranges(
    variations: usize,
    coverage: f64,
    weights: Option<&[f64]>,
) -> Vec<BucketRange> {
    let coverage = coverage.clamp(0.0, 1.0);
    let equal = vec![1.0 / variations.max(1) as f64; variations];
    let sums_to_one =
        |weights: &[f64]| (weights.iter().sum::<f64>() - 1.0).abs() <= WEIGHT_TOLERANCE;
    let weights = weights
        .filter(|weights| weights.len() == variations && sums_to_one(weights))
        .unwrap_or(&equal);
    let mut start = 0.0;
    let ranges = weights.iter().map(|weight| {
        let range = BucketRange {
            start,
            end: start + coverage * weight,
        };
        start += weight;
        range
    });
    ranges.collect()
}

/// The first variation whose range holds this hash value.
#[must_use]
pub fn choose_variation(value: f64, ranges: &[BucketRange]) -> Option<usize> {
    ranges.iter().position(|range| range.contains(value))
}

/// Whether `unit` is in this part of a namespace. Experiments with parts of one namespace
/// that do not overlap share no units.
#[must_use]
pub fn in_namespace(unit: &str, id: &str, part: BucketRange) -> bool {
    hash(&format!("__{id}"), unit, 1).is_some_and(|value| part.contains(value))
}

/// Over UTF-16 code units, as JavaScript reads texts, where others take bytes.
fn fnv1a(units: impl Iterator<Item = u16>) -> u32 {
    units.fold(FNV_OFFSET, |hash, unit| {
        (hash ^ u32::from(unit)).wrapping_mul(FNV_PRIME)
    })
}
