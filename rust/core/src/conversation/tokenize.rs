//! Tokens of a prompt, of which no text of a person becomes a marker's.
//!
//! What people write is tokenized together with what the template writes, so that the
//! tokens are those of llama.cpp. Only where a marker stands that the template did not
//! write alone, the text is cut inside it. Cutting is needed: llama.cpp looks for
//! user-defined tokens even when it is told not to parse special ones. Then the ids
//! are looked at, since merges lead to a marker's token too, and cut further.

use std::ops::Range;

use pocketune_llama::{Model, Token};

use crate::conversation::PromptText;
use crate::conversation::markers::Special;
use crate::error::Error;

/// How often a piece is cut where its markers are; after that, into characters.
const CUTS_MAX: usize = 16;

/// Bytes that llama.cpp reads at once, where special tokens divide a text: it takes
/// quadratic time in their number (`tokenizer_st_partition`), minutes for 100,000.
const READ_BYTES: usize = 16 * 1024;

/// What a text is begun with to see how it goes on, so that no space comes before it.
const LEADS: [&str; 3] = ["\n", ",", "a"];

impl PromptText {
    /// Tokens of the whole prompt, with the model's begin-of-sequence token
    /// where the model expects one and the template wrote none.
    pub(crate) fn tokenize(&self, model: &Model) -> Result<Vec<Token>, Error> {
        let mut tokens = Reader::of(self, model, true).tokens_from(0, true)?;
        let special = model.special_tokens();
        if let Some(bos) = special.bos
            && special.add_bos
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }

    /// Tokens of what follows `done`, if the prompt goes on from there. The tokens that
    /// were computed for `done` can then be kept, of which `last` is the last.
    pub(crate) fn tokenize_after(
        &self,
        done: &Self,
        last: Option<Token>,
        model: &Model,
    ) -> Option<Result<Vec<Token>, Error>> {
        let end = done.as_str().len();
        let reader = Reader::of(self, model, true);
        let cut = |(it, _): &(Range<usize>, _)| it.start < end && end < it.end;
        if !self.continues(done) || reader.own_markers().iter().any(cut) {
            return None;
        }
        Some(reader.tokens_from(end, is_after_special(last, model)))
    }

    /// Tokens of a person's text alone, without what a model expects around it and
    /// without special tokens; `before` is the token that it follows, if any.
    pub(crate) fn tokenize_alone(
        &self,
        before: Option<Token>,
        model: &Model,
    ) -> Result<Vec<Token>, Error> {
        Reader::of(self, model, false).tokens_from(0, is_after_special(before, model))
    }

    /// Tokens of the text alone, special ones among them.
    pub(crate) fn tokenize_as_written(&self, model: &Model) -> Result<Vec<Token>, Error> {
        Reader::of(self, model, true).tokens_from(0, true)
    }

    /// Whether a marker stands somewhere that the template did not write alone.
    pub(crate) fn has_forged_markers(&self) -> bool {
        !self.forged_in(0..self.as_str().len()).is_empty()
    }

    /// Where such markers stand in `range`; those that overlap are one.
    pub(crate) fn forged_in(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let text = self.as_str().as_bytes();
        let mut forged: Vec<Range<usize>> = Vec::new();
        for start in range.clone() {
            let rest = text.get(start..range.end).unwrap_or_default();
            let Some(found) = self.markers().longest_at(rest) else {
                continue;
            };
            let found = start..start + found.text.len();
            match forged.last_mut() {
                _ if !self.touches_input(&found) => {}
                Some(last) if found.start < last.end => last.end = last.end.max(found.end),
                _ => forged.push(found),
            }
        }
        forged
    }

    /// The markers that the template wrote, in order: the leftmost, of those the longest.
    pub(crate) fn own_markers(&self) -> Vec<(Range<usize>, &Special)> {
        let text = self.as_str().as_bytes();
        let mut own = Vec::new();
        for part in self.template_parts() {
            let mut start = part.start;
            while start < part.end {
                let rest = text.get(start..part.end).unwrap_or_default();
                let Some(found) = self.markers().longest_at(rest) else {
                    start += 1;
                    continue;
                };
                let end = start + found.text.len();
                own.push((start..end, found));
                start = end;
            }
        }
        own
    }
}

/// llama.cpp's view of what comes next: the start of a text is like a special token.
fn is_after_special(last: Option<Token>, model: &Model) -> bool {
    let kind = last.and_then(|token| model.token_kind(token));
    kind.is_none_or(|kind| kind.is_found_by_text())
}

/// Reads one prompt with one vocabulary.
struct Reader<'a> {
    prompt: &'a PromptText,
    model: &'a Model,
    // Whether control and unknown tokens are looked for in what holds no marker.
    parse_special: bool,
}

