//! Text of others on its way to a person.
//!
//! A terminal obeys control characters: text with them can move the cursor over lines that
//! were printed before, set the title or the clipboard, or let an answer be typed. Characters
//! that change the direction of text let one sentence read as another (CVE-2021-42574).

use std::fmt::{self, Write as _};

/// Whether a character steers what is around it instead of showing itself: C0, DEL and C1
/// control characters, separators of lines and paragraphs, and embeddings, overrides and
/// isolates of direction with what was deprecated beside them.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// Marks of direction: as invisible, but they order text no further than a letter does, and
/// prose in Arabic and Hebrew needs them.
fn marks_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// A text with what steers a terminal or a reader escaped as in Rust, such as `\u{1b}`. A
/// backslash stays one: this is for people to read, not to be read back.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a> {
    text: &'a str,
    is_prose: bool,
}

impl<'a> Escaped<'a> {
    /// On one line: names, facts, messages. Line ends, tabs and marks of direction are
    /// escaped too.
    #[must_use]
    pub fn line(text: &'a str) -> Self {
        let is_prose = false;
        Self { text, is_prose }
    }

    /// On as many lines as it has: replies and what else is prose. Line feeds, tabs and marks
    /// of direction stay.
    #[must_use]
    pub fn prose(text: &'a str) -> Self {
        let is_prose = true;
        Self { text, is_prose }
    }

    fn passes(&self, c: char) -> bool {
        match self.is_prose {
            true => !steers(c) || matches!(c, '\n' | '\t'),
            false => !steers(c) && !marks_direction(c),
        }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !self.passes(*c)) {
            let (plain, steering) = rest.split_at(at);
            f.write_str(plain)?;
            c.escape_default().try_for_each(|c| f.write_char(c))?;
            rest = steering.get(c.len_utf8()..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

/// The same JSON with every character that steers, or marks a direction, as `\uXXXX`: JSON
/// itself escapes those up to U+001F alone. Line ends between values stay.
#[must_use]
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c >= '\u{7f}' && !Escaped::line("").passes(c) {
            // All of them are below U+10000, so that one unit says it.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Escaped, escaped_json, steers};

    /// What no terminal and no reader is to be handed.
    const STEERING: [char; 14] = [
        '\0', '\u{7}', '\u{8}', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{9d}', '\u{2028}',
        '\u{2029}', '\u{202e}', '\u{2066}', '\u{2069}',
    ];

    #[test]
    fn what_steers_is_escaped_and_nothing_else() {
        for c in STEERING {
            assert!(steers(c), "{c:?}");
            let text = format!("a{c}b{c}");
            for shown in [Escaped::line(&text), Escaped::prose(&text)] {
                let escape = c.escape_default();
                assert_eq!(shown.to_string(), format!("a{escape}b{escape}"));
            }
        }
        let plain = "Grüße, \u{1f469}\u{200d}\u{1f680} שלום 日本 \\ \u{301} \u{feff}";
        assert_eq!(Escaped::line(plain).to_string(), plain);
        assert_eq!(Escaped::prose(plain).to_string(), plain);
    }

    #[test]
    fn prose_keeps_its_lines_and_a_line_is_one() {
        let text = "a\tb\nc\u{200f}";
        assert_eq!(Escaped::prose(text).to_string(), text);
        assert_eq!(Escaped::line(text).to_string(), "a\\tb\\nc\\u{200f}");
        assert_eq!(Escaped::line("").to_string(), "");
        assert_eq!(
            Escaped::line("\u{1b}[2J").to_string(),
            "\\u{1b}[2J".to_owned()
        );
    }

    #[test]
    fn json_stays_the_same_value() {
        let value: Vec<String> = STEERING.iter().map(|c| format!("é{c}\u{200f}\"")).collect();
        for json in [
            serde_json::to_string(&value).unwrap(),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let escaped = escaped_json(&json);
            assert!(
                escaped.chars().all(|c| c == '\n' || !steers(c)),
                "{escaped}"
            );
            let read: Vec<String> = serde_json::from_str(&escaped).unwrap();
            assert_eq!(read, value);
        }
    }
}
