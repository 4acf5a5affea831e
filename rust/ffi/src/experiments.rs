//! Experiments: assign, record, verdict.

use std::sync::Arc;

use pocketune_core as core;
use pocketune_core::{Error, now};

use crate::background;
use crate::chat::{Chat, ChatOptions};
use crate::error::PocketuneError;
use crate::experiment_definition::ExperimentDefinition;
use crate::experiment_records::{Arm, DamagedExperiment, Decision, Measure, Outcome};
use crate::reward::RewardModel;
use crate::side_by_side::SideBySideChat;

/// The experiments of a store. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Experiments(core::Experiments);

/// An experiment on this device. What was recorded is on disk when a call returns.
/// Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Experiment(Arc<core::Experiment>);

/// A conversation of an experiment in which one arm answers.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ArmChat {
    /// The conversation.
    pub chat: Arc<Chat>,
    /// Its arm; null where it takes no part.
    pub arm: Option<Arm>,
}

#[uniffi::export]
impl Experiments {
    /// Starts an experiment that the app itself defines, or goes on with it. The adapters of
    /// both arms must be installed.
    ///
    /// # Errors
    /// `InvalidArgument`, which names the field, for a definition that cannot be, or an adapter
    /// that is not installed; `StorageFailed`.
    pub async fn start(
        &self,
        definition: ExperimentDefinition,
    ) -> Result<Arc<Experiment>, PocketuneError> {
        let definition = definition.try_into()?;
        let started = self.run(move |all| all.start(&definition, now()));
        Ok(Experiment::wrap(started.await?))
    }

    /// Starts an experiment that was delivered, or goes on with it: the definition at `path`
    /// is verified with the attestations beside it (`<path>.intoto.jsonl`).
    ///
    /// # Errors
    /// As `start`, and `InvalidArgument` with the refusal for what is not accepted; `NotNow`
    /// without an engine.
    pub async fn start_delivered(&self, path: String) -> Result<Arc<Experiment>, PocketuneError> {
        let started = self.run(move |all| all.start_delivered(path.as_ref(), now()));
        Ok(Experiment::wrap(started.await?))
    }

    /// All experiments that were started and not forgotten, the earliest first; those that
    /// cannot be read are `damaged`.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn all(&self) -> Result<Vec<Arc<Experiment>>, PocketuneError> {
        let started = self.run(core::Experiments::all).await?;
        Ok(started.into_iter().map(Experiment::wrap).collect())
    }

    /// Experiments that cannot be read: damaged, or started by a newer version of the app.
    /// They can be forgotten.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn damaged(&self) -> Result<Vec<DamagedExperiment>, PocketuneError> {
        let damaged = self.run(core::Experiments::damaged).await?;
        let damaged = damaged
            .into_iter()
            .map(|(sha256, error)| DamagedExperiment {
                sha256,
                reason: error.to_string(),
            });
        Ok(damaged.collect())
    }

    /// Removes an experiment with all that was recorded in it.
    ///
    /// # Errors
    /// `InvalidArgument` for one that was not started; `StorageFailed`.
    pub async fn forget(&self, sha256: String) -> Result<(), PocketuneError> {
        self.run(move |all| all.forget(&sha256)).await
    }
}

impl Experiments {
    pub(crate) fn wrap(experiments: core::Experiments) -> Arc<Self> {
        Arc::new(Self(experiments))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&core::Experiments) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, PocketuneError> {
        let experiments = self.0.clone();
        background::run(move |_| work(&experiments)).await
    }
}

