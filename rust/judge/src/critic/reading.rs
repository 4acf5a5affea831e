//! An exchange as critics read it: what several of them need is computed once.

use super::exchange::Exchange;
use super::text::{Parts, Plain, WordHash, plain, word_hashes};

/// An exchange with the views of it that critics share.
pub(super) struct Reading<'a> {
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) prompt_plain: Plain,
    pub(super) reply_plain: Plain,
    pub(super) prompt_words: Vec<WordHash>,
    pub(super) reply_words: Vec<WordHash>,
    /// The reply parted into prose and code.
    pub(super) parts: Parts<'a>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(exchange: &'a Exchange<'a>) -> Self {
        Self {
            exchange,
            prompt_plain: plain(exchange.prompt),
            reply_plain: plain(exchange.reply),
            prompt_words: word_hashes(exchange.prompt),
            reply_words: word_hashes(exchange.reply),
            parts: Parts::of(exchange.reply),
        }
    }

    /// Whether prompt, context or system prompt hold these exact characters.
    pub(super) fn given(&self, text: &str) -> bool {
        self.sources().any(|source| source.contains(text))
    }

    /// Everything that stood there before the reply.
    pub(super) fn sources(&self) -> impl Iterator<Item = &'a str> {
        let exchange = self.exchange;
        [Some(exchange.prompt), exchange.context, exchange.system]
            .into_iter()
            .flatten()
    }
}
