//! How often each grade came, and what makes grades of outcomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measure::GRADES;
use super::tally::COUNT_MAX;
use super::{Arm, DesignKind, ExperimentError, Measure, Metric, Outcome, Pick};
use crate::stats::Observation;

/// How often each outcome came. Grades are thousandths of a measure's range, 1,000 for its
/// good end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Cells {
    /// Where both arms answer.
    Paired {
        /// The challenger's grade less the incumbent's, and how often.
        differences: BTreeMap<i16, u64>,
        /// Sum of the incumbent's grades.
        incumbent_sum: u64,
        /// Sum of the challenger's grades.
        challenger_sum: u64,
    },
    /// Where one arm answers.
    Split {
        /// Grades of the incumbent, and how often.
        incumbent: BTreeMap<u16, u64>,
        /// Grades of the challenger.
        challenger: BTreeMap<u16, u64>,
    },
}

/// An outcome in grades.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Graded {
    One(Arm, u16),
    Pair { incumbent: u16, challenger: u16 },
}

impl Graded {
    /// `None` for a value that is no number; an error for a form that the design does not
    /// have.
    pub(crate) fn of(
        metric: &Metric,
        design: DesignKind,
        arm: Arm,
        outcome: Outcome,
    ) -> Result<Option<Self>, ExperimentError> {
        let measure = metric.measure;
        let grade = |value: f64| measure.grade(value, metric.range());
        let pair = |incumbent, challenger| {
            Some(Self::Pair {
                incumbent,
                challenger,
            })
        };
        let picked = measure == Measure::Pick;
        match (design, outcome) {
            (DesignKind::SideBySide, Outcome::Pick(pick)) if picked => Ok(match pick {
                Pick::Incumbent => pair(GRADES, 0),
                Pick::Challenger => pair(0, GRADES),
                Pick::Tie => pair(GRADES / 2, GRADES / 2),
            }),
            (
                DesignKind::SideBySide,
                Outcome::Pair {
                    incumbent,
                    challenger,
                },
            ) if !picked => {
                let grades = grade(incumbent).zip(grade(challenger));
                Ok(grades.and_then(|(incumbent, challenger)| pair(incumbent, challenger)))
            }
            (DesignKind::ByConversation, Outcome::Value(value)) => {
                Ok(grade(value).map(|grade| Self::One(arm, grade)))
            }
            _ => Err(ExperimentError::OutcomeForm { measure }),
        }
    }

    pub(crate) fn observation(self) -> Observation {
        match self {
            Self::One(arm, grade) => Observation::Outcome(arm, of_one(grade)),
            Self::Pair {
                incumbent,
                challenger,
            } => Observation::Difference(of_one(challenger) - of_one(incumbent)),
        }
    }
}

fn of_one(grade: u16) -> f64 {
    f64::from(grade) / f64::from(GRADES)
}

impl Cells {
    /// None yet, of the form of this one.
    pub(super) fn none_of(graded: Graded) -> Self {
        match graded {
            Graded::Pair { .. } => Self::Paired {
                differences: BTreeMap::new(),
                incumbent_sum: 0,
                challenger_sum: 0,
            },
            Graded::One(..) => Self::Split {
                incumbent: BTreeMap::new(),
                challenger: BTreeMap::new(),
            },
        }
    }

    /// How many outcomes there are of the arm or arms that this one is of.
    pub(super) fn count_beside(&self, graded: Graded) -> u64 {
        match (self, graded) {
            (Self::Split { incumbent, .. }, Graded::One(Arm::Incumbent, _)) => {
                incumbent.values().sum()
            }
            (Self::Split { challenger, .. }, Graded::One(Arm::Challenger, _)) => {
                challenger.values().sum()
            }
            _ => self.count(),
        }
    }

    /// Whether these can be the first `count` outcomes of each arm of all of these, or all
    /// where there are fewer.
    pub(super) fn is_beginning_of(&self, all: &Self, count: u64) -> bool {
        fn within<K: Ord>(some: &BTreeMap<K, u64>, all: &BTreeMap<K, u64>) -> bool {
            let mut each = some.iter();
            each.all(|(value, count)| all.get(value).is_some_and(|all| count <= all))
        }
        let as_many = |some: Option<u64>, all: Option<u64>| some == all.map(|it| it.min(count));
        let [one, other] = self.counts();
        let [all_of_one, all_of_other] = all.counts();
        let among = match (self, all) {
            (
                Self::Paired {
                    differences,
                    incumbent_sum,
                    challenger_sum,
                },
                Self::Paired {
                    differences: of_all,
                    incumbent_sum: incumbent_of_all,
                    challenger_sum: challenger_of_all,
                },
            ) => {
                within(differences, of_all)
                    && incumbent_sum <= incumbent_of_all
                    && challenger_sum <= challenger_of_all
            }
            (
                Self::Split {
                    incumbent,
                    challenger,
                },
                Self::Split {
                    incumbent: incumbent_of_all,
                    challenger: challenger_of_all,
                },
            ) => within(incumbent, incumbent_of_all) && within(challenger, challenger_of_all),
            _ => false,
        };
        among && as_many(one, all_of_one) && as_many(other, all_of_other)
    }

