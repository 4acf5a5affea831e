//! What an experiment compares, and by what rules.

use std::collections::BTreeSet;

use pocketune_base::{Digest, json};
use serde::{Deserialize, Serialize};

use super::assign::{self, BucketRange};
use super::{Arm, ExperimentError, Measure};
use crate::stats::Design;

/// Most metrics of one experiment.
const METRICS_MAX: usize = 16;

/// From how many outcomes of each arm on a person counts, where the definition does not say.
/// A phone's own verdict on picks takes nine at least (with the default alpha and goal), so
/// that none concludes before its person counts.
const PERSON_OUTCOMES: u32 = 8;

/// Most that a definition may ask of one person: what a phone brings in a year.
const PERSON_OUTCOMES_MAX: u32 = 1_000;

/// An experiment as it is delivered and signed. Strict: an unknown field is refused, since
/// whoever wrote it wanted something that this version would not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Definition {
    /// Always 1.
    pub format: u32,
    /// What it is called: 1 to 64 of `a-z 0-9 . _ -`.
    pub id: String,
    /// What is hoped for, in a sentence.
    pub hypothesis: String,
    /// Who answers.
    pub design: DesignKind,
    /// What makes its assignments its own.
    pub salt: String,
    /// GrowthBook's version of the hash.
    #[serde(default = "two")]
    pub hash_version: u32,
    /// Share of the units that take part.
    #[serde(default = "one")]
    pub coverage: f64,
    /// Shares of incumbent and challenger where one arm answers.
    #[serde(default = "halves")]
    pub weights: [f64; 2],
    /// The part of a namespace whose units take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// What is compared.
    pub arms: Arms,
    /// What is measured; one of them is primary.
    pub metrics: Vec<Metric>,
    /// What is to be shown of the primary metric.
    #[serde(default)]
    pub goal: Goal,
    /// Bound on the chance of a wrong claim, at all looks together.
    #[serde(default = "five_percent")]
    pub alpha: f64,
    /// When it ends without a verdict.
    pub limits: Limits,
    /// From how many outcomes of each arm on a person counts over several devices, and how
    /// many count: the first ones. 8 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_outcomes: Option<u32>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesignKind {
    /// Both arms, in random order; the user picks. The default of apps, since one person
    /// gives little data.
    SideBySide,
    /// One arm a conversation.
    ByConversation,
}

/// Some of the units, so that experiments do not meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Namespace {
    /// The namespace.
    pub id: String,
    /// Where the part begins, in [0, 1].
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

/// The two variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Arms {
    /// What is in use, and stays unless the other proves better.
    pub incumbent: ArmDefinition,
    /// What may take its place.
    pub challenger: ArmDefinition,
}

/// One variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArmDefinition {
    /// For people.
    pub name: String,
    /// SHA-256 of its adapters; none for the model as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<String>,
}

/// Something measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    /// What.
    pub measure: Measure,
    /// What for.
    pub role: Role,
    /// The range that is compared, if another than the measure's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// How much worse a guardrail may be, as a share of the range.
    #[serde(default = "five_percent")]
    pub margin: f64,
}

/// What a metric is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The verdict is about it.
    Primary,
    /// Shown, decides nothing.
    Secondary,
    /// Must be shown not to be worse by its margin before a promotion; the challenger is
    /// rolled back where it is shown to be.
    Guardrail,
}

/// What is to be shown of the primary metric for a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The challenger is better.
    #[default]
    Better,
    /// It is not worse by so much of the range or more: for what is smaller or faster.
    NotWorseBy(f64),
}

/// When an experiment ends without a verdict; the incumbent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Outcomes of the primary metric before a promotion; what harms goes sooner.
    #[serde(default)]
    pub min_outcomes: u64,
    /// Outcomes of the primary metric.
    pub max_outcomes: u64,
    /// Days since the first exposure.
    pub max_days: u32,
}

impl Definition {
    /// The version of the form.
    pub const FORMAT: u32 = 1;

    /// Reads a definition and checks it.
    ///
    /// # Errors
    /// [`ExperimentError::DefinitionMalformed`], [`ExperimentError::DefinitionInvalid`].
    pub fn parse(json: &[u8]) -> Result<Self, ExperimentError> {
        let read = json::read(json);
        let this: Self = read.map_err(|reason| ExperimentError::DefinitionMalformed { reason })?;
        this.check()?;
        Ok(this)
    }

