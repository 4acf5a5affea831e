//! Numbers, words and signs of a text in order.

use super::super::text::Terms;
/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::critic) struct Token<'a> {
    pub(in crate::critic) text: &'a str,
    pub(in crate::critic) lower: String,
    pub(in crate::critic) number: Option<f64>,
    /// Which sentence it stands in.
    pub(in crate::critic) sentence: usize,
    /// Whether it is the first word of its sentence or of a list item.
    pub(in crate::critic) first: bool,
}

impl Token<'_> {
    /// A word that begins with a capital.
    pub(in crate::critic) fn is_capital(&self) -> bool {
        self.text.starts_with(char::is_uppercase)
    }

    pub(in crate::critic) fn is_word(&self) -> bool {
        self.text.starts_with(char::is_alphabetic)
    }
}

/// The tokens of a text; the numbers of list items are left out.
pub(in crate::critic) fn tokens(text: &str, tokens_max: usize) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut sentence = 0;
    for line in text.lines() {
        sentence += 1;
        let line = super::super::text::item(line).map_or(line, |item| item.text);
        let mut first = true;
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            if tokens.len() >= tokens_max {
                return tokens;
            }
            let length = piece_len(rest, c);
            let (piece, after) = rest.split_at(length);
            rest = after;
            if c.is_whitespace() {
                continue;
            }
            if matches!(c, '.' | '!' | '?' | '。' | '！' | '？') {
                // "12. Mai" and "p.m." go on; what follows with a capital after a space does not.
                let day = c == '.' && tokens.last().is_some_and(|last| last.number.is_some());
                let short = tokens.last().is_some_and(|last| {
                    last.is_word()
                        && (last.text.chars().count() == 1 || TITLES.has(last.lower.as_str()))
                });
                let glued = after
                    .chars()
                    .next()
                    .is_some_and(|next| !next.is_whitespace());
                let month = day && after.trim_start().starts_with(char::is_alphabetic) && !glued;
                let goes_on = c == '.'
                    && (short || glued || month && super::calendar::starts_with_month(after));
                if !goes_on {
                    sentence += 1;
                    first = true;
                }
                continue;
            }
            tokens.push(Token {
                text: piece,
                lower: piece.to_lowercase(),
                number: number(piece),
                sentence,
                first,
            });
            first = first && !c.is_alphanumeric();
        }
    }
    tokens
}

/// Titles before a name, in lower case; most end on a dot that ends no sentence.
pub(in crate::critic) const TITLES: Terms =
    Terms("dr|mr|mrs|ms|prof|professor|doctor|herr|herrn|frau|sir|mme|monsieur|señor|señora|st");

/// How long the piece is that a text begins with.
fn piece_len(text: &str, first: char) -> usize {
    let run = |keep: fn(char) -> bool, inner: &[char]| {
        let mut end = 0;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().is_some_and(|&(_, next)| keep(next));
            if keep(c) || inner.contains(&c) && at > 0 && next {
                end = at + c.len_utf8();
            } else {
                break;
            }
        }
        end
    };
    if first.is_ascii_digit() {
        run(
            |c| c.is_ascii_digit(),
            &['.', ',', ':', '\'', '\u{a0}', '\u{202f}', '-', '/'],
        )
    } else if first.is_alphabetic() {
        run(char::is_alphabetic, &['\'', '’', '-'])
    } else {
        first.len_utf8()
    }
}

/// The value of a figure or of a small number word.
fn number(piece: &str) -> Option<f64> {
    const WORDS: [(&str, f64); 22] = [
        ("two", 2.0),
        ("three", 3.0),
        ("four", 4.0),
        ("five", 5.0),
        ("six", 6.0),
        ("seven", 7.0),
        ("eight", 8.0),
        ("nine", 9.0),
        ("ten", 10.0),
        ("eleven", 11.0),
        ("twelve", 12.0),
        ("zwei", 2.0),
        ("drei", 3.0),
        ("vier", 4.0),
        ("fünf", 5.0),
        ("sechs", 6.0),
        ("sieben", 7.0),
        ("acht", 8.0),
        ("neun", 9.0),
        ("zehn", 10.0),
        ("elf", 11.0),
        ("zwölf", 12.0),
    ];
    if !piece.starts_with(|c: char| c.is_ascii_digit()) {
        let lower = piece.to_lowercase();
        return WORDS
            .iter()
            .find(|(word, _)| *word == lower)
            .map(|(_, value)| *value);
    }
    figure(piece)
}

/// A figure with group signs: a sign before exactly three digits parts thousands when it is a
/// comma, or when there are several; else it is a decimal sign.
fn figure(piece: &str) -> Option<f64> {
    let groups: Vec<&str> = piece.split(|c: char| !c.is_ascii_digit()).collect();
    let signs: Vec<char> = piece.chars().filter(|c| !c.is_ascii_digit()).collect();
    let sign = signs.first().copied();
    let joined = groups.concat();
    match (sign, groups.as_slice()) {
        (None, _) => joined.parse().ok(),
        (Some(':' | '-' | '/'), _) => None,
        (Some(_), [_, rest @ ..])
            if rest.iter().all(|group| group.len() == 3)
                && (sign != Some('.') || rest.len() > 1) =>
        {
            joined.parse().ok()
        }
        (Some(_), [whole, part]) => format!("{whole}.{part}").parse().ok(),
        (Some(_), [wholes @ .., part]) if signs.last() != sign.as_ref() => {
            format!("{}.{part}", wholes.concat()).parse().ok()
        }
        _ => None,
    }
}
