//! What an experiment compares, and by what rules: the fields of its file as types. What
//! cannot be is refused where files are, in `judge`.

use pocketune_core as core;

use crate::error::PocketuneError;
use crate::experiment_records::Measure;

/// An experiment that an app defines.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct ExperimentDefinition {
    /// What it is called: 1 to 64 of `a-z 0-9 . _ -`.
    pub id: String,
    /// What is hoped for, in a sentence.
    pub hypothesis: String,
    /// Who answers.
    pub design: ExperimentDesign,
    /// What makes its assignments its own; experiments of one salt assign alike.
    pub salt: String,
    /// What is in use, and stays unless the other proves better.
    pub incumbent: ArmDefinition,
    /// What may take its place.
    pub challenger: ArmDefinition,
    /// What is measured: 1 to 16, one a measure, exactly one of them primary.
    pub metrics: Vec<MetricDefinition>,
    /// When it ends without a verdict; the incumbent stays.
    pub limits: ExperimentLimits,
    /// What is to be shown of the primary metric; null: that the challenger is better.
    #[uniffi(default = None)]
    pub goal: Option<ExperimentGoal>,
    /// Bound on the chance of a wrong claim, at all looks together; above 0, at most 0.5.
    #[uniffi(default = 0.05)]
    pub alpha: f64,
    /// Share of the units that take part, above 0, at most 1.
    #[uniffi(default = 1.0)]
    pub coverage: f64,
    /// Shares of both arms where one arm answers; null: half and half.
    #[uniffi(default = None)]
    pub weights: Option<ArmWeights>,
    /// The part of a namespace whose units take part; null: all.
    #[uniffi(default = None)]
    pub namespace: Option<ExperimentNamespace>,
    /// Version of GrowthBook's hash, 1 or 2.
    #[uniffi(default = 2)]
    pub hash_version: u32,
    /// Over several devices: from how many outcomes of each arm on a person counts, and how
    /// many count, 1 to 1,000; null: 8.
    #[uniffi(default = None)]
    pub person_outcomes: Option<u32>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ExperimentDesign {
    /// Both arms answer each question, in random order; the user picks.
    SideBySide,
    /// One arm answers a whole conversation.
    ByConversation,
}

/// One variant: exactly these adapters, each at scale 1.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ArmDefinition {
    /// For people; the two differ.
    pub name: String,
    /// SHA-256 of its adapters, which are installed; empty for the model as it is, whatever is
    /// active.
    #[uniffi(default = [])]
    pub adapters: Vec<String>,
}

/// Something measured.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct MetricDefinition {
    /// What.
    pub measure: Measure,
    /// What for.
    pub role: MetricRole,
    /// The range that is compared; null: the measure's own.
    #[uniffi(default = None)]
    pub range: Option<MetricRange>,
    /// How much worse a guardrail may be, as a share of the range, between 0 and 1.
    #[uniffi(default = 0.05)]
    pub margin: f64,
}

/// What a metric is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum MetricRole {
    /// The verdict is about it.
    Primary,
    /// Shown, decides nothing.
    Secondary,
    /// Must be shown not to be worse by its margin before a promotion.
    Guardrail,
}

/// A range in a measure's unit; what lies outside counts as its end.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct MetricRange {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// What is to be shown of the primary metric for a promotion.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Enum)]
pub enum ExperimentGoal {
    /// The challenger is better.
    Better,
    /// It is not worse by so much of the range or more: for what is smaller or faster.
    NotWorseBy {
        /// A share of the range, between 0 and 1.
        margin: f64,
    },
}

/// When an experiment ends without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct ExperimentLimits {
    /// Outcomes of the primary metric, at least 1.
    pub max_outcomes: u64,
    /// Days since the first exposure, at least 1.
    pub max_days: u32,
    /// Outcomes of the primary metric before a promotion; what harms goes sooner.
    #[uniffi(default = 0)]
    pub min_outcomes: u64,
}

/// Shares of both arms, positive, which sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct ArmWeights {
    /// The incumbent's.
    pub incumbent: f64,
    /// The challenger's.
    pub challenger: f64,
}

/// Some of the units, so that experiments do not meet: 0 ≤ start < end ≤ 1.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct ExperimentNamespace {
    /// The namespace.
    pub id: String,
    /// Where the part begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

impl TryFrom<ExperimentDefinition> for core::Definition {
    type Error = PocketuneError;

