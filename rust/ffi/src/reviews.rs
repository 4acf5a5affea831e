//! Replies that the critics leave to a person.

use std::sync::Arc;

use pocketune_core as core;
use pocketune_core::{Error, now};

use crate::background;
use crate::error::PocketuneError;
use crate::reward::Objection;
use crate::stream::StopReason;

/// A reply that waits for a person, or has been looked at.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct DoubtfulReply {
    /// Its id.
    pub id: String,
    /// When it was kept, in seconds since 1970.
    pub kept_at_s: i64,
    /// The system prompt; null where there was none.
    pub system_prompt: Option<String>,
    /// What was asked.
    pub prompt: String,
    /// What was answered.
    pub reply: String,
    /// From 0 to 1, by all critics together.
    pub score: f64,
    /// What the critics object.
    pub objections: Vec<Objection>,
    /// Whether it is marked for sharing.
    pub shared: bool,
    /// When it was last handed out, in seconds since 1970; null where it never was.
    pub exported_at_s: Option<i64>,
    /// What people said, in the order of their names.
    pub labels: Vec<ReviewLabel>,
}

/// What one person said of a reply.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ReviewLabel {
    /// Who.
    pub annotator: String,
    /// `pass` or `fail`.
    pub label: String,
}

impl From<core::DoubtfulReply> for DoubtfulReply {
    fn from(kept: core::DoubtfulReply) -> Self {
        let exchange = kept.exchange;
        let objections = exchange.findings.into_iter().map(Into::into);
        let labels = kept.labels.into_iter().map(|said| ReviewLabel {
            annotator: said.annotator,
            label: said.label,
        });
        Self {
            id: kept.id,
            kept_at_s: kept.at.unix_seconds(),
            system_prompt: exchange.system,
            prompt: exchange.prompt,
            reply: exchange.reply,
            score: exchange.score,
            objections: objections.collect(),
            shared: kept.shared,
            exported_at_s: kept.exported_at.map(core::Timestamp::unix_seconds),
            labels: labels.collect(),
        }
    }
}

/// The replies of a store that the critics leave to a person. They stay on the device;
/// those that are marked for sharing leave it when the app exports them. Thread-safe.
#[derive(Debug, uniffi::Object)]
pub struct Reviews(core::Reviews);

#[uniffi::export]
impl Reviews {
    /// Lets the critics look at a reply, and keeps it where they leave it to a person:
    /// returns its id then, null otherwise.
    ///
    /// # Errors
    /// `ConsentMissing` without the consent to keep it; `StorageFailed`.
    pub async fn offer(
        &self,
        system_prompt: Option<String>,
        prompt: String,
        reply: String,
        stop_reason: StopReason,
    ) -> Result<Option<String>, PocketuneError> {
        self.run(move |reviews| {
            let system = system_prompt.as_deref();
            reviews.offer_reply(system, &prompt, &reply, stop_reason.into(), now())
        })
        .await
    }

    /// All replies that were kept, the earliest first: at most 1,000, of which the earliest go
    /// that are neither marked nor labelled.
    ///
    /// # Errors
    /// `StorageFailed`.
    pub async fn list(&self) -> Result<Vec<DoubtfulReply>, PocketuneError> {
        let kept = self.run(core::Reviews::list).await?;
        Ok(kept.into_iter().map(Into::into).collect())
    }

    /// Marks a reply for sharing, or takes that back.
    ///
    /// # Errors
    /// `ConsentMissing` without the consent to share, `InvalidArgument` for an unknown id,
    /// `StorageFailed`.
    pub async fn share(&self, id: String, shared: bool) -> Result<(), PocketuneError> {
        self.run(move |reviews| reviews.share(&id, shared)).await
    }

    /// Removes a reply.
    ///
    /// # Errors
    /// `InvalidArgument` for an unknown id; `StorageFailed`.
    pub async fn forget(&self, id: String) -> Result<(), PocketuneError> {
        self.run(move |reviews| reviews.forget(&id)).await
    }

    /// Replies that are marked for sharing, as lines of JSON. Sends nothing anywhere.
    ///
    /// # Errors
    /// `ConsentMissing` without the consent to share; `StorageFailed`.
    pub async fn export(&self) -> Result<String, PocketuneError> {
        self.run(|reviews| reviews.export(now())).await
    }

    /// Takes in what people said, all lines or none: `id`, `annotator` and `label` (`pass`
    /// or `fail`). Returns how many lines there were.
    ///
    /// # Errors
    /// `InvalidArgument` for a line that is no label, an unknown id, or an annotator who
    /// said something else before; `StorageFailed`.
    pub async fn import_labels(&self, lines: String) -> Result<u64, PocketuneError> {
        self.run(move |reviews| Ok(reviews.import_labels(&lines, now())? as u64))
            .await
    }
}

impl Reviews {
    pub(crate) fn wrap(reviews: core::Reviews) -> Arc<Self> {
        Arc::new(Self(reviews))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&core::Reviews) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, PocketuneError> {
        let reviews = self.0.clone();
        background::run(move |_| work(&reviews)).await
    }
}