    /// Whether all of it can be.
    ///
    /// # Errors
    /// [`ExperimentError::DefinitionInvalid`].
    pub fn check(&self) -> Result<(), ExperimentError> {
        let invalid = |field, reason| Err(ExperimentError::DefinitionInvalid { field, reason });
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if self.format != Self::FORMAT {
            return invalid("format", "format is not 1");
        }
        if !is_name(&self.id) {
            return invalid("id", "id is not 1 to 64 of a-z 0-9 . _ -");
        }
        if !matches!(self.hash_version, 1 | 2) {
            return invalid("hashVersion", "hashVersion is neither 1 nor 2");
        }
        if !share(self.coverage) || self.coverage == 0.0 {
            return invalid("coverage", "coverage is not above 0 and at most 1");
        }
        let [incumbent, challenger] = self.weights;
        let weights_sum = incumbent + challenger;
        if !(incumbent > 0.0 && challenger > 0.0 && (weights_sum - 1.0).abs() < 1e-9) {
            return invalid("weights", "weights are not positive or do not sum to 1");
        }
        let shares = self.shares();
        if !shares.iter().all(|&share| share > 0.0) {
            return invalid(
                "coverage",
                "coverage or a weight is less than the hash tells apart",
            );
        }
        if let Some(part) = &self.namespace
            && !(share(part.start) && share(part.end) && part.start < part.end)
        {
            return invalid("namespace", "namespace is not a part of [0, 1]");
        }
        if !(self.alpha > 0.0 && self.alpha <= 0.5) {
            return invalid("alpha", "alpha is not above 0 and at most 0.5");
        }
        if self.limits.max_outcomes == 0 || self.limits.max_days == 0 {
            return invalid("limits", "a limit is 0");
        }
        if self.limits.min_outcomes > self.limits.max_outcomes {
            return invalid("limits.minOutcomes", "minOutcomes is above maxOutcomes");
        }
        if !(1..=PERSON_OUTCOMES_MAX).contains(&self.person_outcomes()) {
            return invalid("personOutcomes", "personOutcomes is not 1 to 1,000");
        }
        let asked = self.person_outcomes.map_or(0, u64::from);
        if asked > self.limits.max_outcomes {
            return invalid("personOutcomes", "personOutcomes is above maxOutcomes");
        }
        if let Goal::NotWorseBy(margin) = self.goal
            && !(margin > 0.0 && margin < 1.0)
        {
            return invalid("goal", "the goal's margin is not between 0 and 1");
        }
        self.check_arms()?;
        self.check_metrics()
    }

    fn check_arms(&self) -> Result<(), ExperimentError> {
        let invalid = |field, reason| Err(ExperimentError::DefinitionInvalid { field, reason });
        let Arms {
            incumbent,
            challenger,
        } = &self.arms;
        let fields = [
            (incumbent, "arms.incumbent.name", "arms.incumbent.adapters"),
            (
                challenger,
                "arms.challenger.name",
                "arms.challenger.adapters",
            ),
        ];
        for (arm, name, adapters) in fields {
            if !arm
                .adapters
                .iter()
                .all(|adapter| Digest::from_hex(adapter).is_some())
            {
                return invalid(adapters, "an arm's adapter is no SHA-256");
            }
            let known = arm.adapters.iter().collect::<BTreeSet<_>>();
            if known.len() != arm.adapters.len() {
                return invalid(adapters, "an arm has an adapter twice");
            }
            if arm.name.is_empty() {
                return invalid(name, "an arm has no name");
            }
        }
        if incumbent.name == challenger.name {
            return invalid("arms.challenger.name", "both arms have one name");
        }
        Ok(())
    }

    fn check_metrics(&self) -> Result<(), ExperimentError> {
        let invalid = |field, reason| Err(ExperimentError::DefinitionInvalid { field, reason });
        if self.metrics.len() > METRICS_MAX {
            return invalid("metrics", "there are more than 16 metrics");
        }
        let mut measures: Vec<_> = self.metrics.iter().map(|metric| metric.measure).collect();
        measures.sort_unstable();
        measures.dedup();
        if measures.len() != self.metrics.len() {
            return invalid("metrics", "a measure is taken twice");
        }
        let roles = self.metrics.iter().map(|metric| metric.role);
        if roles.filter(|role| *role == Role::Primary).count() != 1 {
            return invalid("metrics", "not exactly one metric is primary");
        }
        for metric in &self.metrics {
            if metric.measure == Measure::Pick && self.design == DesignKind::ByConversation {
                return invalid("metrics", "there is nothing to pick where one arm answers");
            }
            let [low, high] = metric.range();
            if !(low.is_finite() && high.is_finite() && low < high) {
                return invalid("metrics", "a metric's range is empty");
            }
            if !(metric.margin > 0.0 && metric.margin < 1.0) {
                return invalid("metrics", "a margin is not between 0 and 1");
            }
        }
        Ok(())
    }