    /// How many outcomes.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Paired { differences, .. } => differences.values().sum(),
            Self::Split {
                incumbent,
                challenger,
            } => incumbent.values().chain(challenger.values()).sum(),
        }
    }

    /// Mean grade of each arm as a share of the range: incumbent, challenger. `None` for
    /// an arm without outcomes.
    #[must_use]
    pub fn means(&self) -> [Option<f64>; 2] {
        let mean = |sum: u64, count: u64| {
            (count > 0).then(|| sum as f64 / (count as f64 * f64::from(GRADES)))
        };
        match self {
            Self::Paired {
                incumbent_sum,
                challenger_sum,
                ..
            } => [*incumbent_sum, *challenger_sum].map(|sum| mean(sum, self.count())),
            Self::Split {
                incumbent,
                challenger,
            } => [incumbent, challenger].map(|grades| {
                let sum = grades
                    .iter()
                    .map(|(&grade, count)| u64::from(grade) * count);
                mean(sum.sum(), grades.values().sum())
            }),
        }
    }

    pub(super) fn observations(&self) -> Vec<(Observation, f64)> {
        match self {
            Self::Paired { differences, .. } => differences
                .iter()
                .map(|(&difference, &count)| {
                    let difference = f64::from(difference) / f64::from(GRADES);
                    (Observation::Difference(difference), count as f64)
                })
                .collect(),
            Self::Split {
                incumbent,
                challenger,
            } => {
                let of = |arm: Arm, grades: &BTreeMap<u16, u64>| -> Vec<_> {
                    let seen = |(&grade, &count): (&u16, &u64)| {
                        (Observation::Outcome(arm, of_one(grade)), count as f64)
                    };
                    grades.iter().map(seen).collect()
                };
                let mut all = of(Arm::Incumbent, incumbent);
                all.extend(of(Arm::Challenger, challenger));
                all
            }
        }
    }

    pub(super) fn add(&mut self, graded: Graded) {
        match (self, graded) {
            (
                Self::Paired {
                    differences,
                    incumbent_sum,
                    challenger_sum,
                },
                Graded::Pair {
                    incumbent: one,
                    challenger: other,
                },
            ) => {
                let difference = i32::from(other) - i32::from(one);
                let difference = i16::try_from(difference).unwrap_or(0);
                *differences.entry(difference).or_default() += 1;
                *incumbent_sum += u64::from(one);
                *challenger_sum += u64::from(other);
            }
            (Self::Split { incumbent, .. }, Graded::One(Arm::Incumbent, grade)) => {
                *incumbent.entry(grade).or_default() += 1;
            }
            (Self::Split { challenger, .. }, Graded::One(Arm::Challenger, grade)) => {
                *challenger.entry(grade).or_default() += 1;
            }
            // A recorder has one design from its first outcome on.
            _ => {}
        }
    }

    /// Whether these have one form; adds them if so.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        fn add<K: Ord + Copy>(ours: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
            for (&value, &count) in theirs {
                let ours = ours.entry(value).or_default();
                *ours = ours.saturating_add(count);
            }
        }
        match (self, other) {
            (
                Self::Paired {
                    differences,
                    incumbent_sum,
                    challenger_sum,
                },
                Self::Paired {
                    differences: more,
                    incumbent_sum: incumbent_more,
                    challenger_sum: challenger_more,
                },
            ) => {
                add(differences, more);
                *incumbent_sum = incumbent_sum.saturating_add(*incumbent_more);
                *challenger_sum = challenger_sum.saturating_add(*challenger_more);
                true
            }
            (
                Self::Split {
                    incumbent,
                    challenger,
                },
                Self::Split {
                    incumbent: incumbent_more,
                    challenger: challenger_more,
                },
            ) => {
                add(incumbent, incumbent_more);
                add(challenger, challenger_more);
                true
            }
            _ => false,
        }
    }

    /// Outcomes of the incumbent and of the challenger; the first alone where each is of both.
    pub(super) fn counts(&self) -> [Option<u64>; 2] {
        match self {
            Self::Paired { .. } => [Some(self.count()), None],
            Self::Split {
                incumbent,
                challenger,
            } => [incumbent, challenger].map(|grades| Some(grades.values().sum())),
        }
    }

    /// Whether grades are such as the measure has, and sums are of such grades.
    pub(super) fn can_be(&self, measure: Measure) -> bool {
        let grades = i32::from(GRADES);
        match self {
            Self::Paired {
                differences,
                incumbent_sum,
                challenger_sum,
            } => {
                // One of two is picked, or neither.
                let whole = |value: i32| measure != Measure::Pick || value % grades == 0;
                let within =
                    |value: &i16| i32::from(*value).abs() <= grades && whole(i32::from(*value));
                if !differences.keys().all(within) || !small(differences.values()) {
                    return false;
                }
                let each = differences.iter();
                let shift: i128 = each.map(|(&d, &n)| i128::from(d) * i128::from(n)).sum();
                let most = self.count() * u64::from(GRADES);
                *incumbent_sum <= most
                    && *challenger_sum <= most
                    && i128::from(*challenger_sum) - i128::from(*incumbent_sum) == shift
            }
            Self::Split {
                incumbent,
                challenger,
            } => {
                let mut keys = incumbent.keys().chain(challenger.keys());
                keys.all(|grade| *grade <= GRADES)
                    && small(incumbent.values().chain(challenger.values()))
            }
        }
    }
}

fn small<'a>(mut counts: impl Iterator<Item = &'a u64>) -> bool {
    let mut sum = 0_u64;
    counts.all(|&count| {
        sum = sum.saturating_add(count);
        sum <= COUNT_MAX
    })
}
