//! From logits to a token: a chain of stages.

use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use crate::bindings::{self, StageKind};
use crate::error::{LlamaError, Message};
use crate::logits::LOGIT_MAX;
use crate::vocab::Token;

/// Lowest temperature but 0: it leaves a token 1 below the likeliest a chance of
/// e^−1000, which is none, and divides no logit out of its range.
pub const TEMPERATURE_MIN: f32 = 0.001;
/// Lowest factor on used tokens, by which positive logits are divided.
pub const REPEAT_PENALTY_MIN: f32 = 0.01;

/// One stage of a sampler chain, applied in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Adds to the logits of single tokens, up to [`LOGIT_MAX`] either way; negative
    /// infinity forbids one.
    LogitBias(Vec<(Token, f32)>),
    /// Lowers the logits of tokens seen among the last `last_tokens`.
    Penalties {
        /// Tokens looked back at.
        last_tokens: u32,
        /// Factor on seen tokens, at least [`REPEAT_PENALTY_MIN`], 1 = off.
        repeat: f32,
        /// Subtracted once per occurrence, 0 = off.
        frequency: f32,
        /// Subtracted once from every seen token, 0 = off.
        presence: f32,
    },
    /// Keeps the k most likely tokens.
    TopK(u32),
    /// Keeps the smallest set with this probability (nucleus sampling).
    TopP(f32),
    /// Keeps tokens at least this fraction as likely as the likeliest.
    MinP(f32),
    /// Divides the logits, by at least [`TEMPERATURE_MIN`].
    Temperature(f32),
    /// Draws from what is left.
    Distribution {
        /// Seed of the stage's own generator.
        seed: u32,
    },
    /// Takes the likeliest token.
    Greedy,
}

/// A sampler chain with its state. Used by one thread at a time.
#[derive(Debug)]
pub struct Sampler {
    chain: NonNull<sys::llama_sampler>,
    vocab_size: i32,
}

// SAFETY: samplers hold plain data and are bound to no thread; `&mut self`
// keeps their use to one thread at a time.
unsafe impl Send for Sampler {}

impl Sampler {
    /// A chain of `stages` over a vocabulary of `vocab_size` tokens, which must
    /// end in [`Stage::Distribution`] or [`Stage::Greedy`].
    ///
    /// # Errors
    /// [`LlamaError::SamplingFailed`], [`LlamaError::OutOfMemory`].
    pub fn new(vocab_size: usize, stages: &[Stage]) -> Result<Self, LlamaError> {
        let failed = |cause| LlamaError::SamplingFailed { cause };
        let vocab_size = i32::try_from(vocab_size).map_err(|error| failed(error.to_string()))?;
        if let Some(stage) = stages.iter().find(|stage| !is_in_range(stage)) {
            return Err(failed(format!("a stage out of its range: {stage:?}")));
        }
        let biases: Vec<Vec<sys::llama_logit_bias>> = stages.iter().map(raw_biases).collect();
        let raw: Vec<bindings::Stage> = stages
            .iter()
            .zip(&biases)
            .map(|(stage, biases)| raw_stage(stage, biases))
            .collect();
        let mut chain = std::ptr::null_mut();
        let mut message = Message::new();
        // SAFETY: `raw` and the bias arrays it points to outlive the call,
        // which copies them (llama-sampler.cpp, init_logit_bias).
        let status = unsafe {
            bindings::pt_sampler_chain_new(
                vocab_size,
                raw.as_ptr(),
                raw.len(),
                &raw mut chain,
                message.as_mut_ptr(),
            )
        };
        message.check(status, failed)?;
        let chain = NonNull::new(chain).ok_or_else(|| failed("no sampler chain".to_owned()))?;
        Ok(Self { chain, vocab_size })
    }

    /// Chooses a token by a row of logits (see [`crate::sanitize`]), never one whose
    /// logit is not finite. The chain does not remember it: that is [`Sampler::observe`].
    ///
    /// # Errors
    /// [`LlamaError::DeadEnd`] when every token is forbidden,
    /// [`LlamaError::SamplingFailed`], [`LlamaError::OutOfMemory`].
    pub fn choose(&mut self, logits: &[f32]) -> Result<Token, LlamaError> {
        let failed = |cause| LlamaError::SamplingFailed { cause };
        if usize::try_from(self.vocab_size).ok() != Some(logits.len()) {
            return Err(failed(format!("{} logits", logits.len())));
        }
        if !logits.iter().any(|logit| logit.is_finite()) {
            return Err(LlamaError::DeadEnd);
        }
        let mut token = 0;
        let mut message = Message::new();
        // SAFETY: the chain is alive and used by this thread only; `logits` has
        // `vocab_size` values, which the call reads.
        let status = unsafe {
            bindings::pt_sample(
                self.chain.as_ptr(),
                logits.as_ptr(),
                self.vocab_size,
                &raw mut token,
                message.as_mut_ptr(),
            )
        };
        message.check(status, failed)?;
        Ok(token)
    }

