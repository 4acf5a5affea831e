//! Several questions at once.

/// Which of these e-values (as logarithms) stand together: among those that do, at most a
/// share of `alpha` is expected to be wrong, however they depend on each other (e-BH; Wang
/// and Ramdas, "False discovery rate control with e-values", JRSS B 2022).
#[must_use]
pub fn e_benjamini_hochberg(log_e: &[f64], alpha: f64) -> Vec<bool> {
    let all = log_e.len() as f64;
    let mut sorted = log_e.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let needed = |rank: usize| (all / (rank as f64 * alpha)).ln();
    let last = (1..=sorted.len())
        .rev()
        .find(|&rank| sorted.get(rank - 1).is_some_and(|&e| e >= needed(rank)));
    let bar = last.map_or(f64::INFINITY, needed);
    log_e.iter().map(|&e| e >= bar).collect()
}
