//! Python's regular expressions over names of modules.
//!
//! PEFT matches names with Python's `re`; here the crate `regex` does, in time linear in the
//! name. The two languages differ, so a pattern is read by Python's rules and written anew
//! by the crate's. What the crate cannot do is refused, and so is what Python refuses. Names
//! of modules are ASCII without line breaks: `$`, `\Z`, `\w` and the like mean the same in
//! both over them.

use std::fmt::Write as _;

use regex::bytes::{Regex, RegexBuilder};

/// A pattern may be this long: room for the full names of all modules of a large model.
const PATTERN_BYTES_MAX: usize = 1 << 14;
/// An item may be repeated this often by a count: longer than any name of a module.
const REPEAT_MAX: u32 = 1000;
/// A pattern may take this much once compiled, and its tables as much again.
const COMPILED_BYTES_MAX: usize = 1 << 18;
/// Groups within groups; the crate reads a pattern recursively.
const NESTING_MAX: u32 = 64;

/// Why a pattern cannot be matched as Python would.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// Longer than any pattern for names of modules.
    #[error("it is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    /// Too large once compiled.
    #[error("it takes more than {COMPILED_BYTES_MAX} bytes once compiled")]
    TooComplex,
    /// A count beyond any name.
    #[error("it repeats something more than {REPEAT_MAX} times")]
    RepeatTooLarge,
    /// A character that no name of a module has.
    #[error("it is not ASCII, as names of modules are")]
    NotAscii,
    /// `(?=…)`, `(?!…)`, `(?<=…)` or `(?<!…)`.
    #[error("look-ahead and look-behind are not supported")]
    LookAround,
    /// `\\1` or `(?P=name)`, or an octal escape.
    #[error("references to groups and octal escapes are not supported")]
    Reference,
    /// `(?(1)…|…)`.
    #[error("conditional groups are not supported")]
    Conditional,
    /// `(?>…)`, `*+` and their kind.
    #[error("atomic groups and possessive quantifiers are not supported")]
    Possessive,
    /// An inline flag that is not supported.
    #[error("of inline flags only groups such as (?i:…) with i, m and s are supported")]
    Flags,
    /// `\\N{…}`.
    #[error("characters by name are not supported")]
    NamedCharacter,
    /// No regular expression of Python.
    #[error("Python's re refuses it: {0}")]
    Invalid(&'static str),
    /// The matcher refuses what was translated.
    #[error("it cannot be compiled")]
    NotCompiled,
}

/// A pattern that must match a name whole, as `re.fullmatch`.
pub(crate) fn whole(pattern: &str) -> Result<Regex, PatternError> {
    compile(&format!(r"\A(?:{})\z", translated(pattern)?))
}

/// A pattern that must match where a name begins, as `re.match`.
pub(crate) fn beginning(pattern: &str) -> Result<Regex, PatternError> {
    compile(&format!(r"\A(?:{})", translated(pattern)?))
}

fn compile(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooComplex,
            _ => PatternError::NotCompiled,
        })
}

/// What a quantifier would apply to.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// The beginning of a branch, or an anchor.
    Nothing,
    Item,
    Repetition,
}

