//! What a request for text returns, whole and in parts.

use std::sync::atomic::{AtomicBool, Ordering};

use async_channel::{Receiver, WeakReceiver};

use crate::cancel::CancelToken;
use crate::error::Error;
use crate::origin::ReplyOrigin;

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The model ended its turn, or the constraint was fulfilled.
    EndOfTurn,
    /// A stop string came up.
    StopString,
    /// `max_tokens` were generated.
    MaxTokens,
    /// The context is full.
    ContextFull,
    /// The request was cancelled; the text is what there was.
    Cancelled,
}

/// A finished reply and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What it is called, and how it came to be.
    pub origin: ReplyOrigin,
    /// The text, without stop strings.
    pub text: String,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Tokens of the prompt, reused ones included.
    pub prompt_tokens: u32,
    /// Prompt tokens whose keys and values were still cached.
    pub reused_tokens: u32,
    /// Tokens generated, without the one that ended the turn.
    pub generated_tokens: u32,
    /// Messages of the history that were left out to fit the context.
    pub dropped_messages: u32,
    /// From the request to its first token, waiting in the queue included, in ms.
    pub time_to_first_token_ms: f64,
    /// Prompt tokens computed per second; 0 when all were reused.
    pub prefill_tokens_per_s: f64,
    /// Tokens generated per second of computing, after the first.
    pub decode_tokens_per_s: f64,
}

/// A part of a reply as it is generated.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyPart {
    /// The next piece of text: whole characters, never a part of a stop string.
    Text(String),
    /// The end; nothing follows.
    Done(Reply),
}

/// The parts of one reply, as they come. Dropping the stream cancels the reply.
#[derive(Debug)]
pub struct ReplyStream {
    parts: Receiver<Result<ReplyPart, Error>>,
    cancel: CancelToken,
    // Whether the last part was taken.
    ended: AtomicBool,
}

impl ReplyStream {
    pub(crate) fn new(parts: Receiver<Result<ReplyPart, Error>>, cancel: CancelToken) -> Self {
        Self {
            parts,
            cancel,
            ended: AtomicBool::new(false),
        }
    }

    /// The next part, or `None` after [`ReplyPart::Done`] or an error. Works on
    /// any executor and may be dropped while pending.
    pub async fn next(&self) -> Option<Result<ReplyPart, Error>> {
        self.noted(self.parts.recv().await.ok())
    }

    /// Like [`ReplyStream::next`], blocking this thread.
    pub fn next_blocking(&self) -> Option<Result<ReplyPart, Error>> {
        self.noted(self.parts.recv_blocking().ok())
    }

    fn noted(&self, part: Option<Result<ReplyPart, Error>>) -> Option<Result<ReplyPart, Error>> {
        if !matches!(part, Some(Ok(ReplyPart::Text(_)))) {
            self.ended.store(true, Ordering::Release);
        }
        part
    }

    /// Asks the reply to stop; a last [`ReplyPart::Done`] with
    /// [`StopReason::Cancelled`] follows. Returns at once.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// The token that cancels this reply, to hand to another thread.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// What stops this reply, whoever reads it.
    pub(crate) fn stopper(&self) -> Stopper {
        Stopper {
            parts: self.parts.downgrade(),
            cancel: self.cancel.clone(),
        }
    }

    /// Blocks until the end and returns the reply.
    ///
    /// # Errors
    /// What the request failed with; [`Error::Closed`] when the engine was closed.
    pub fn finish(self) -> Result<Reply, Error> {
        while let Some(part) = self.next_blocking() {
            if let ReplyPart::Done(reply) = part? {
                return Ok(reply);
            }
        }
        Err(Error::Closed)
    }
}

/// Stops a reply that somebody else reads.
#[derive(Debug)]
pub(crate) struct Stopper {
    parts: WeakReceiver<Result<ReplyPart, Error>>,
    cancel: CancelToken,
}

impl Stopper {
    /// Whether there is nothing to stop any more.
    pub(crate) fn is_over(&self) -> bool {
        self.parts.upgrade().is_none()
    }

    /// Asks the reply to stop, if it is not over.
    pub(crate) fn stop(&self) {
        if !self.is_over() {
            self.cancel.cancel();
        }
    }
}

impl Iterator for &ReplyStream {
    type Item = Result<ReplyPart, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_blocking()
    }
}

impl Drop for ReplyStream {
    fn drop(&mut self) {
        // After its end there is nothing to stop but somebody else's reply, or what else
        // the token is to cancel.
        if !self.ended.load(Ordering::Acquire) && !self.parts.is_closed() {
            self.cancel.cancel();
        }
    }
}
