//! From generated tokens to the text a caller sees.

use pocketune_llama::{Model, Token};

use crate::conversation::Markers;
use crate::error::Error;
use crate::text::{StopScan, Utf8Pieces};

/// The text of a reply, and which of it is to be streamed.
pub(crate) struct Output {
    utf8: Utf8Pieces,
    stops: StopScan,
    text: String,
    // Of it what was not handed on yet.
    unsent: String,
    // Bytes of the tokens that are in the KV cache; `None` once a token was generated
    // that is a marker or has no text: no text would lead back to it.
    computed: Option<Vec<u8>>,
}

impl Output {
    pub(crate) fn new(stops: &[String]) -> Self {
        Self {
            utf8: Utf8Pieces::default(),
            stops: StopScan::new(stops),
            text: String::new(),
            unsent: String::new(),
            computed: Some(Vec::new()),
        }
    }

    /// Takes a generated token; true when a stop string is complete.
    pub(crate) fn push(&mut self, model: &Model, token: Token) -> Result<bool, Error> {
        let bytes = model.token_bytes(token, false)?;
        let piece = self.utf8.push(&bytes);
        let stopped = self.stops.push(&piece);
        self.show(&stopped.text);
        Ok(stopped.stop)
    }

    /// Takes a token that is in the KV cache now.
    pub(crate) fn computed(
        &mut self,
        model: &Model,
        markers: &Markers,
        token: Token,
    ) -> Result<(), Error> {
        let bytes = model.token_bytes(token, false)?;
        if markers.contains(token) || bytes.is_empty() {
            self.computed = None;
        }
        if let Some(computed) = &mut self.computed {
            computed.extend(bytes);
        }
        Ok(())
    }

    /// Shows what was held back, unless a stop string swallowed it.
    pub(crate) fn flush(&mut self) {
        let last = self.utf8.finish();
        let stopped = self.stops.push(&last);
        self.show(&stopped.text);
        if !stopped.stop {
            let held = self.stops.finish();
            self.show(&held);
        }
    }

    fn show(&mut self, text: &str) {
        self.text.push_str(text);
        self.unsent.push_str(text);
    }

    /// Text that nobody has taken yet; `None` where there is none.
    pub(crate) fn take_unsent(&mut self) -> Option<String> {
        (!self.unsent.is_empty()).then(|| std::mem::take(&mut self.unsent))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Text of the computed tokens, if it stands for exactly these tokens.
    pub(crate) fn computed_text(&self) -> Option<&str> {
        self.computed
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}