    /// Fails with `InvalidArgument` that names the field.
    fn try_from(definition: ExperimentDefinition) -> Result<Self, PocketuneError> {
        let this = Self {
            format: Self::FORMAT,
            id: definition.id,
            hypothesis: definition.hypothesis,
            design: definition.design.into(),
            salt: definition.salt,
            hash_version: definition.hash_version,
            coverage: definition.coverage,
            weights: definition
                .weights
                .map_or([0.5, 0.5], |it| [it.incumbent, it.challenger]),
            namespace: definition.namespace.map(|it| core::Namespace {
                id: it.id,
                start: it.start,
                end: it.end,
            }),
            arms: core::Arms {
                incumbent: definition.incumbent.into(),
                challenger: definition.challenger.into(),
            },
            metrics: definition.metrics.into_iter().map(Into::into).collect(),
            goal: match definition.goal {
                None | Some(ExperimentGoal::Better) => core::Goal::Better,
                Some(ExperimentGoal::NotWorseBy { margin }) => core::Goal::NotWorseBy(margin),
            },
            alpha: definition.alpha,
            limits: core::Limits {
                min_outcomes: definition.limits.min_outcomes,
                max_outcomes: definition.limits.max_outcomes,
                max_days: definition.limits.max_days,
            },
            person_outcomes: definition.person_outcomes,
        };
        this.check().map_err(core::Error::from)?;
        Ok(this)
    }
}

impl From<&core::Definition> for ExperimentDefinition {
    fn from(definition: &core::Definition) -> Self {
        let [incumbent, challenger] = definition.weights;
        Self {
            id: definition.id.clone(),
            hypothesis: definition.hypothesis.clone(),
            design: match definition.design {
                core::DesignKind::SideBySide => ExperimentDesign::SideBySide,
                core::DesignKind::ByConversation => ExperimentDesign::ByConversation,
            },
            salt: definition.salt.clone(),
            incumbent: (&definition.arms.incumbent).into(),
            challenger: (&definition.arms.challenger).into(),
            metrics: definition.metrics.iter().map(Into::into).collect(),
            limits: ExperimentLimits {
                max_outcomes: definition.limits.max_outcomes,
                max_days: definition.limits.max_days,
                min_outcomes: definition.limits.min_outcomes,
            },
            goal: Some(match definition.goal {
                core::Goal::Better => ExperimentGoal::Better,
                core::Goal::NotWorseBy(margin) => ExperimentGoal::NotWorseBy { margin },
            }),
            alpha: definition.alpha,
            coverage: definition.coverage,
            weights: Some(ArmWeights {
                incumbent,
                challenger,
            }),
            namespace: definition.namespace.as_ref().map(|it| ExperimentNamespace {
                id: it.id.clone(),
                start: it.start,
                end: it.end,
            }),
            hash_version: definition.hash_version,
            person_outcomes: definition.person_outcomes,
        }
    }
}

impl From<ExperimentDesign> for core::DesignKind {
    fn from(design: ExperimentDesign) -> Self {
        match design {
            ExperimentDesign::SideBySide => Self::SideBySide,
            ExperimentDesign::ByConversation => Self::ByConversation,
        }
    }
}

impl From<ArmDefinition> for core::ArmDefinition {
    fn from(arm: ArmDefinition) -> Self {
        Self {
            name: arm.name,
            adapters: arm.adapters,
        }
    }
}

impl From<&core::ArmDefinition> for ArmDefinition {
    fn from(arm: &core::ArmDefinition) -> Self {
        Self {
            name: arm.name.clone(),
            adapters: arm.adapters.clone(),
        }
    }
}

impl From<MetricDefinition> for core::Metric {
    fn from(metric: MetricDefinition) -> Self {
        Self {
            measure: metric.measure.into(),
            role: match metric.role {
                MetricRole::Primary => core::MetricRole::Primary,
                MetricRole::Secondary => core::MetricRole::Secondary,
                MetricRole::Guardrail => core::MetricRole::Guardrail,
            },
            range: metric.range.map(|range| [range.low, range.high]),
            margin: metric.margin,
        }
    }
}

