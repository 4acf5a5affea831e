//! Brackets and bold text in prose.

use super::super::Remark;

/// What of prose may be open at once; more is noise.
const DEPTH_MAX: usize = 64;

/// Brackets that stay open. A bracket that only closes is a label or a smiley.
pub(super) fn brackets(prose: &str) -> Remark {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut before = ' ';
    let mut chars = prose.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, next)| next);
        if let Some(close) = closing(c) {
            if !is_smiley(before, next) && open.len() < DEPTH_MAX {
                open.push((close, at));
            }
        } else if let Some(&(close, from)) = open.last() {
            let interval =
                matches!(c, ')' | ']') && is_interval(prose.get(from..at).unwrap_or_default());
            if c == close || interval {
                open.pop();
            } else if is_closing(c) && open.iter().any(|&(close, _)| close == c) {
                return Remark::new(0.4, "brackets in the text cross");
            }
        }
        before = c;
    }
    if open.is_empty() {
        Remark::NONE
    } else {
        Remark::new(0.5, "a bracket in the text is not closed")
    }
}

fn closing(open: char) -> Option<char> {
    Some(match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '（' => '）',
        '「' => '」',
        '『' => '』',
        '【' => '】',
        '《' => '》',
        _ => return None,
    })
}

fn is_closing(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '）' | '」' | '』' | '】' | '》')
}

/// A mouth after eyes or a nose: ":(", ":-[", "=(".
fn is_smiley(before: char, next: Option<char>) -> bool {
    matches!(before, ':' | ';' | '=' | '-' | '\'')
        && next.is_none_or(|next| !next.is_alphanumeric())
}

/// Two bounds and a comma, as in "[0, 1)".
fn is_interval(text: &str) -> bool {
    let inner = text.get(1..).unwrap_or_default();
    let bound =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ' ' | '-' | '+' | '∞' | '−');
    inner.len() <= 24
        && inner.split_once([',', ';']).is_some_and(|(low, high)| {
            low.chars().all(bound) && high.chars().all(bound) && !low.is_empty() && !high.is_empty()
        })
}

/// `**` that does not end: in its line, or in the next one of the same paragraph.
pub(super) fn bold(prose: &str) -> Remark {
    let mut open = false;
    for line in prose.lines() {
        let starts = super::super::text::item(line).is_some() || line.trim().is_empty();
        if open && starts {
            break;
        }
        open ^= marks(line) % 2 == 1;
    }
    if open {
        Remark::new(0.5, "bold text does not end")
    } else {
        Remark::NONE
    }
}

/// The `**` of a line that may begin or end bold text: a letter or sign on at least one side.
/// Powers have one on both and come alone.
fn marks(line: &str) -> usize {
    let mut count = 0;
    let mut powers = 0;
    for (at, mark) in line.match_indices("**") {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + mark.len()..)
            .and_then(|text| text.chars().next());
        let space = |side: Option<char>| side.is_none_or(char::is_whitespace);
        let figure = |side: Option<char>| side.is_some_and(|c| c.is_ascii_alphanumeric());
        if figure(before) && figure(after) {
            powers += 1;
        } else if !(space(before) && space(after)) {
            count += 1;
        }
    }
    // Bold inside a word has a letter on both sides of each end.
    if count % 2 == 1 {
        count + powers
    } else {
        count
    }
}