#[uniffi::export]
impl Experiment {
    /// SHA-256 of the definition's canonical form: its name in summaries.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.0.sha256().to_owned()
    }

    /// What it compares, with every default filled in.
    #[must_use]
    pub fn definition(&self) -> ExperimentDefinition {
        self.0.definition().into()
    }

    /// What the definition calls it.
    #[must_use]
    pub fn id(&self) -> String {
        self.0.definition().id.clone()
    }

    /// The arm of a unit, always the same; null where it takes no part. The first time it
    /// is written down as an exposure: call it where the unit is about to see the arm.
    ///
    /// # Errors
    /// `StorageFailed`, also for a ledger that is damaged.
    pub async fn assign(&self, unit: String) -> Result<Option<Arm>, PocketuneError> {
        self.run(move |experiment| Ok(experiment.assign(&unit, now())?.map(Into::into)))
            .await
    }

    /// Writes down what came of a unit, once a measure; where the clock went back, as at the
    /// time of the event before.
    ///
    /// # Errors
    /// `InvalidArgument` for a unit that was not assigned, a second outcome, a measure that
    /// the experiment does not take, and a value that is no number; `NotNow` after the end;
    /// `StorageFailed`. Then nothing was written.
    pub async fn record(
        &self,
        unit: String,
        measure: Measure,
        outcome: Outcome,
    ) -> Result<(), PocketuneError> {
        self.run(move |experiment| experiment.record(&unit, measure.into(), outcome.into(), now()))
            .await
    }

    /// What is proven now: may be asked after every outcome, and changes nothing.
    ///
    /// # Errors
    /// `StorageFailed`, also for a ledger that is damaged.
    pub async fn verdict(&self) -> Result<Decision, PocketuneError> {
        self.run(|experiment| Ok(experiment.verdict(now())?.into()))
            .await
    }

    /// Does what the verdict says and ends the experiment, both or neither: a promotion
    /// activates the challenger's adapters, anything else those of the incumbent. Where it
    /// has ended before, returns the verdict and changes nothing.
    ///
    /// # Errors
    /// `NotNow` while nothing is proven; `InvalidArgument` where an adapter no longer
    /// passes; `StorageFailed`, `Closed`.
    pub async fn conclude(&self) -> Result<Decision, PocketuneError> {
        self.run(|experiment| Ok(experiment.conclude(now())?.into()))
            .await
    }

    /// Ends it by hand: nothing more is recorded.
    ///
    /// # Errors
    /// `NotNow` when it has ended before; `StorageFailed`.
    pub async fn end(&self) -> Result<(), PocketuneError> {
        self.run(|experiment| experiment.end(now())).await
    }

    /// Whether it has ended, by `conclude` or by hand.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn ended(&self) -> Result<bool, PocketuneError> {
        self.run(core::Experiment::ended).await
    }

    /// Counts alone, as JSON: neither units nor texts. Over several devices each is one
    /// person's.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn summary(&self) -> Result<String, PocketuneError> {
        self.run(|experiment| experiment.summary_json()).await
    }

    /// All events as lines of JSON, with the units' names and without any text.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn ledger(&self) -> Result<String, PocketuneError> {
        self.run(|experiment| experiment.ledger()).await
    }

    /// Starts a conversation under the arm of its unit, and writes the exposure down.
    /// Where it takes no part, as after the end, under whatever is active.
    ///
    /// # Errors
    /// As `assign` and `Engine.chat`; `InvalidArgument` for an experiment of the other design,
    /// or where an adapter no longer passes.
    pub async fn chat(
        &self,
        unit: String,
        options: ChatOptions,
    ) -> Result<ArmChat, PocketuneError> {
        self.run(move |experiment| {
            let started = experiment.chat(&unit, options.into(), now())?;
            Ok(ArmChat {
                chat: Chat::wrap(started.chat),
                arm: started.arm.map(Into::into),
            })
        })
        .await
    }

    /// Starts a conversation in which both arms answer and the user picks.
    ///
    /// # Errors
    /// `InvalidArgument` for an experiment of the other design, or where an adapter no
    /// longer passes; those of `Engine.chat`; `StorageFailed`, `Closed`.
    pub async fn side_by_side(
        &self,
        options: ChatOptions,
        reward: Option<Arc<RewardModel>>,
    ) -> Result<Arc<SideBySideChat>, PocketuneError> {
        let experiment = Arc::clone(&self.0);
        background::run(move |_| {
            let reward = reward.map(|model| model.core().clone());
            let chat = core::SideBySideChat::start(experiment, options.into(), reward, now())?;
            Ok(SideBySideChat::wrap(chat))
        })
        .await
    }
}

impl Experiment {
    fn wrap(experiment: core::Experiment) -> Arc<Self> {
        Arc::new(Self(Arc::new(experiment)))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&core::Experiment) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, PocketuneError> {
        let experiment = Arc::clone(&self.0);
        background::run(move |_| work(&experiment)).await
    }
}
