//! Whether arms were assigned by their weights on the devices of several people, of whom none
//! alone can say that they were not.
//!
//! For another share q of the challenger than its weight w, the likelihood ratio of a
//! person's exposures, c of the challenger and i of the incumbent, is
//!
//! ```text
//! B = (q / w)^c · ((1 − q) / (1 − w))^i
//! ```
//!
//! which gains nothing on average at any exposure while arms follow their weights. Of what a
//! person stakes, half is kept and half is bet, and of the bet at most three times as much is
//! taken: a factor of ½ + ½ min(B, 3), from one half to two. As min is concave, that gains
//! nothing on average either; nor does the product over people, whichever device is next, nor
//! its average over a fixed grid of shares. So evidence follows from counts and holds at every
//! look, also where a device goes on between two looks, and one device with a million
//! exposures of one arm weighs as much as a device with ten.

/// Odds of the alternatives' challenger against those of its weight.
const ODDS: [f64; 10] = [0.25, 0.5, 0.67, 0.8, 0.91, 1.1, 1.25, 1.5, 2.0, 4.0];

/// The share of a person's stake that is bet.
const BET: f64 = 0.5;

/// What a bet may become at most.
const MOST: f64 = 3.0;

/// Evidence against assignment by weights.
#[derive(Debug, Clone)]
pub(crate) struct SharesOfPeople {
    /// Logarithm of the wealth against each alternative.
    logs: [f64; ODDS.len()],
    /// Logarithms of what an exposure of each arm multiplies bets by: incumbent, challenger.
    gains: [[f64; 2]; ODDS.len()],
}

impl SharesOfPeople {
    /// Before any exposure; the weights are positive and sum to 1.
    pub(crate) fn new([incumbent, challenger]: [f64; 2]) -> Self {
        let gains = ODDS.map(|odds| {
            let all = incumbent + challenger * odds;
            [-all.ln(), (odds / all).ln()]
        });
        Self {
            logs: [0.0; ODDS.len()],
            gains,
        }
    }

    /// A person's exposures are so many now, and were so many before.
    pub(crate) fn replace(&mut self, before: [u64; 2], now: [u64; 2]) {
        for (log, gains) in self.logs.iter_mut().zip(self.gains) {
            *log += factor(gains, now) - factor(gains, before);
        }
    }

    /// Natural logarithm of the e-value.
    pub(crate) fn log_e(&self) -> f64 {
        let most = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.logs.iter().map(|log| (log - most).exp()).sum();
        most + (sum / ODDS.len() as f64).ln()
    }
}

/// Logarithm of what a person's exposures multiply the wealth by.
fn factor([incumbent, challenger]: [f64; 2], exposures: [u64; 2]) -> f64 {
    let [of_incumbent, of_challenger] = exposures.map(|count| count as f64);
    let bet = (of_incumbent * incumbent + of_challenger * challenger).exp();
    (1.0 - BET + BET * bet.min(MOST)).ln()
}

#[cfg(test)]
mod tests {
    use super::SharesOfPeople;

    fn log_e(people: &[[u64; 2]], weights: [f64; 2]) -> f64 {
        let mut shares = SharesOfPeople::new(weights);
        for exposures in people {
            shares.replace([0, 0], *exposures);
        }
        shares.log_e()
    }

    #[test]
    fn no_device_alone_breaks_the_shares_and_many_do() {
        let even = [20, 20];
        let mut people = vec![even; 20];
        people.push([1 << 40, 0]);
        assert!(log_e(&people, [0.5, 0.5]) < 0.0);
        assert!(log_e(&[[0, 1 << 40]], [0.5, 0.5]) <= 2_f64.ln());
        // Three to two on each of sixty devices.
        assert!(log_e(&[[24, 16]; 60], [0.5, 0.5]) > 200_f64.ln());
        assert!(log_e(&[[32, 8]; 100], [0.8, 0.2]) < 0.0);
    }

    /// Over all that one person may meet, the wealth is what it was, or less.
    #[test]
    fn nothing_is_gained_while_arms_follow_their_weights() {
        for weights in [[0.5_f64, 0.5], [0.9, 0.1]] {
            let [incumbent, challenger] = weights;
            let mut mean = 0.0_f64;
            for arms in 0..1_u32 << 12 {
                let of_challenger = arms.count_ones();
                let chance = incumbent.powf(f64::from(12 - of_challenger))
                    * challenger.powf(f64::from(of_challenger));
                let exposures = [u64::from(12 - of_challenger), u64::from(of_challenger)];
                mean += chance * log_e(&[exposures], weights).exp();
            }
            assert!(mean <= 1.0 + 1e-9, "{mean}");
        }
    }

    #[test]
    fn what_goes_on_is_what_came_at_once() {
        let mut shares = SharesOfPeople::new([0.5, 0.5]);
        for exposures in 0..30 {
            shares.replace([exposures, 0], [exposures + 1, 0]);
        }
        let at_once = log_e(&[[30, 0]], [0.5, 0.5]);
        assert!((shares.log_e() - at_once).abs() < 1e-9);
    }
}
