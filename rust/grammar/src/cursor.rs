//! A place in the text of a grammar: characters, escapes, names, white space.

use crate::error::GrammarError;

pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What lies ahead.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over `bytes` of what lies ahead.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Passes over `text` if it comes next.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let taken = self.rest().starts_with(text);
        if taken {
            self.at += text.len();
        }
        taken
    }

    /// Passes over white space and comments.
    pub(crate) fn space(&mut self, new_lines: bool) {
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' => self.at += 1,
                '\r' | '\n' if new_lines => self.at += 1,
                '#' => {
                    let rest = self.rest();
                    self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
                }
                _ => break,
            }
        }
    }

    /// A name: letters, digits and `-`.
    pub(crate) fn word(&mut self) -> Result<&'a str, GrammarError> {
        self.run("a rule's name", is_word)
    }

    pub(crate) fn digits(&mut self) -> Result<&'a str, GrammarError> {
        self.run("a number", |c| c.is_ascii_digit())
    }

    /// The characters ahead that are `of` a kind: at least one.
    fn run(&mut self, what: &'static str, of: fn(char) -> bool) -> Result<&'a str, GrammarError> {
        let rest = self.rest();
        let end = rest.find(|c| !of(c)).unwrap_or(rest.len());
        let run = rest.get(..end).unwrap_or_default();
        if run.is_empty() {
            return Err(self.expected(what));
        }
        self.at += end;
        Ok(run)
    }

    /// A character of a literal or a class, which may be written as an escape.
    pub(crate) fn character(&mut self) -> Result<char, GrammarError> {
        let character = self.peek().ok_or_else(|| self.expected("more"))?;
        let at = self.at;
        self.at += character.len_utf8();
        match character {
            '\\' => self.escape(),
            '\0' => Err(GrammarError::Nul {
                line: self.line_of(at),
            }),
            _ => Ok(character),
        }
    }

    fn escape(&mut self) -> Result<char, GrammarError> {
        let escape = self.peek().ok_or_else(|| self.expected("an escape"))?;
        self.at += escape.len_utf8();
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'n' => return Ok('\n'),
            '\\' | '"' | '[' | ']' | '-' => return Ok(escape),
            _ => {
                let line = self.line_of(self.at);
                return Err(GrammarError::UnknownEscape { line, escape });
            }
        };
        let text = self.rest().get(..digits).unwrap_or_default();
        let code_point = match u32::from_str_radix(text, 16) {
            Ok(code_point) if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => code_point,
            _ => {
                return Err(GrammarError::ShortEscape {
                    line: self.line_of(self.at),
                    escape,
                    digits,
                });
            }
        };
        self.at += digits;
        let line = || self.line_of(self.at);
        match char::from_u32(code_point) {
            Some('\0') => Err(GrammarError::Nul { line: line() }),
            Some(character) => Ok(character),
            None => Err(GrammarError::NoCharacter {
                line: line(),
                code_point,
            }),
        }
    }

    /// The line of a place, from 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.bytes().filter(|&byte| byte == b'\n').count() + 1
    }

    /// The error of something else standing here.
    pub(crate) fn expected(&self, expected: &'static str) -> GrammarError {
        let line = self.line_of(self.at);
        match self.peek() {
            Some('\0') => GrammarError::Nul { line },
            found => GrammarError::Expected {
                line,
                expected,
                found: found.map_or_else(|| "the end".to_owned(), |c| format!("{c:?}")),
            },
        }
    }
}

/// Whether a character may stand in a name.
pub(crate) fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}
