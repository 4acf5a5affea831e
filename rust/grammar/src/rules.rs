//! A grammar as it is kept.

use crate::class::Class;

/// A part of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// The sequence is over.
    End,
    /// Another rule.
    Rule(u32),
    /// One character of a class.
    Class(u32),
    /// This token.
    Token(u32),
    /// Any token but this one.
    NotToken(u32),
}

#[derive(Debug)]
pub(crate) struct Rule {
    /// Its own name, or that of the rule it was written out of.
    pub(crate) name: String,
    /// Where each alternative begins in the elements.
    pub(crate) alternatives: Vec<u32>,
    /// What it repeats, and how often at most.
    pub(crate) uses: Vec<Use>,
    /// Whether its text was read, and not only its name.
    pub(crate) defined: bool,
}

/// A rule (or a character) that stands in another one so many times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) rule: Option<u32>,
    pub(crate) times: u64,
}

/// A grammar that was read and checked.
#[derive(Debug)]
pub struct Grammar {
    pub(crate) rules: Vec<Rule>,
    pub(crate) elements: Vec<Element>,
    pub(crate) classes: Vec<Class>,
    pub(crate) root: u32,
}