/// The same pattern in the syntax of the crate.
fn translated(pattern: &str) -> Result<String, PatternError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(PatternError::TooLong);
    }
    if !pattern.is_ascii() {
        return Err(PatternError::NotAscii);
    }
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(2 * pattern.len()),
        last: Last::Nothing,
        open: 0,
    };
    while let Some(next) = translator.next() {
        translator.item(next)?;
    }
    match translator.open {
        0 => Ok(translator.out),
        _ => Err(PatternError::Invalid("a group is not closed")),
    }
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    last: Last,
    /// Groups that are not closed yet.
    open: usize,
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        Some(next)
    }

    fn eat(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn digits(&mut self) -> &str {
        let end = self.rest.find(|c: char| !c.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        digits
    }

    fn push(&mut self, text: &str, last: Last) {
        self.out.push_str(text);
        self.last = last;
    }

    fn literal(&mut self, literal: char) {
        write_literal(&mut self.out, literal);
        self.last = Last::Item;
    }

    fn item(&mut self, next: char) -> Result<(), PatternError> {
        match next {
            '\\' => return self.escape(),
            '[' => return self.class(),
            '(' => return self.group(),
            '*' => return self.repetition("*"),
            '+' => return self.repetition("+"),
            '?' => return self.repetition("?"),
            '{' => return self.braces(),
            ')' => {
                let open = self.open.checked_sub(1);
                self.open = open.ok_or(PatternError::Invalid("a ) closes nothing"))?;
                self.push(")", Last::Item);
            }
            '|' => self.push("|", Last::Nothing),
            '^' => self.push("^", Last::Nothing),
            '$' => self.push("$", Last::Nothing),
            '.' => self.push(".", Last::Item),
            literal => self.literal(literal),
        }
        Ok(())
    }

    fn repetition(&mut self, quantifier: &str) -> Result<(), PatternError> {
        match self.last {
            Last::Nothing => return Err(PatternError::Invalid("there is nothing to repeat")),
            Last::Repetition => return Err(PatternError::Invalid("it repeats a repetition")),
            Last::Item => self.push(quantifier, Last::Repetition),
        }
        if self.eat('+') {
            return Err(PatternError::Possessive);
        }
        if self.eat('?') {
            self.out.push('?');
        }
        Ok(())
    }

    /// A count of repetitions, or braces that stand for themselves.
    fn braces(&mut self) -> Result<(), PatternError> {
        let before = self.rest;
        let least = self.digits().to_owned();
        let comma = self.eat(',');
        let most = if comma {
            self.digits().to_owned()
        } else {
            least.clone()
        };
        if (!comma && least.is_empty()) || !self.eat('}') {
            self.rest = before;
            self.literal('{');
            return Ok(());
        }
        let number = |digits: &str| -> Result<u32, PatternError> {
            let number = digits.parse().unwrap_or(u32::MAX);
            if number > REPEAT_MAX {
                return Err(PatternError::RepeatTooLarge);
            }
            Ok(number)
        };
        let least = if least.is_empty() { 0 } else { number(&least)? };
        if most.is_empty() {
            return self.repetition(&format!("{{{least},}}"));
        }
        let most = number(&most)?;
        if most < least {
            return Err(PatternError::Invalid("a count ends before it begins"));
        }
        self.repetition(&format!("{{{least},{most}}}"))
    }

    /// What follows an opening parenthesis.
    fn group(&mut self) -> Result<(), PatternError> {
        if !self.eat('?') {
            self.open += 1;
            self.push("(", Last::Nothing);
            return Ok(());
        }
        const UNKNOWN: PatternError = PatternError::Invalid("a group of unknown kind");
        match self.next() {
            Some(':') => self.push("(?:", Last::Nothing),
            Some('P') if self.eat('<') => {
                let (name, rest) = self.rest.split_once('>').ok_or(UNKNOWN)?;
                let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                if !first || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                    return Err(PatternError::Invalid("a group's name is no identifier"));
                }
                self.rest = rest;
                let group = format!("(?P<{name}>");
                self.push(&group, Last::Nothing);
            }
            Some('P') if self.eat('=') => return Err(PatternError::Reference),
            // A comment: a quantifier after it applies to what stands before.
            Some('#') => {
                let (_, rest) = self.rest.split_once(')').ok_or(UNKNOWN)?;
                self.rest = rest;
                return Ok(());
            }
            Some('=' | '!') => return Err(PatternError::LookAround),
            Some('<') if self.rest.starts_with(['=', '!']) => {
                return Err(PatternError::LookAround);
            }
            Some('(') => return Err(PatternError::Conditional),
            Some('>') => return Err(PatternError::Possessive),
            Some(flag) if flag == '-' || flag.is_ascii_alphabetic() => {
                let (more, rest) = self.rest.split_once(':').ok_or(PatternError::Flags)?;
                let flags = format!("{flag}{more}");
                if flags.contains(|flag| !"ims".contains(flag)) {
                    return Err(PatternError::Flags);
                }
                self.rest = rest;
                let group = format!("(?{flags}:");
                self.push(&group, Last::Nothing);
            }
            _ => return Err(UNKNOWN),
        }
        self.open += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        match self.next() {
            Some('A') => self.push(r"\A", Last::Nothing),
            Some('Z') => self.push(r"\z", Last::Nothing),
            Some('b') => self.push(r"\b", Last::Nothing),
            Some('B') => self.push(r"\B", Last::Nothing),
            Some(class) if "dDsSwW".contains(class) => {
                let class = format!(r"\{class}");
                self.push(&class, Last::Item);
            }
            other => {
                let literal = self.escaped(other)?;
                self.literal(literal);
            }
        }
        Ok(())
    }

    /// The character that an escape stands for, in classes and out of them.
    fn escaped(&mut self, escape: Option<char>) -> Result<char, PatternError> {
        let digits = match escape {
            None => return Err(PatternError::Invalid("it ends in a backslash")),
            Some('a') => return Ok('\x07'),
            Some('f') => return Ok('\x0c'),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('v') => return Ok('\x0b'),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some('N') => return Err(PatternError::NamedCharacter),
            Some('0'..='9') => return Err(PatternError::Reference),
            Some(letter) if letter.is_ascii_alphabetic() => {
                return Err(PatternError::Invalid("an unknown escape"));
            }
            Some(other) => return Ok(other),
        };
        let code = self.rest.get(..digits).filter(|code| {
            let mut bytes = code.bytes();
            bytes.all(|byte| byte.is_ascii_hexdigit())
        });
        let code = code.ok_or(PatternError::Invalid("an escape that is cut off"))?;
        self.rest = self.rest.get(digits..).unwrap_or_default();
        let code = u32::from_str_radix(code, 16).unwrap_or(u32::MAX);
        match u8::try_from(code) {
            Ok(byte) if byte.is_ascii() => Ok(char::from(byte)),
            _ => Err(PatternError::NotAscii),
        }
    }

    /// A set of characters. Brackets, `&&`, `--` and `~~` within it are what they are.
    fn class(&mut self) -> Result<(), PatternError> {
        const OPEN: PatternError = PatternError::Invalid("a set is not closed");
        let mut class = String::from("[");
        if self.eat('^') {
            class.push('^');
        }
        let mut first = true;
        loop {
            let next = self.next().ok_or(OPEN)?;
            if next == ']' && !first {
                break;
            }
            first = false;
            let from = self.member(next)?;
            if !self.eat('-') {
                from.write(&mut class);
                continue;
            }
            let next = self.next().ok_or(OPEN)?;
            if next == ']' {
                from.write(&mut class);
                write_literal(&mut class, '-');
                break;
            }
            match (from, self.member(next)?) {
                (Member::One(from), Member::One(to)) if from <= to => {
                    write_literal(&mut class, from);
                    class.push('-');
                    write_literal(&mut class, to);
                }
                _ => return Err(PatternError::Invalid("a range of no characters")),
            }
        }
        class.push(']');
        self.push(&class, Last::Item);
        Ok(())
    }

    fn member(&mut self, next: char) -> Result<Member, PatternError> {
        if next != '\\' {
            return Ok(Member::One(next));
        }
        match self.next() {
            Some(class) if "dDsSwW".contains(class) => Ok(Member::Many(class)),
            Some('b') => Ok(Member::One('\x08')),
            other => Ok(Member::One(self.escaped(other)?)),
        }
    }
}

/// A member of a set.
enum Member {
    One(char),
    /// `\d` and the like.
    Many(char),
}

impl Member {
    fn write(&self, out: &mut String) {
        match *self {
            Self::One(literal) => write_literal(out, literal),
            Self::Many(class) => out.extend(['\\', class]),
        }
    }
}

fn write_literal(out: &mut String, literal: char) {
    if literal.is_ascii_alphanumeric() {
        out.push(literal);
    } else {
        // Writing to a string does not fail.
        let _ = write!(out, r"\x{{{:x}}}", u32::from(literal));
    }
}