impl<'a> Reader<'a> {
    fn of(prompt: &'a PromptText, model: &'a Model, parse_special: bool) -> Self {
        Self {
            prompt,
            model,
            parse_special,
        }
    }

    fn text(&self, range: &Range<usize>) -> &'a str {
        self.prompt.as_str().get(range.clone()).unwrap_or_default()
    }

    fn own_markers(&self) -> Vec<(Range<usize>, &'a Special)> {
        self.prompt.own_markers()
    }

    /// Tokens from byte `from` on; `fresh` after a special token or where a text starts.
    fn tokens_from(&self, from: usize, mut fresh: bool) -> Result<Vec<Token>, Error> {
        let all = self.prompt.as_str().len();
        let mut tokens = Vec::new();
        if self.prompt.input().is_empty() {
            self.cut_free(from..all, fresh, self.parse_special, &mut tokens)?;
            return Ok(tokens);
        }
        let mut own = self.own_markers();
        own.retain(|(range, _)| range.start >= from);
        let mut at = from;
        for (index, (range, special)) in own.iter().enumerate() {
            let mut gap = at..range.start;
            if special.kind.strips_left() {
                gap.end = gap.start + self.text(&gap).trim_end_matches(is_c_space).len();
            }
            self.gap(gap, fresh, &mut tokens)?;
            tokens.push(special.token);
            (at, fresh) = (range.end, true);
            if special.kind.strips_right() {
                let next = own.get(index + 1).map_or(all, |(next, _)| next.start);
                let gap = self.text(&(at..next));
                at += gap.len() - gap.trim_start_matches(is_c_space).len();
            }
        }
        self.gap(at..all, fresh, &mut tokens)?;
        Ok(tokens)
    }

    /// What stands between two markers of the template: whatever marker is in it, its
    /// author is not the template alone.
    fn gap(&self, gap: Range<usize>, fresh: bool, tokens: &mut Vec<Token>) -> Result<(), Error> {
        let mut at = gap.start;
        for forged in self.prompt.forged_in(gap.clone()) {
            let first = fresh && at == gap.start;
            self.spell(at..forged.start, first, self.parse_special, tokens)?;
            let first = fresh && forged.start == gap.start;
            self.spell(forged.clone(), first, false, tokens)?;
            at = forged.end;
        }
        let first = fresh && at == gap.start;
        self.spell(at..gap.end, first, self.parse_special, tokens)
    }

    /// Tokens of `range`, cut until none of a person's text is a marker's.
    fn spell(
        &self,
        range: Range<usize>,
        fresh: bool,
        parse_special: bool,
        tokens: &mut Vec<Token>,
    ) -> Result<(), Error> {
        // Pieces still to do, the next one last, with how often they were cut.
        let mut pieces = vec![(range, fresh, 0)];
        while let Some((piece, fresh, cuts)) = pieces.pop() {
            let mut read = Vec::new();
            self.cut_free(piece.clone(), fresh, parse_special, &mut read)?;
            let is_marker = |&token: &Token| self.prompt.markers().contains(token);
            if !self.prompt.touches_input(&piece) || !read.iter().any(is_marker) {
                tokens.extend(read);
                continue;
            }
            let mut parts = self.prompt.parts(piece.clone());
            if parts.len() == 1 {
                parts = self.smaller(&piece, &read, cuts);
            }
            if parts.len() == 1 {
                self.spell_bytes(self.text(&piece), tokens);
                continue;
            }
            for part in parts.into_iter().rev() {
                let fresh = fresh && part.start == piece.start;
                pieces.push((part, fresh, cuts + 1));
            }
        }
        Ok(())
    }

    /// Parts of a piece, cut inside each token that is a marker's.
    fn smaller(&self, piece: &Range<usize>, read: &[Token], cuts: usize) -> Vec<Range<usize>> {
        let text = self.text(piece);
        let mut inside: Vec<usize> = match cuts {
            CUTS_MAX.. => text.char_indices().map(|(at, _)| at).collect(),
            _ => self.cuts(text, read),
        };
        if !inside.iter().any(|&cut| 0 < cut && cut < text.len()) {
            inside = cut_around(text, 0..text.len());
        }
        let mut parts = Vec::new();
        let mut start = piece.start;
        for cut in inside.into_iter().chain([text.len()]) {
            let end = piece.start + cut;
            if start < end {
                parts.push(start..end);
                start = end;
            }
        }
        parts
    }

    /// Where the markers among `read` lie in `text`; none if that cannot be told.
    fn cuts(&self, text: &str, read: &[Token]) -> Vec<usize> {
        let bytes = |token: &Token| self.model.token_bytes(*token, true).unwrap_or_default();
        let all: Vec<Vec<u8>> = read.iter().map(bytes).collect();
        let whole = all.concat();
        // A space that was put before the text is none of its bytes.
        let added = match whole == text.as_bytes() {
            true => 0,
            false if whole.strip_prefix(b" ") == Some(text.as_bytes()) => 1,
            false => return Vec::new(),
        };
        let mut cuts = Vec::new();
        let mut start = 0_usize;
        for (token, bytes) in read.iter().zip(&all) {
            let end = start + bytes.len();
            if self.prompt.markers().contains(*token) {
                let lies = start.saturating_sub(added)..end.saturating_sub(added);
                cuts.extend(cut_around(text, lies));
            }
            start = end;
        }
        cuts
    }

    /// Text that cannot be cut any more, byte for byte.
    fn spell_bytes(&self, text: &str, tokens: &mut Vec<Token>) {
        let specials = self.prompt.markers().specials();
        let spelled = |text: &str| -> Option<Vec<Token>> {
            let tokens = text.bytes().map(|byte| specials.byte(byte, self.model));
            tokens.collect()
        };
        // A vocabulary may have no other way to write it.
        tokens.extend(
            spelled(text)
                .or_else(|| spelled("\u{FFFD}"))
                .into_iter()
                .flatten(),
        );
    }

    /// llama.cpp's tokens of `range`. Unless it is fresh it gains no space before it.
    fn cut_free(
        &self,
        range: Range<usize>,
        fresh: bool,
        parse_special: bool,
        tokens: &mut Vec<Token>,
    ) -> Result<(), Error> {
        let text = self.text(&range);
        let mut start = 0;
        for (end, next) in self.breaks(text, parse_special) {
            let piece = text.get(start..end).unwrap_or_default();
            self.read(piece, fresh || start > 0, parse_special, tokens)?;
            start = next;
        }
        let piece = text.get(start..).unwrap_or_default();
        self.read(piece, fresh || start > 0, parse_special, tokens)
    }

    /// Where a long text is divided, and where it goes on: behind special tokens that
    /// llama.cpp finds in it, so that the tokens stay the same.
    fn breaks(&self, text: &str, parse_special: bool) -> Vec<(usize, usize)> {
        let mut breaks = Vec::new();
        let (mut at, mut begun) = (0, 0);
        while at < text.len() && text.len() - begun > READ_BYTES {
            let rest = text.get(at..).unwrap_or_default();
            let specials = self.prompt.markers().specials();
            let found = specials.longest_at(rest.as_bytes(), parse_special);
            let Some(found) = found else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            at += found.text.len();
            if at - begun >= READ_BYTES {
                let mut next = at;
                if found.kind.strips_right() {
                    let rest = text.get(at..).unwrap_or_default();
                    next += rest.len() - rest.trim_start_matches(is_c_space).len();
                }
                breaks.push((at, next));
                (at, begun) = (next, next);
            }
        }
        breaks
    }

    /// One call of llama.cpp's.
    fn read(
        &self,
        text: &str,
        fresh: bool,
        parse_special: bool,
        tokens: &mut Vec<Token>,
    ) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        if fresh || !self.prompt.markers().specials().adds_space() {
            tokens.extend(self.model.tokenize(text, false, parse_special)?);
            return Ok(());
        }
        for lead in LEADS {
            let head = self.model.tokenize(lead, false, parse_special)?;
            let both = format!("{lead}{text}");
            let whole = self.model.tokenize(&both, false, parse_special)?;
            if let Some(rest) = whole.strip_prefix(head.as_slice()) {
                tokens.extend(rest);
                return Ok(());
            }
        }
        self.spell_bytes(text, tokens);
        Ok(())
    }
}

/// Where to cut so that no piece holds all of `range`: in its middle, or around it
/// where it lies in one character.
fn cut_around(text: &str, range: Range<usize>) -> Vec<usize> {
    let inside = |at: &usize| range.start < *at && *at < range.end && text.is_char_boundary(*at);
    let middle = range.start.midpoint(range.end);
    let nearest = (middle..range.end)
        .find(inside)
        .or_else(|| (range.start..middle).rev().find(inside));
    match nearest {
        Some(at) => vec![at],
        None => {
            let start = (0..=range.start)
                .rev()
                .find(|&at| text.is_char_boundary(at));
            let end = (range.end..=text.len()).find(|&at| text.is_char_boundary(at));
            start.into_iter().chain(end).collect()
        }
    }
}

/// What C calls white space.
fn is_c_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}
