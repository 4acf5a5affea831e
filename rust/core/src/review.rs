//! Replies that the critics leave to a person. They stay on the device; those that are
//! marked for sharing leave it when the app asks for an export, and at no other time.

use std::sync::Arc;

use pocketune_adapter::Timestamp;
use pocketune_base::json::{FieldFault, JsonError, Nulls};
use pocketune_base::{LineError, LineFault};
use pocketune_judge::critic::{Exchange, Expectation, Finding, Judgement, Panel, Ruling};
use pocketune_store::{ReviewItem, ReviewLabel, StoreError, StoreFolder};
use serde::{Deserialize, Serialize};

use crate::criticize::exchange;
use crate::error::Error;
use crate::reply::StopReason;

/// The replies for review of a [`Store`](crate::Store). Thread-safe, and cheap to clone;
/// functions block for the disk.
#[derive(Debug, Clone)]
pub struct Reviews(Arc<StoreFolder>);

/// What a person says of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Nothing to object.
    Pass,
    /// At fault.
    Fail,
}

/// A reply that waits for a person, or has been looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct DoubtfulReply {
    /// Its id.
    pub id: String,
    /// When it was kept, by the device's clock.
    pub at: Timestamp,
    /// The exchange, and what the critics say of it.
    pub exchange: DoubtfulExchange,
    /// Whether it was marked for sharing.
    pub shared: bool,
    /// When it was last handed out.
    pub exported_at: Option<Timestamp>,
    /// What people said, in the order of their names.
    pub labels: Vec<ReviewLabel>,
}

/// What is kept of an exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoubtfulExchange {
    /// The system prompt, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The text that the reply was to keep to, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What was asked.
    pub prompt: String,
    /// What was answered.
    pub reply: String,
    /// From 0 to 1, by all critics together.
    pub score: f64,
    /// What the critics object.
    pub findings: Vec<Objection>,
}

/// What one critic objects. Its name is text: a later version may know others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objection {
    /// Who.
    pub critic: String,
    /// From 0, certainly at fault, to 1.
    pub score: f64,
    /// Why, in plain words, without anything that user or model wrote.
    pub reason: String,
}

/// A line of an export.
#[derive(Serialize)]
struct Exported<'a> {
    id: &'a str,
    #[serde(flatten)]
    exchange: &'a DoubtfulExchange,
}

/// A line of an import.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    id: String,
    annotator: String,
    label: Label,
}

impl Reviews {
    pub(crate) fn new(folder: Arc<StoreFolder>) -> Self {
        Self(folder)
    }

    /// Keeps a reply that the panel leaves to a person, and returns its id. What passes or
    /// fails needs nobody and is not kept: then `None`.
    ///
    /// # Errors
    /// [`Error::Store`] with [`StoreError::NoConsent`].
    pub fn offer(
        &self,
        exchange: &Exchange<'_>,
        judgement: &Judgement,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        if judgement.ruling != Ruling::NeedsReview {
            return Ok(None);
        }
        let kept = DoubtfulExchange {
            system: exchange.system.map(str::to_owned),
            context: exchange.context.map(str::to_owned),
            prompt: exchange.prompt.to_owned(),
            reply: exchange.reply.to_owned(),
            score: judgement.score,
            findings: judgement
                .findings
                .iter()
                .filter_map(Objection::of)
                .collect(),
        };
        let content = serde_json::to_string(&kept).map_err(|error| Error::Io(error.into()))?;
        let id = getrandom::u64().map_err(|error| Error::Io(error.into()))?;
        let id = format!("{id:016x}");
        self.0.keep_for_review(&id, &content, now)?;
        Ok(Some(id))
    }

    /// Lets all critics look at a reply, and offers it.
    ///
    /// # Errors
    /// As [`Reviews::offer`].
    pub fn offer_reply(
        &self,
        system: Option<&str>,
        prompt: &str,
        reply: &str,
        stop_reason: StopReason,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let expect = Expectation::default();
        let exchange = exchange(system, prompt, reply, stop_reason, &expect);
        self.offer(&exchange, &Panel::default().judge(&exchange), now)
    }

