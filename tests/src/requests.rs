//! Explicit requests, and whether a reply obeys them: checks that need no judge.
//! `tests/preferences/requests.jsonl` holds the requests.

use pocketune_core::{ChatOptions, Message, Role};
use serde::Deserialize;

/// A conversation whose last message asks for something that can be checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its name in the file.
    pub id: String,
    /// What is asked for.
    pub kind: String,
    /// A system prompt or none, earlier turns or none, and a message of the user.
    pub messages: Vec<Message>,
    /// What a reply must be like.
    pub check: Check,
}

impl Request {
    /// The conversation so far, and the message to reply to.
    ///
    /// # Errors
    /// Where the last message is not the user's.
    pub fn conversation(&self) -> Result<(ChatOptions, &str), String> {
        let asked = self.messages.split_last();
        let asked = asked.filter(|(last, _)| last.role == Role::User);
        let (asked, before) = asked.ok_or_else(|| format!("{} asks for nothing", self.id))?;
        let (system, turns) = match before.split_first() {
            Some((first, turns)) if first.role == Role::System => (Some(first), turns),
            _ => (None, before),
        };
        let options = ChatOptions {
            system_prompt: system.map(|message| message.content.clone()),
            history: turns.to_vec(),
            ..ChatOptions::default()
        };
        Ok((options, asked.content.as_str()))
    }
}

/// What a reply must be like. Case, quotes and marks around words do not count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// So many words.
    Words(Count),
    /// So many sentences that end; marks of a list are none.
    Sentences(Count),
    /// So many paragraphs with a blank line between.
    Paragraphs(Count),
    /// So many lines that begin with a number or a bullet.
    ListItems(Count),
    /// So many lines that begin with the numbers 1, 2, 3 and so on.
    NumberedItems(Count),
    /// One paragraph without line breaks, list marks and markup.
    PlainParagraph {},
    /// One word.
    OneWord {},
    /// One of these and nothing else.
    Answer {
        /// What it may be.
        any: Vec<String>,
    },
    /// Yes or no first.
    YesOrNo {},
    /// Letters, all of them capitals.
    UpperCase {},
    /// This first.
    Begins {
        /// Words.
        with: String,
    },
    /// This last.
    Ends {
        /// Words.
        with: String,
    },
    /// A question mark last.
    Question {},
    /// One of these somewhere, as whole words.
    Contains {
        /// Words or phrases.
        any: Vec<String>,
    },
    /// None of these anywhere, as whole words; "you" is in "you're" too. An empty reply
    /// does not count.
    Without {
        /// Words or phrases.
        any: Vec<String>,
    },
    /// All of these.
    All {
        /// At least two.
        checks: Vec<Check>,
    },
}

/// A number that a reply must have of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Fewest.
    #[serde(default)]
    pub at_least: usize,
    /// Most.
    pub at_most: Option<usize>,
}

impl Count {
    fn holds(self, count: usize) -> bool {
        count >= self.at_least && self.at_most.is_none_or(|most| count <= most)
    }

    fn asks(self) -> bool {
        let most = self.at_most.unwrap_or(usize::MAX);
        self.at_least <= most && (self.at_least > 0 || self.at_most.is_some())
    }
}

impl Check {
    /// Whether `reply` is as asked for.
    #[must_use]
    pub fn holds(&self, reply: &str) -> bool {
        match self {
            Self::Words(count) => count.holds(words(reply).len()),
            Self::Sentences(count) => count.holds(sentences(reply)),
            Self::Paragraphs(count) => count.holds(paragraphs(reply)),
            Self::ListItems(count) => count.holds(items(reply).count()),
            Self::NumberedItems(count) => {
                let numbers: Vec<usize> = items(reply).flatten().collect();
                count.holds(numbers.len()) && (1..).zip(&numbers).all(|(at, &number)| at == number)
            }
            Self::PlainParagraph {} => crate::measures::is_paragraph(reply),
            Self::OneWord {} => words(reply).len() == 1,
            Self::Answer { any } => any.iter().any(|answer| words(answer) == words(reply)),
            Self::YesOrNo {} => words(reply)
                .first()
                .is_some_and(|word| word == "yes" || word == "no"),
            Self::UpperCase {} => {
                reply.chars().any(char::is_alphabetic) && !reply.chars().any(char::is_lowercase)
            }
            Self::Begins { with } => words(reply).starts_with(&words(with)),
            Self::Ends { with } => words(reply).ends_with(&words(with)),
            Self::Question {} => bare(reply).ends_with('?'),
            Self::Contains { any } => any.iter().any(|phrase| says(reply, phrase)),
            Self::Without { any } => {
                !words(reply).is_empty() && !any.iter().any(|phrase| says(reply, phrase))
            }
            Self::All { checks } => checks.iter().all(|check| check.holds(reply)),
        }
    }