impl From<&core::Metric> for MetricDefinition {
    fn from(metric: &core::Metric) -> Self {
        Self {
            measure: metric.measure.into(),
            role: match metric.role {
                core::MetricRole::Primary => MetricRole::Primary,
                core::MetricRole::Secondary => MetricRole::Secondary,
                core::MetricRole::Guardrail => MetricRole::Guardrail,
            },
            range: metric.range.map(|[low, high]| MetricRange { low, high }),
            margin: metric.margin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the formats' page.
    fn documented() -> String {
        let formats = include_str!("../../FORMATS.md");
        let section = formats.split("\n## Experiment\n").nth(1).unwrap();
        let example = section.split("```json\n").nth(1).unwrap();
        example.split("\n```").next().unwrap().to_owned()
    }

    fn metric(measure: Measure, role: MetricRole) -> MetricDefinition {
        MetricDefinition {
            measure,
            role,
            range: None,
            margin: 0.05,
        }
    }

    /// The same as the example, as an app writes it.
    fn typed() -> ExperimentDefinition {
        let (low, high) = (0.0, 2000.0);
        let adapter = "daacc91752b68f497bc6f91a4998448f274f2ae7d13c40e0e34c136fde8c7339";
        ExperimentDefinition {
            id: "brief".to_owned(),
            hypothesis: "Short replies are picked.".to_owned(),
            design: ExperimentDesign::SideBySide,
            salt: "brief".to_owned(),
            incumbent: ArmDefinition {
                name: "current model".to_owned(),
                adapters: Vec::new(),
            },
            challenger: ArmDefinition {
                name: "brief".to_owned(),
                adapters: vec![adapter.to_owned()],
            },
            metrics: vec![
                metric(Measure::Pick, MetricRole::Primary),
                metric(Measure::CriticScore, MetricRole::Guardrail),
                MetricDefinition {
                    range: Some(MetricRange { low, high }),
                    margin: 0.1,
                    ..metric(Measure::FirstTokenMs, MetricRole::Guardrail)
                },
                metric(Measure::TokensPerS, MetricRole::Secondary),
            ],
            limits: ExperimentLimits {
                max_outcomes: 300,
                max_days: 28,
                min_outcomes: 0,
            },
            goal: None,
            alpha: 0.05,
            coverage: 1.0,
            weights: None,
            namespace: Some(ExperimentNamespace {
                id: "assistant".to_owned(),
                start: 0.0,
                end: 0.5,
            }),
            hash_version: 2,
            person_outcomes: None,
        }
    }

    fn refused(change: impl Fn(&mut ExperimentDefinition)) -> String {
        let mut definition = typed();
        change(&mut definition);
        match core::Definition::try_from(definition) {
            Err(PocketuneError::InvalidArgument {
                argument, refusal, ..
            }) => {
                assert_eq!(refusal, None);
                argument
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_and_types_are_one_experiment() {
        let file = core::Definition::parse(documented().as_bytes()).unwrap();
        let types = core::Definition::try_from(typed()).unwrap();
        assert_eq!(types.to_json(), file.to_json());
        assert_eq!(types.sha256(), file.sha256());
        // And back: defaults are then filled in.
        let back = ExperimentDefinition::from(&file);
        assert_eq!(back.goal, Some(ExperimentGoal::Better));
        assert_eq!(core::Definition::try_from(back).unwrap(), file);
    }

    #[test]
    fn every_field_comes_back() {
        let mut definition = typed();
        definition.design = ExperimentDesign::ByConversation;
        definition.metrics.remove(0);
        definition.metrics[2].role = MetricRole::Primary;
        definition.goal = Some(ExperimentGoal::NotWorseBy { margin: 0.02 });
        let (incumbent, challenger) = (0.7, 0.3);
        definition.weights = Some(ArmWeights {
            incumbent,
            challenger,
        });
        definition.coverage = 0.1 + 0.2;
        definition.limits.min_outcomes = 3;
        definition.hash_version = 1;
        definition.person_outcomes = Some(9);
        let core = core::Definition::try_from(definition.clone()).unwrap();
        assert_eq!(ExperimentDefinition::from(&core), definition);
        assert_eq!(core::Definition::parse(&core.to_json()).unwrap(), core);
    }

    #[test]
    fn what_cannot_be_names_its_field() {
        assert_eq!(refused(|it| it.id = "Not a name".to_owned()), "id");
        assert_eq!(refused(|it| it.hash_version = 3), "hashVersion");
        assert_eq!(refused(|it| it.coverage = f64::NAN), "coverage");
        assert_eq!(refused(|it| it.alpha = f64::INFINITY), "alpha");
        assert_eq!(refused(|it| it.limits.max_days = 0), "limits");
        assert_eq!(
            refused(|it| it.limits.min_outcomes = u64::MAX),
            "limits.minOutcomes"
        );
        assert_eq!(refused(|it| it.person_outcomes = Some(0)), "personOutcomes");
        assert_eq!(refused(|it| it.metrics.clear()), "metrics");
        assert_eq!(refused(|it| it.metrics[2].margin = 1.5), "metrics");
        let goal = |margin| Some(ExperimentGoal::NotWorseBy { margin });
        assert_eq!(refused(|it| it.goal = goal(f64::NAN)), "goal");
        let weights = |incumbent, challenger| {
            Some(ArmWeights {
                incumbent,
                challenger,
            })
        };
        assert_eq!(refused(|it| it.weights = weights(0.5, 0.6)), "weights");
        assert_eq!(
            refused(|it| it.challenger.adapters.push("xyz".to_owned())),
            "challenger.adapters"
        );
        assert_eq!(refused(|it| it.incumbent.name.clear()), "incumbent.name");
        assert_eq!(
            refused(|it| it.challenger.name = it.incumbent.name.clone()),
            "challenger.name"
        );
    }
}