    /// Shows the chain a token of the prompt or the reply, for its penalties.
    ///
    /// # Errors
    /// [`LlamaError::SamplingFailed`].
    pub fn observe(&mut self, token: Token) -> Result<(), LlamaError> {
        let mut message = Message::new();
        // SAFETY: the chain is alive and used by this thread only; penalties
        // count any id (llama-sampler.cpp).
        let status = unsafe {
            bindings::pt_sampler_observe(self.chain.as_ptr(), token, message.as_mut_ptr())
        };
        message.check(status, |cause| LlamaError::SamplingFailed { cause })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // SAFETY: made by pt_sampler_chain_new, owns its stages, freed once.
        unsafe { sys::llama_sampler_free(self.chain.as_ptr()) }
    }
}

/// Within these no stage makes a NaN of finite logits, by which llama.cpp would sort.
fn is_in_range(stage: &Stage) -> bool {
    match stage {
        Stage::LogitBias(biases) => biases
            .iter()
            .all(|&(_, bias)| bias == f32::NEG_INFINITY || bias.abs() <= LOGIT_MAX),
        Stage::Penalties {
            last_tokens: _,
            repeat,
            frequency,
            presence,
        } => {
            (REPEAT_PENALTY_MIN..=LOGIT_MAX).contains(repeat)
                && frequency.abs() <= LOGIT_MAX
                && presence.abs() <= LOGIT_MAX
        }
        Stage::TopP(p) | Stage::MinP(p) => (0.0..=1.0).contains(p),
        Stage::Temperature(temperature) => (TEMPERATURE_MIN..=LOGIT_MAX).contains(temperature),
        Stage::TopK(_) | Stage::Distribution { .. } | Stage::Greedy => true,
    }
}

fn raw_biases(stage: &Stage) -> Vec<sys::llama_logit_bias> {
    match stage {
        Stage::LogitBias(biases) => biases
            .iter()
            .map(|&(token, bias)| sys::llama_logit_bias { token, bias })
            .collect(),
        _ => Vec::new(),
    }
}

