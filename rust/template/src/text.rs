//! Text that knows, byte for byte, whether it came from a message or from the template.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::rc::Rc;

use crate::error::TemplateError;
use crate::meter::{Charge, Meter};

/// Where text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The template, or the app: it may hold control tokens.
    Template,
    /// A message, a tool or a document: whatever it holds is plain text.
    Input,
}

/// A piece of text in a rendering. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Text(Rc<Body>);

struct Body {
    string: String,
    // Sorted, apart from each other, none of them empty.
    input: Vec<Range<usize>>,
    _charge: Charge,
}

/// What a range of input costs in memory.
const RANGE_BYTES: usize = size_of::<Range<usize>>();
/// What a text costs beside its bytes.
const TEXT_BYTES: usize = size_of::<Body>() + 16;

impl Text {
    pub(crate) fn new(meter: &Meter, text: &str, origin: Origin) -> Result<Self, TemplateError> {
        let mut builder = TextBuilder::new(meter)?;
        builder.push_str(text, origin)?;
        Ok(builder.finish())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0.string
    }

    pub(crate) fn len(&self) -> usize {
        self.0.string.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.string.is_empty()
    }

    pub(crate) fn input(&self) -> &[Range<usize>] {
        &self.0.input
    }

    pub(crate) fn meter(&self) -> &Meter {
        self.0._charge.meter()
    }

    /// The part of `range`, which must end at characters.
    pub(crate) fn slice(&self, range: Range<usize>) -> Result<Self, TemplateError> {
        if range.start == 0 && range.end >= self.len() {
            return Ok(self.clone());
        }
        let mut builder = TextBuilder::new(self.meter())?;
        builder.push_part(self, range)?;
        Ok(builder.finish())
    }

    /// Characters with their place and origin.
    pub(crate) fn chars(&self) -> impl DoubleEndedIterator<Item = (usize, char, Origin)> {
        self.0
            .string
            .char_indices()
            .map(|(at, char)| (at, char, self.origin_at(at)))
    }

    pub(crate) fn origin_at(&self, at: usize) -> Origin {
        let runs = &self.0.input;
        let next = runs.partition_point(|run| run.end <= at);
        match runs.get(next) {
            Some(run) if run.start <= at => Origin::Input,
            _ => Origin::Template,
        }
    }

    /// The byte where character `index` begins; the length beyond the last one.
    pub(crate) fn byte_of_char(&self, index: usize) -> usize {
        if self.0.string.is_ascii() {
            return index.min(self.len());
        }
        self.0
            .string
            .char_indices()
            .nth(index)
            .map_or(self.len(), |(at, _)| at)
    }

    pub(crate) fn char_count(&self) -> usize {
        self.0.string.chars().count()
    }

    /// The text with an ellipsis for every part that comes from a message.
    pub(crate) fn without_input(&self) -> String {
        let mut written = String::new();
        let mut done = 0;
        for run in &self.0.input {
            written.push_str(self.0.string.get(done..run.start).unwrap_or_default());
            written.push('…');
            done = run.end;
        }
        written.push_str(self.0.string.get(done..).unwrap_or_default());
        written
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Text under construction. Every push is paid for before it allocates.
pub(crate) struct TextBuilder {
    string: String,
    input: Vec<Range<usize>>,
    charge: Charge,
}

impl TextBuilder {
    pub(crate) fn new(meter: &Meter) -> Result<Self, TemplateError> {
        Ok(Self {
            string: String::new(),
            input: Vec::new(),
            charge: Charge::take(meter, TEXT_BYTES)?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.string.len()
    }

    pub(crate) fn push_str(&mut self, text: &str, origin: Origin) -> Result<(), TemplateError> {
        if text.is_empty() {
            return Ok(());
        }
        self.charge.grow(text.len())?;
        let start = self.string.len();
        self.string.push_str(text);
        if origin == Origin::Input {
            self.mark(start..self.string.len())?;
        }
        Ok(())
    }

    pub(crate) fn push_char(&mut self, char: char, origin: Origin) -> Result<(), TemplateError> {
        let mut bytes = [0; 4];
        self.push_str(char.encode_utf8(&mut bytes), origin)
    }

    pub(crate) fn push(&mut self, text: &Text) -> Result<(), TemplateError> {
        self.push_part(text, 0..text.len())
    }

    /// Appends the part of `text` in `range`, which must end at characters.
    pub(crate) fn push_part(
        &mut self,
        text: &Text,
        range: Range<usize>,
    ) -> Result<(), TemplateError> {
        let Some(part) = text.as_str().get(range.clone()) else {
            return Ok(());
        };
        self.charge.grow(part.len())?;
        let offset = self.string.len();
        self.string.push_str(part);
        let runs = text.input();
        let first = runs.partition_point(|run| run.end <= range.start);
        for run in runs.get(first..).unwrap_or_default() {
            if run.start >= range.end {
                break;
            }
            let start = run.start.max(range.start) - range.start + offset;
            let end = run.end.min(range.end) - range.start + offset;
            self.mark(start..end)?;
        }
        Ok(())
    }

    /// Appends `text` `times` over.
    pub(crate) fn repeat(&mut self, text: &Text, times: usize) -> Result<(), TemplateError> {
        if text.is_empty() {
            return Ok(());
        }
        Charge::check(self.charge.meter(), text.len().saturating_mul(times))?;
        for _ in 0..times {
            self.charge.meter().spend(1)?;
            self.push(text)?;
        }
        Ok(())
    }

    /// Appends `char` `times` over, as the template's own text.
    pub(crate) fn fill(&mut self, char: char, times: usize) -> Result<(), TemplateError> {
        self.charge.grow(times.saturating_mul(char.len_utf8()))?;
        self.string.extend(std::iter::repeat_n(char, times));
        Ok(())
    }

    fn mark(&mut self, range: Range<usize>) -> Result<(), TemplateError> {
        match self.input.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => {
                self.charge.grow(RANGE_BYTES)?;
                self.input.push(range);
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Text {
        Text(Rc::new(Body {
            string: self.string,
            input: self.input,
            _charge: self.charge,
        }))
    }

    pub(crate) fn into_parts(self) -> (String, Vec<Range<usize>>) {
        (self.string, self.input)
    }
}
