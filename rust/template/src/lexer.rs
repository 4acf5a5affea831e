//! Source to tokens, with the white space rules of Hugging Face's renderer: `trim_blocks` and
//! `lstrip_blocks` on, one newline at the end of the source dropped.

use crate::error::{Fault, TemplateError};
use crate::strings::unescape;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Text outside of tags.
    Data(String),
    ExpressionStart,
    ExpressionEnd,
    BlockStart,
    BlockEnd,
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// An operator or a bracket.
    Sign(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned {
    pub(crate) line: u32,
    pub(crate) token: Token,
}

// Longer ones first.
const SIGNS: [&str; 25] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",",
];

/// The tokens of `source`.
pub(crate) fn tokenize(source: &str) -> Result<Vec<Spanned>, TemplateError> {
    let normal = normalize_newlines(source);
    let source = normal.strip_suffix('\n').unwrap_or(&normal);
    let mut lexer = Lexer {
        source,
        at: 0,
        line: 1,
        line_starting: true,
        tokens: Vec::new(),
    };
    while lexer.data()? {}
    Ok(lexer.tokens)
}

fn normalize_newlines(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    // Whether the last tag ended with a newline.
    line_starting: bool,
    tokens: Vec<Spanned>,
}

/// What follows a tag's opening characters.
#[derive(PartialEq)]
enum Control {
    Strip,
    Keep,
    Default,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, token: Token) {
        let line = self.line;
        self.tokens.push(Spanned { line, token });
    }

    /// Moves over `bytes`, which end at a character.
    fn advance(&mut self, bytes: usize) {
        let moved = self.source.get(self.at..self.at + bytes);
        let moved = moved.unwrap_or_default();
        let lines = moved.bytes().filter(|&byte| byte == b'\n').count();
        self.line = self
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.line_starting = moved.ends_with('\n');
        self.at += bytes;
    }

    fn fail(&self, reason: impl Into<String>) -> TemplateError {
        Fault::syntax(reason).at(self.line)
    }

    /// Text up to a tag, and the tag. False at the end of the source.
    fn data(&mut self) -> Result<bool, TemplateError> {
        let rest = self.rest();
        let Some(start) = find_tag(rest) else {
            if !rest.is_empty() {
                let data = rest.to_owned();
                self.push(Token::Data(data));
            }
            return Ok(false);
        };
        let (data, tag) = rest.split_at(start);
        let kind = tag.as_bytes().get(1).copied();
        let control = match tag.as_bytes().get(2) {
            Some(b'-') => Control::Strip,
            Some(b'+') => Control::Keep,
            _ => Control::Default,
        };
        let data = match control {
            Control::Strip => data.trim_end_matches(is_space),
            Control::Default if kind != Some(b'{') => self.without_indent(data),
            _ => data,
        }
        .to_owned();
        let opening = if control == Control::Default { 2 } else { 3 };
        if !data.is_empty() {
            self.push(Token::Data(data));
        }
        self.advance(start + opening);
        match kind {
            Some(b'#') => self.comment()?,
            Some(b'%') if self.raw()? => {}
            Some(b'%') => self.tag(Token::BlockStart, Token::BlockEnd, '%')?,
            _ => self.tag(Token::ExpressionStart, Token::ExpressionEnd, '}')?,
        }
        Ok(true)
    }

    /// `data` without white space between the start of its last line and the tag after it.
    fn without_indent<'d>(&self, data: &'d str) -> &'d str {
        let line = data.rfind('\n').map_or(0, |newline| newline + 1);
        let (before, indent) = data.split_at(line);
        let whole_line = line > 0 || self.line_starting;
        if whole_line && indent.chars().all(is_space) {
            before
        } else {
            data
        }
    }

    fn comment(&mut self) -> Result<(), TemplateError> {
        // Jinja takes a comment that begins at the very end for nothing.
        if self.rest().is_empty() {
            return Ok(());
        }
        let Some(end) = self.rest().find("#}") else {
            return Err(self.fail("a comment has no end"));
        };
        let sign = self.rest().get(..end).and_then(|text| text.chars().last());
        self.advance(end + 2);
        self.after_block(sign);
        Ok(())
    }

    /// What the end of a block or comment swallows, by the sign in front of it.
    fn after_block(&mut self, sign: Option<char>) {
        match sign {
            Some('-') => self.skip_space(),
            Some('+') => {}
            _ if self.rest().starts_with('\n') => self.advance(1),
            _ => {}
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        let space = rest.len() - rest.trim_start_matches(is_space).len();
        if space > 0 {
            self.advance(space);
        }
    }

    /// A raw block, if one begins here.
    fn raw(&mut self) -> Result<bool, TemplateError> {
        let Some((opening, strip)) = raw_tag(self.rest(), "raw") else {
            return Ok(false);
        };
        self.advance(opening);
        if strip == Some('-') {
            self.skip_space();
        }
        let rest = self.rest();
        let mut from = 0;
        while let Some(found) = rest.get(from..).and_then(|rest| rest.find("{%")) {
            let start = from + found;
            from = start + 2;
            let after = rest.get(from..).unwrap_or_default();
            let signed = usize::from(after.starts_with(['-', '+']));
            let Some((tag, sign)) = raw_tag(after.get(signed..).unwrap_or_default(), "endraw")
            else {
                continue;
            };
            let text = rest.get(..start).unwrap_or_default();
            let text = match after.as_bytes().first() {
                Some(b'-') => text.trim_end_matches(is_space),
                Some(b'+') => text,
                _ => self.without_indent(text),
            };
            let text = text.to_owned();
            if !text.is_empty() {
                self.push(Token::Data(text));
            }
            self.advance(from + signed + tag);
            self.after_block(sign);
            return Ok(true);
        }
        Err(self.fail("a raw block has no end"))
    }

    /// The tokens of a tag, up to and with its end.
    fn tag(&mut self, start: Token, end: Token, closing: char) -> Result<(), TemplateError> {
        self.push(start);
        let mut open: Vec<char> = Vec::new();
        loop {
            self.skip_space();
            if open.is_empty()
                && let Some(sign) = self.tag_end(closing)
            {
                self.push(end);
                self.advance(sign.map_or(0, char::len_utf8) + 2);
                match closing {
                    '%' => self.after_block(sign),
                    _ if sign.is_some() => self.skip_space(),
                    _ => {}
                }
                return Ok(());
            }
            let Some(first) = self.rest().chars().next() else {
                return Err(self.fail("a tag has no end"));
            };
            match first {
                '0'..='9' => self.number()?,
                '"' | '\'' => self.text(first)?,
                _ if first == '_' || first.is_alphabetic() => self.name(),
                _ => self.sign(&mut open)?,
            }
        }
    }

    /// The sign in front of the end of a tag, if the tag ends here.
    fn tag_end(&self, closing: char) -> Option<Option<char>> {
        let rest = self.rest();
        let signs: &[char] = if closing == '%' { &['-', '+'] } else { &['-'] };
        let sign = rest.chars().next().filter(|first| signs.contains(first));
        let rest = rest.strip_prefix(signs).unwrap_or(rest);
        let ends = rest.strip_prefix(closing)?.starts_with('}');
        ends.then_some(sign)
    }

    fn name(&mut self) {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c != '_' && !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().to_owned();
        self.push(Token::Name(name));
        self.advance(end);
    }

    fn text(&mut self, quote: char) -> Result<(), TemplateError> {
        let mut escaped = false;
        let rest = self.rest();
        let end = rest.char_indices().skip(1).find_map(|(at, char)| {
            let ends = char == quote && !escaped;
            escaped = char == '\\' && !escaped;
            ends.then_some(at)
        });
        let Some(end) = end else {
            return Err(self.fail("a text has no closing quote"));
        };
        let text = unescape(rest.get(1..end).unwrap_or_default());
        let text = text.map_err(|reason| self.fail(reason))?;
        self.push(Token::Text(text));
        self.advance(end + 1);
        Ok(())
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let after_dot = self
            .source
            .get(..self.at)
            .is_some_and(|done| done.ends_with('.'));
        let number = crate::numbers::literal(self.rest(), after_dot);
        let (token, bytes) = number.map_err(|reason| self.fail(reason))?;
        self.push(token);
        self.advance(bytes);
        Ok(())
    }

    fn sign(&mut self, open: &mut Vec<char>) -> Result<(), TemplateError> {
        let rest = self.rest();
        let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
            let char = rest.chars().next().unwrap_or_default();
            return Err(self.fail(format!("unexpected character {char:?}")));
        };
        match sign {
            "(" => open.push(')'),
            "[" => open.push(']'),
            "{" => open.push('}'),
            ")" | "]" | "}" if !open.pop().is_some_and(|close| sign.starts_with(close)) => {
                return Err(self.fail(format!("unexpected `{sign}`")));
            }
            _ => {}
        }
        self.push(Token::Sign(sign));
        self.advance(sign.len());
        Ok(())
    }
}