fn raw_stage(stage: &Stage, biases: &[sys::llama_logit_bias]) -> bindings::Stage {
    let mut raw = bindings::Stage {
        kind: StageKind::Greedy,
        integer: 0,
        value: 0.0,
        frequency: 0.0,
        presence: 0.0,
        seed: 0,
        biases: biases.as_ptr(),
        n_biases: i32::try_from(biases.len()).unwrap_or(i32::MAX),
    };
    match stage {
        Stage::LogitBias(_) => raw.kind = StageKind::LogitBias,
        Stage::Penalties {
            last_tokens,
            repeat,
            frequency,
            presence,
        } => {
            raw.kind = StageKind::Penalties;
            raw.integer = i32::try_from(*last_tokens).unwrap_or(i32::MAX);
            raw.value = *repeat;
            raw.frequency = *frequency;
            raw.presence = *presence;
        }
        Stage::TopK(k) => {
            raw.kind = StageKind::TopK;
            raw.integer = i32::try_from(*k).unwrap_or(i32::MAX);
        }
        Stage::TopP(p) => {
            raw.kind = StageKind::TopP;
            raw.value = *p;
        }
        Stage::MinP(p) => {
            raw.kind = StageKind::MinP;
            raw.value = *p;
        }
        Stage::Temperature(temperature) => {
            raw.kind = StageKind::Temperature;
            raw.value = *temperature;
        }
        Stage::Distribution { seed } => {
            raw.kind = StageKind::Distribution;
            raw.seed = *seed;
        }
        Stage::Greedy => {}
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::{Sampler, Stage};
    use crate::error::LlamaError;
    use crate::logits::{LOGIT_MAX, sanitize};

    fn draw(logits: &[f32], stages: &[Stage]) -> Result<i32, LlamaError> {
        Sampler::new(logits.len(), stages)?.choose(logits)
    }

    const NONE: f32 = f32::NEG_INFINITY;

    #[test]
    fn nan_and_infinity_do_not_win_nor_let_the_last_candidate_win() {
        let chains = [
            vec![Stage::Greedy],
            vec![Stage::Temperature(1.0), Stage::Distribution { seed: 7 }],
            vec![
                Stage::TopK(40),
                Stage::TopP(0.9),
                Stage::MinP(0.1),
                Stage::Temperature(0.001),
                Stage::Distribution { seed: 7 },
            ],
        ];
        for poison in [f32::NAN, f32::INFINITY, -f32::NAN] {
            for chain in &chains {
                let mut row = vec![NONE; 3_000];
                row[17] = 1.0;
                row[18] = poison;
                assert_eq!(draw(&row, chain).unwrap(), 17, "{poison} {chain:?}");
                sanitize(&mut row).unwrap();
                assert_eq!(draw(&row, chain).unwrap(), 17, "{poison} {chain:?}");
            }
        }
    }

    #[test]
    fn a_bias_that_would_overflow_is_refused_and_the_largest_does_not() {
        let greedy = |bias| {
            draw(
                &[LOGIT_MAX, 0.0],
                &[Stage::LogitBias(vec![(0, bias)]), Stage::Greedy],
            )
        };
        for bias in [f32::MAX, f32::INFINITY, f32::NAN, f32::MIN] {
            assert!(
                matches!(greedy(bias), Err(LlamaError::SamplingFailed { .. })),
                "{bias}"
            );
        }
        assert_eq!(greedy(LOGIT_MAX).unwrap(), 0);
        assert_eq!(greedy(NONE).unwrap(), 1);
    }

    #[test]
    fn when_every_token_is_forbidden_that_is_an_error() {
        let forbid = Stage::LogitBias(vec![(0, NONE), (1, NONE)]);
        for last in [Stage::Greedy, Stage::Distribution { seed: 1 }] {
            let drawn = draw(
                &[1.0, 2.0],
                &[forbid.clone(), Stage::TopP(0.5), last.clone()],
            );
            assert!(matches!(drawn, Err(LlamaError::DeadEnd)), "{drawn:?}");
            assert!(matches!(
                draw(&[NONE; 5], &[last]),
                Err(LlamaError::DeadEnd)
            ));
        }
        assert!(matches!(
            draw(&[], &[Stage::Greedy]),
            Err(LlamaError::DeadEnd)
        ));
    }

    #[test]
    fn temperatures_and_penalties_that_divide_by_nothing_are_refused() {
        let penalties = |repeat| Stage::Penalties {
            last_tokens: 4,
            repeat,
            frequency: 0.0,
            presence: 0.0,
        };
        for stage in [
            Stage::Temperature(1e-39),
            Stage::Temperature(f32::NAN),
            Stage::Temperature(-1.0),
            penalties(0.0),
            penalties(1e-30),
            penalties(f32::NAN),
            Stage::TopP(f32::NAN),
            Stage::MinP(2.0),
        ] {
            let drawn = draw(
                &[1.0, 2.0],
                &[stage.clone(), Stage::Distribution { seed: 1 }],
            );
            assert!(
                matches!(drawn, Err(LlamaError::SamplingFailed { .. })),
                "{stage:?}"
            );
        }
    }

    /// What a seed determines: 64 bits a call (Steele, Lea & Flood, 2014: SplitMix64).
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        fn below(&mut self, count: u64) -> usize {
            usize::try_from(self.next() % count).unwrap()
        }

        fn any_float(&mut self) -> f32 {
            f32::from_bits(u32::try_from(self.next() & 0xffff_ffff).unwrap())
        }
    }

    #[test]
    fn any_row_under_any_stages_gives_a_token_that_was_finite_or_an_error() {
        let mut noise = Noise(13);
        for _ in 0..3_000 {
            let count = 1 + noise.below(2_000);
            let mut row: Vec<f32> = (0..count)
                .map(|_| match noise.below(4) {
                    0 => f32::NAN,
                    1 => NONE,
                    2 => noise.any_float(),
                    _ => noise.any_float().clamp(-30.0, 30.0),
                })
                .collect();
            let mut stages = Vec::new();
            for _ in 0..noise.below(5) {
                let token = i32::try_from(noise.below(count as u64)).unwrap();
                stages.push(match noise.below(6) {
                    0 => Stage::LogitBias(vec![(token, noise.any_float()), (0, NONE)]),
                    1 => Stage::Penalties {
                        last_tokens: 8,
                        repeat: noise.any_float(),
                        frequency: noise.any_float(),
                        presence: noise.any_float(),
                    },
                    2 => Stage::TopK(u32::try_from(noise.below(300)).unwrap()),
                    3 => Stage::TopP(noise.any_float().abs().min(1.0)),
                    4 => Stage::MinP(noise.any_float().abs().min(1.0)),
                    _ => Stage::Temperature(noise.any_float().abs().max(0.001)),
                });
            }
            stages.push(match noise.below(2) {
                0 => Stage::Greedy,
                _ => Stage::Distribution { seed: 3 },
            });
            let Ok(mut sampler) = Sampler::new(count, &stages) else {
                continue;
            };
            for _ in 0..3 {
                let Ok(token) = sampler.choose(&row) else {
                    break;
                };
                let index = usize::try_from(token).unwrap();
                assert!(row[index].is_finite(), "{stages:?}");
                sampler.observe(token).unwrap();
                let _ = sanitize(&mut row);
            }
        }
    }
}
