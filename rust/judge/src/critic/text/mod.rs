//! Words, sentences and code of a text, by hand-written scanners that read it once.

mod parts;
mod plain;

pub(super) use parts::Parts;
use parts::fence;
pub(super) use plain::{Plain, Terms, plain};

/// A word as a number that does not depend on its case.
pub(super) type WordHash = u64;

/// Whether words of this character's script stand without spaces between them: Han, kana,
/// Thai, Lao, Burmese, Khmer.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
        && c != '・'
}

/// The words of a text: letters and digits, with apostrophes inside. In scripts without
/// spaces each character is one.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    Words { rest: text }
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self.rest.find(is_wordy)?;
        let text = self.rest.get(start..)?;
        let mut end = 0;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let joins = at > 0
                && matches!(c, '\'' | '’')
                && chars.peek().is_some_and(|&(_, next)| next.is_alphabetic());
            if !(is_wordy(c) || joins) || at > 0 && is_unspaced(c) {
                break;
            }
            end = at + c.len_utf8();
            if is_unspaced(c) {
                break;
            }
        }
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        Some(word)
    }
}

fn is_wordy(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || is_unspaced(c)
}

/// The words of a text as numbers: FNV-1a over their lower-case characters.
pub(super) fn word_hashes(text: &str) -> Vec<WordHash> {
    words(text).map(word_hash).collect()
}

/// One word as a number.
pub(super) fn word_hash(word: &str) -> WordHash {
    word.chars()
        .flat_map(char::to_lowercase)
        .fold(0xcbf2_9ce4_8422_2325, |hash, c| mix(hash, c.into()))
}

/// A run of words as one number.
pub(super) fn run_hash(words: &[WordHash]) -> WordHash {
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, &word| {
        mix(hash.rotate_left(23), word)
    })
}

fn mix(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}

/// How many words people would count: what stands between spaces and holds a letter or a
/// digit. Fence lines do not count; two characters without spaces count as one word.
pub(super) fn count_words(text: &str) -> usize {
    let (mut spaced, mut unspaced) = (0, 0);
    for line in text.lines().filter(|line| fence(line).is_none()) {
        for piece in line.split_whitespace() {
            let dense = piece.chars().filter(|&c| is_unspaced(c)).count();
            unspaced += dense;
            let other = |c: char| c.is_alphanumeric() && !is_unspaced(c);
            spaced += usize::from(piece.contains(other));
        }
    }
    spaced + unspaced.div_ceil(2)
}

/// The sentences of a text, without those that hold no letter or digit. A line break ends
/// one too; the dot of an abbreviation, an ordinal or a list's number does not.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut cut = |from: usize, to: usize| {
        let sentence = text.get(from..to).unwrap_or_default().trim();
        if sentence.contains(char::is_alphanumeric) {
            sentences.push(sentence);
        }
    };
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let next = chars.peek().map(|&(_, next)| next);
        let ends = match c {
            '\n' | '。' | '！' | '？' => true,
            '!' | '?' | '…' => next.is_none_or(|next| !next.is_alphanumeric()),
            '.' => {
                let rest = text.get(end..).unwrap_or_default();
                let before = text.get(start..at).unwrap_or_default();
                next.is_none_or(char::is_whitespace) && dot_ends(before, rest)
            }
            _ => false,
        };
        if ends {
            cut(start, end);
            start = end;
        }
    }
    cut(start, text.len());
    sentences
}

/// Whether a dot after `before` ends a sentence.
fn dot_ends(before: &str, rest: &str) -> bool {
    let follows = rest.chars().take(80).find(|c| !c.is_whitespace());
    if follows.is_none() {
        return true;
    }
    let tail = before.char_indices().rev().take(12).last();
    let tail = tail.and_then(|(at, _)| before.get(at..)).unwrap_or(before);
    let word = tail
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let ordinal = word.len() <= 2 && !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let initial = word.chars().count() == 1 && word != "I";
    let abbreviated = Terms("Dr|Mr|Mrs|Ms|Prof|St|No|Nr|ca|bzw|vs|approx|inkl|Jr|Sr|usw|etc|Str");
    let lower = follows.is_some_and(char::is_lowercase);
    !(ordinal || initial || lower || abbreviated.has(word) && word != "etc" && word != "usw")
}

/// The kind and the text of a list item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// Spaces before its mark.
    pub(super) indent: usize,
    pub(super) numbered: bool,
    pub(super) text: &'a str,
}

/// A line as an item of a list, if it is one.
pub(super) fn item(line: &str) -> Option<Item<'_>> {
    let body = line.trim_start();
    let indent = line.len() - body.len();
    let bullet = ['-', '*', '•', '+', '–', '·'];
    if let Some(rest) = body.strip_prefix(bullet) {
        let gap = rest.is_empty() || rest.starts_with(char::is_whitespace);
        return gap.then(|| Item {
            indent,
            numbered: false,
            text: rest.trim(),
        });
    }
    let rest = body.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = body.len() - rest.len();
    let after = rest.strip_prefix(['.', ')'])?;
    let gap = after.is_empty() || after.starts_with(char::is_whitespace);
    (1..=3).contains(&digits).then_some(())?;
    gap.then(|| Item {
        indent,
        numbered: true,
        text: after.trim(),
    })
}

/// A text without what stands in double quotes, which somebody else says. A quote that does
/// not close within its line is kept.
pub(super) fn without_quotes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some((at, open)) = rest.char_indices().find(|(_, c)| closing(*c).is_some()) {
            let (before, from) = rest.split_at(at);
            kept.push_str(before);
            let inner = from.get(open.len_utf8()..).unwrap_or_default();
            let close = closing(open).unwrap_or(open);
            let Some(end) = inner.find(close) else {
                kept.push_str(inner);
                rest = "";
                break;
            };
            kept.push(' ');
            rest = inner.get(end + close.len_utf8()..).unwrap_or_default();
        }
        kept.push_str(rest);
    }
    kept
}

fn closing(open: char) -> Option<char> {
    Some(match open {
        '"' => '"',
        '“' => '”',
        '„' => '“',
        '«' => '»',
        '「' => '」',
        '『' => '』',
        _ => return None,
    })
}