fn find_tag(text: &str) -> Option<usize> {
    text.as_bytes()
        .windows(2)
        .position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// Bytes of a tag `name` and its end, and the sign in front of the end.
fn raw_tag(text: &str, name: &str) -> Option<(usize, Option<char>)> {
    let after = text.trim_start_matches(is_space).strip_prefix(name)?;
    let after = after.trim_start_matches(is_space);
    let sign = after.chars().next().filter(|c| ['-', '+'].contains(c));
    let after = after.strip_prefix(['-', '+']).unwrap_or(after);
    let after = after.strip_prefix("%}")?;
    Some((text.len() - after.len(), sign))
}

/// White space as Python's `\s` has it.
pub(crate) fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::{Token, tokenize};

    fn data(source: &str) -> Vec<String> {
        let tokens = tokenize(source).unwrap();
        tokens
            .into_iter()
            .filter_map(|spanned| match spanned.token {
                Token::Data(data) => Some(data),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn blocks_swallow_their_line_and_expressions_do_not() {
        assert_eq!(
            data("a\n  {% if x %}\nb\n  {{ y }}\nc"),
            ["a\n", "b\n  ", "\nc"]
        );
        assert_eq!(data("a {%+ if x +%}\nb"), ["a ", "\nb"]);
        assert_eq!(data("a \n {%- if x -%}\n b"), ["a", "b"]);
    }

    #[test]
    fn comments_and_raw_blocks_are_no_tags() {
        assert_eq!(data("{# {{ x }} #}\nb"), ["b"]);
        assert_eq!(data("{% raw %}{{ x }}{% endraw %}b\n"), ["{{ x }}", "b"]);
    }

    #[test]
    fn braces_inside_an_expression_do_not_end_it() {
        let tokens = tokenize("{{ {'a': {}}}}").unwrap();
        assert_eq!(tokens.last().unwrap().token, Token::ExpressionEnd);
    }
}