    /// All that was kept, with what people said, the earliest first.
    ///
    /// # Errors
    /// [`Error::Store`], with [`StoreError::Damaged`] for what cannot be read.
    pub fn list(&self) -> Result<Vec<DoubtfulReply>, Error> {
        self.0.reviews()?.into_iter().map(read).collect()
    }

    /// Marks a reply for sharing, or takes that back.
    ///
    /// # Errors
    /// [`Error::Store`] with [`StoreError::NoConsent`] or
    /// [`StoreError::NoReview`].
    pub fn share(&self, id: &str, shared: bool) -> Result<(), Error> {
        Ok(self.0.share_review(id, shared)?)
    }

    /// Removes a reply.
    ///
    /// # Errors
    /// [`Error::Store`] with [`StoreError::NoReview`].
    pub fn forget(&self, id: &str) -> Result<(), Error> {
        Ok(self.0.forget_review(id)?)
    }

    /// Replies that are marked for sharing, as lines of JSON.
    ///
    /// # Errors
    /// [`Error::Store`] with [`StoreError::NoConsent`].
    pub fn export(&self, now: Timestamp) -> Result<String, Error> {
        let mut lines = String::new();
        let shared = self.0.export_reviews(now, |item| {
            let (id, exchange) = (&item.id, &exchange_of(&item)?);
            serde_json::to_string(&Exported { id, exchange })
                .map_err(|error| StoreError::Io(error.into()))
        })?;
        for line in shared {
            lines += &line;
            lines.push('\n');
        }
        Ok(lines)
    }

    /// Takes in what people said, all lines or none: `{"id": …, "annotator": …, "label":
    /// "pass" or "fail"}`. Lines that are there already are passed over. Returns how many
    /// lines there were.
    ///
    /// # Errors
    /// [`Error::Labels`] for a line that is no label; [`Error::Store`] with
    /// [`StoreError::NoReview`] or
    /// [`StoreError::LabelContradicts`].
    pub fn import_labels(&self, lines: &str, now: Timestamp) -> Result<usize, Error> {
        let mut labels = Vec::new();
        for line in pocketune_base::lines(lines.as_bytes()) {
            let line = line.map_err(no_label)?;
            let Labelled {
                id,
                annotator,
                label,
            } = line.read(Nulls::Refused).map_err(no_label)?;
            if annotator.trim().is_empty() {
                let reason = "the annotator has no name".to_owned();
                let fault = FieldFault::Value { reason };
                let fault = LineFault::Json(JsonError::of("annotator", fault));
                return Err(no_label(line.error(fault)));
            }
            let label = label.name().to_owned();
            labels.push((id, ReviewLabel { annotator, label }));
        }
        self.0.label_reviews(&labels, now)?;
        Ok(labels.len())
    }
}

impl Objection {
    /// None where the critic has nothing to object.
    #[must_use]
    pub fn of(finding: &Finding) -> Option<Self> {
        Some(Self {
            critic: finding.critic.name().to_owned(),
            score: finding.score,
            reason: finding.reason.as_ref()?.clone().into_owned(),
        })
    }
}

impl Label {
    /// As lines name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

fn no_label(LineError { line, fault }: LineError) -> Error {
    Error::Labels {
        line,
        reason: fault,
    }
}

fn read(item: ReviewItem) -> Result<DoubtfulReply, Error> {
    let exchange = exchange_of(&item)?;
    Ok(DoubtfulReply {
        id: item.id,
        at: item.at,
        exchange,
        shared: item.shared,
        exported_at: item.exported_at,
        labels: item.labels,
    })
}

fn exchange_of(item: &ReviewItem) -> Result<DoubtfulExchange, StoreError> {
    serde_json::from_str(&item.content).map_err(|_| StoreError::Damaged {
        what: "a reply for review",
    })
}