    /// SHA-256 of its one canonical form, in hexadecimal digits: what summaries name, so that
    /// devices agree however the file was laid out. A release statement is about the file
    /// instead: its subject is the SHA-256 of the bytes that were parsed here.
    #[must_use]
    pub fn sha256(&self) -> String {
        Digest::of(&self.to_json()).to_string()
    }

    /// Its one canonical form.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From how many outcomes of each arm on a person counts.
    #[must_use]
    pub fn person_outcomes(&self) -> u32 {
        self.person_outcomes.unwrap_or(PERSON_OUTCOMES)
    }

    /// How many outcomes one person brings by a metric: of both arms at once, or of each.
    pub(crate) fn outcomes_a_person(&self) -> u64 {
        let of_each = u64::from(self.person_outcomes());
        match self.design {
            DesignKind::SideBySide => of_each,
            DesignKind::ByConversation => 2 * of_each,
        }
    }

    /// The metric that the verdict is about.
    #[must_use]
    pub fn primary(&self) -> Option<&Metric> {
        self.with_role(Role::Primary).next()
    }

    /// The metrics of this role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Metric> {
        self.metrics
            .iter()
            .filter(move |metric| metric.role == role)
    }

    /// The effect that evidence by this metric is against: none, or the margin below it.
    pub(crate) fn null_of(&self, metric: &Metric) -> f64 {
        match (metric.role, self.goal) {
            (Role::Guardrail, _) => -metric.margin,
            (Role::Primary, Goal::NotWorseBy(margin)) => -margin,
            _ => 0.0,
        }
    }

    /// The metric of this measure.
    #[must_use]
    pub fn metric(&self, measure: Measure) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.measure == measure)
    }

    /// The arm of a unit: which answers, or, side by side, whose reply comes first. `None`
    /// where it takes no part. Always the same for one unit; `assigned` is what was chosen
    /// for it before, and stays even if the weights have changed since.
    #[must_use]
    pub fn assign(&self, unit: &str, assigned: Option<Arm>) -> Option<Arm> {
        if assigned.is_some() {
            return assigned;
        }
        if let Some(part) = &self.namespace {
            let range = BucketRange {
                start: part.start,
                end: part.end,
            };
            if !assign::in_namespace(unit, &part.id, range) {
                return None;
            }
        }
        let ranges = assign::bucket_ranges(2, self.coverage, Some(&self.weights_asked()));
        let value = assign::hash(&self.salt, unit, self.hash_version)?;
        match assign::choose_variation(value, &ranges)? {
            0 => Some(Arm::Incumbent),
            _ => Some(Arm::Challenger),
        }
    }

    /// How often each arm is assigned to units that take part: its share of the hash's
    /// places. That is the weight up to rounding, which tells where coverage is small.
    #[must_use]
    pub fn shares(&self) -> [f64; 2] {
        let ranges = assign::bucket_ranges(2, self.coverage, Some(&self.weights_asked()));
        let [incumbent, challenger] = assign::places_of(&ranges, self.hash_version);
        let all = (incumbent + challenger) as f64;
        [incumbent as f64 / all, challenger as f64 / all]
    }

    /// The weights, or half and half where the arm is the one whose reply comes first.
    fn weights_asked(&self) -> [f64; 2] {
        match self.design {
            DesignKind::SideBySide => [0.5, 0.5],
            DesignKind::ByConversation => self.weights,
        }
    }

    pub(crate) fn statistics(&self) -> Design {
        match self.design {
            DesignKind::SideBySide => Design::Paired,
            DesignKind::ByConversation => Design::Split,
        }
    }
}

impl Metric {
    /// The range that is compared.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        self.range.unwrap_or_else(|| self.measure.default_range())
    }
}

fn is_name(text: &str) -> bool {
    let known = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(known)
}

fn two() -> u32 {
    2
}

fn one() -> f64 {
    1.0
}

fn halves() -> [f64; 2] {
    [0.5, 0.5]
}

fn five_percent() -> f64 {
    0.05
}
