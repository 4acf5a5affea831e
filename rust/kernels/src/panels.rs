//! Activations: features of 16 tokens side by side.

use std::ops::Range;

use crate::lanes::{Lanes, Row, WIDTH};
use crate::rows::Rows;

/// T tokens of K features. Token `t` lies in panel `t / 16`, lane `t % 16`; the
/// last panel is filled up with padding, which starts as zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Panels {
    tokens: usize,
    features: usize,
    rows: Rows,
}

impl Panels {
    /// Zeros. T may be 0.
    #[must_use]
    pub fn new(tokens: usize, features: usize) -> Self {
        let rows = Rows::zeros(tokens.div_ceil(WIDTH) * features);
        Self {
            tokens,
            features,
            rows,
        }
    }

    /// Of any values, for outputs that are written as a whole: by [`crate::matmul_forward`],
    /// [`crate::matmul_backward`] that does not accumulate, attention, a norm's or
    /// SwiGLU's forward function.
    #[must_use]
    pub fn to_write(tokens: usize, features: usize) -> Self {
        Self {
            tokens,
            features,
            rows: Rows::of_any_values(tokens.div_ceil(WIDTH) * features),
        }
    }

    /// From T rows of `features` values each, one a token.
    ///
    /// # Panics
    /// When `values` is no whole number of rows.
    #[must_use]
    pub fn from_tokens(values: &[f32], features: usize) -> Self {
        assert!(
            features > 0 && values.len().is_multiple_of(features),
            "whole rows"
        );
        let mut panels = Self::new(values.len() / features, features);
        for (token, row) in values.chunks_exact(features).enumerate() {
            panels.set_token(token, row);
        }
        panels
    }

    /// T, without padding.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// K.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Bytes that these panels occupy.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row>()
    }

    /// Bytes of T tokens of K features.
    #[must_use]
    pub fn bytes_of(tokens: usize, features: usize) -> usize {
        tokens.div_ceil(WIDTH) * features * size_of::<Row>()
    }

    /// All features of one token.
    ///
    /// # Panics
    /// When there is no such token.
    pub fn token(&self, token: usize) -> impl Iterator<Item = f32> + '_ {
        assert!(token < self.tokens, "token {token} of {}", self.tokens);
        self.panel(token / WIDTH)
            .iter()
            .map(move |row| row.0[token % WIDTH])
    }

    /// Replaces all features of one token.
    ///
    /// # Panics
    /// When there is no such token, or `values` are not K.
    pub fn set_token(&mut self, token: usize, values: &[f32]) {
        assert!(token < self.tokens, "token {token} of {}", self.tokens);
        assert_eq!(values.len(), self.features, "features");
        for (row, &value) in self.panel_mut(token / WIDTH).iter_mut().zip(values) {
            row.0[token % WIDTH] = value;
        }
    }

    /// Copies one token of `source`.
    ///
    /// # Panics
    /// When a token or the number of features does not fit.
    pub fn copy_token(&mut self, token: usize, source: &Self, from: usize) {
        assert!(token < self.tokens && from < source.tokens, "tokens");
        assert_eq!(self.features, source.features, "features");
        let rows = source.panel(from / WIDTH);
        for (row, source) in self.panel_mut(token / WIDTH).iter_mut().zip(rows) {
            row.0[token % WIDTH] = source.0[from % WIDTH];
        }
    }

    /// One value.
    ///
    /// # Panics
    /// When there is no such token or feature.
    #[must_use]
    pub fn value(&self, token: usize, feature: usize) -> f32 {
        assert!(token < self.tokens, "token {token} of {}", self.tokens);
        self.panel(token / WIDTH)[feature].0[token % WIDTH]
    }

    /// A copy of neighbouring tokens, beginning with a whole panel.
    ///
    /// # Panics
    /// When the range begins inside a panel, ends inside one that goes on, or is
    /// not there.
    #[must_use]
    pub fn stretch(&self, tokens: Range<usize>) -> Self {
        let rows = self.rows_of(&tokens);
        Self {
            tokens: tokens.len(),
            features: self.features,
            rows: Rows::from_slice(&self.rows[rows]),
        }
    }

    /// Adds `stretch` to the tokens from `start` on.
    ///
    /// # Panics
    /// As [`Panels::stretch`].
    pub fn add_stretch(&mut self, start: usize, stretch: &Self) {
        assert_eq!(self.features, stretch.features, "features");
        let rows = self.rows_of(&(start..start + stretch.tokens));
        for (row, stretch) in self.rows[rows].iter_mut().zip(stretch.rows.iter()) {
            Lanes::load(row).add(Lanes::load(stretch)).store(row);
        }
    }

    fn rows_of(&self, tokens: &Range<usize>) -> Range<usize> {
        let whole = tokens.end.is_multiple_of(WIDTH) || tokens.end == self.tokens;
        assert!(
            tokens.start.is_multiple_of(WIDTH) && tokens.end <= self.tokens && whole,
            "tokens {tokens:?} of {}",
            self.tokens
        );
        tokens.start / WIDTH * self.features..tokens.end.div_ceil(WIDTH) * self.features
    }

    /// Adds one token of `source` to another one here.
    ///
    /// # Panics
    /// When a token or the number of features does not fit.
    pub fn add_token(&mut self, token: usize, source: &Self, from: usize) {
        assert!(token < self.tokens && from < source.tokens, "tokens");
        assert_eq!(self.features, source.features, "features");
        let rows = source.panel(from / WIDTH);
        for (row, source) in self.panel_mut(token / WIDTH).iter_mut().zip(rows) {
            row.0[token % WIDTH] += source.0[from % WIDTH];
        }
    }

    /// T rows of K values, without padding.
    #[must_use]
    pub fn to_tokens(&self) -> Vec<f32> {
        (0..self.tokens)
            .flat_map(|token| self.token(token))
            .collect()
    }

    /// Whether nothing lies past the last token; sums over tokens rely on it.
    #[must_use]
    pub fn padding_is_zero(&self) -> bool {
        let used = self.tokens % WIDTH;
        let Some(last) = self.panel_count().checked_sub(1).filter(|_| used > 0) else {
            return true;
        };
        self.panel(last)
            .iter()
            .all(|row| row.0[used..].iter().all(|&value| value == 0.0))
    }

    pub(crate) fn panel_count(&self) -> usize {
        self.tokens.div_ceil(WIDTH)
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> &mut [Row] {
        &mut self.rows
    }

    pub(crate) fn panel(&self, panel: usize) -> &[Row] {
        &self.rows[panel * self.features..][..self.features]
    }

    pub(crate) fn panel_mut(&mut self, panel: usize) -> &mut [Row] {
        &mut self.rows[panel * self.features..][..self.features]
    }
}

#[cfg(test)]
mod tests {
    use super::Panels;

    #[test]
    fn tokens_come_back() {
        let values: Vec<f32> = (0..19 * 3).map(|n| n as f32).collect();
        let panels = Panels::from_tokens(&values, 3);
        assert_eq!((panels.tokens(), panels.features()), (19, 3));
        assert_eq!(panels.to_tokens(), values);
        assert_eq!(panels.token(17).collect::<Vec<_>>(), [51.0, 52.0, 53.0]);
        assert_eq!(panels.bytes(), Panels::bytes_of(19, 3));
    }
}