    /// Whether it can be failed and can be kept, as far as its own numbers and words say.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let spoken =
            |any: &[String]| !any.is_empty() && any.iter().all(|phrase| !words(phrase).is_empty());
        match self {
            Self::Words(count)
            | Self::Sentences(count)
            | Self::Paragraphs(count)
            | Self::ListItems(count)
            | Self::NumberedItems(count) => count.asks(),
            Self::Answer { any } | Self::Contains { any } | Self::Without { any } => spoken(any),
            Self::Begins { with } | Self::Ends { with } => !words(with).is_empty(),
            Self::All { checks } => checks.len() > 1 && checks.iter().all(Self::is_sound),
            Self::PlainParagraph {}
            | Self::OneWord {}
            | Self::YesOrNo {}
            | Self::UpperCase {}
            | Self::Question {} => true,
        }
    }
}

/// In lower case, without the marks around them.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('’', "'");
    lower
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether the words of `phrase` come one after the other, endings after an apostrophe
/// left out where `phrase` has none.
fn says(reply: &str, phrase: &str) -> bool {
    let sought = words(phrase);
    let same = |word: &String, sought: &String| {
        let stem = word.split('\'').next();
        word == sought || stem == Some(sought.as_str())
    };
    words(reply)
        .windows(sought.len().max(1))
        .any(|window| window.iter().zip(&sought).all(|(word, it)| same(word, it)))
}

/// Without blanks, quotes and emphasis at either end.
fn bare(text: &str) -> &str {
    text.trim()
        .trim_matches(|c: char| "\"'”’“‘*_".contains(c) || c.is_whitespace())
}

fn paragraphs(text: &str) -> usize {
    let lines: Vec<&str> = text.trim().lines().collect();
    let blocks = lines.split(|line| line.trim().is_empty());
    blocks.filter(|block| !block.is_empty()).count()
}

/// Lines with a mark of a list and something after it: the number of each that has one.
fn items(text: &str) -> impl Iterator<Item = Option<usize>> {
    text.lines()
        .filter_map(item)
        .filter(|(_, rest)| rest.chars().any(char::is_alphanumeric))
        .map(|(number, _)| number)
}

/// The number of an item, if it has one, and what the item says.
fn item(line: &str) -> Option<(Option<usize>, &str)> {
    let line = line.trim_start().trim_start_matches("**");
    if let Some(rest) = line.strip_prefix(['-', '*', '•']) {
        return rest.starts_with(' ').then_some((None, rest));
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let (number, rest) = line.split_at_checked(digits)?;
    let rest = rest.strip_prefix(['.', ')', ':'])?;
    let ends = rest.starts_with([' ', '*']) || rest.is_empty();
    ends.then_some((Some(number.parse().ok()?), rest))
}

/// Sentences that end.
fn sentences(text: &str) -> usize {
    let of_line = |line: &str| {
        let said = item(line).map_or(line, |(_, rest)| rest);
        let mut ended = 0;
        let mut spoken = false;
        let mut rest = said.chars().peekable();
        while let Some(c) = rest.next() {
            spoken |= c.is_alphanumeric();
            let last = rest.peek().is_none_or(|next| !next.is_alphanumeric());
            if ".!?".contains(c) && last && spoken {
                ended += 1;
                spoken = false;
            }
        }
        ended
    };
    text.lines().map(of_line).sum()
}
