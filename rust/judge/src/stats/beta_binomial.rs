//! How often each of several things came, against how often it should have.

use statrs::function::gamma::ln_gamma;

/// Logarithm of the e-value against `shares` being the chances of what was counted: the
/// Dirichlet mixture of likelihood ratios (Lindon and Malek, "Anytime-valid inference for
/// multinomial count data", NeurIPS 2022), for two counts the beta-binomial mixture.
///
/// The prior is centred on `shares`; `concentration` (its parameters' sum) says how close
/// to them deviations are looked for. `shares` are positive and sum to 1; shorter inputs
/// end both.
#[must_use]
pub fn log_multinomial_e(counts: &[u64], shares: &[f64], concentration: f64) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let mut log_e = ln_gamma(concentration) - ln_gamma(concentration + total);
    for (&count, &share) in counts.iter().zip(shares) {
        let (count, prior) = (count as f64, concentration * share);
        log_e += ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln();
    }
    log_e
}
