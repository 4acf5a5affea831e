//! From text to rules, by llama.cpp's rules of reading.
//!
//! Repetitions become rules as llama.cpp writes them out, except that what is
//! repeated is referred to and not copied.

use std::collections::HashMap;

use crate::class::Class;
use crate::cursor::{Cursor, is_word};
use crate::error::GrammarError;
use crate::limits::{BYTES_MAX, ELEMENTS_MAX, NESTING_MAX, REPETITIONS_MAX};
use crate::rules::{Element, Grammar, Rule, Use};
use crate::{check, repeat};

/// Longest `<…>` that an error shows, in characters.
const TOKEN_SHOWN: usize = 64;

impl Grammar {
    /// Reads and checks `text`, whose start symbol is `root`. `token` finds the
    /// one token that is written `<[12]>` (by id) or `<text>` (by its text).
    ///
    /// # Errors
    /// A [`GrammarError`] for each kind of fault.
    pub fn parse(
        text: &str,
        root: &str,
        token: &dyn Fn(&str) -> Option<u32>,
    ) -> Result<Self, GrammarError> {
        if text.len() > BYTES_MAX {
            return Err(GrammarError::TooLong { bytes: text.len() });
        }
        let mut parser = Parser::new(text, token);
        parser.cursor.space(true);
        if parser.cursor.peek().is_none() {
            return Err(GrammarError::Empty);
        }
        while parser.cursor.peek().is_some() {
            parser.rule()?;
        }
        let grammar = parser.finish(root)?;
        repeat::check(&grammar)?;
        check::left_recursion(&grammar)?;
        Ok(grammar)
    }

    /// The element at `place`; past the end there is only an end.
    pub(crate) fn element(&self, place: u32) -> Element {
        self.elements
            .get(place as usize)
            .copied()
            .unwrap_or(Element::End)
    }

    pub(crate) fn alternatives(&self, rule: u32) -> &[u32] {
        self.rules
            .get(rule as usize)
            .map_or(&[], |rule| &rule.alternatives)
    }

    pub(crate) fn name(&self, rule: u32) -> String {
        self.rules
            .get(rule as usize)
            .map_or_else(String::new, |rule| rule.name.clone())
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    token: &'a dyn Fn(&str) -> Option<u32>,
    /// The rule being read, for errors and for what is written out of it.
    name: String,
    names: HashMap<String, u32>,
    class_ids: HashMap<Class, u32>,
    grammar: Grammar,
}

/// A sequence while it is read.
#[derive(Default)]
struct Sequence {
    elements: Vec<Element>,
    /// Where the last item begins, which a repetition repeats.
    item: usize,
    item_uses: Vec<Use>,
    uses: Vec<Use>,
}

impl Sequence {
    fn begin_item(&mut self) {
        self.item = self.elements.len();
        self.uses.append(&mut self.item_uses);
    }

    fn push(&mut self, element: Element) {
        self.elements.push(element);
        let rule = match element {
            Element::Rule(rule) => Some(rule),
            _ => None,
        };
        // One use of a character says as much as a thousand.
        if rule.is_some() || self.item_uses.is_empty() {
            self.item_uses.push(Use { rule, times: 1 });
        }
    }
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, token: &'a dyn Fn(&str) -> Option<u32>) -> Self {
        Self {
            cursor: Cursor::new(text),
            token,
            name: String::new(),
            names: HashMap::new(),
            class_ids: HashMap::new(),
            grammar: Grammar {
                rules: Vec::new(),
                elements: Vec::new(),
                classes: Vec::new(),
                root: 0,
            },
        }
    }

    fn finish(mut self, root: &str) -> Result<Grammar, GrammarError> {
        if let Some(rule) = self.grammar.rules.iter().find(|rule| !rule.defined) {
            return Err(GrammarError::UndefinedRule {
                rule: rule.name.clone(),
            });
        }
        self.grammar.root = *self.names.get(root).ok_or_else(|| GrammarError::NoRoot {
            root: root.to_owned(),
        })?;
        Ok(self.grammar)
    }

    fn rule(&mut self) -> Result<(), GrammarError> {
        let name = self.cursor.word()?.to_owned();
        let rule = self.named(&name);
        if self.is_defined(rule) {
            return Err(GrammarError::DuplicateRule { rule: name });
        }
        self.name = name;
        self.cursor.space(false);
        if !self.cursor.take("::=") {
            return Err(self.cursor.expected("`::=`"));
        }
        self.cursor.space(true);
        self.alternatives(rule, 0)?;
        if self.cursor.peek().is_some()
            && !self.cursor.take("\r\n")
            && !self.cursor.take("\n")
            && !self.cursor.take("\r")
        {
            return Err(self.cursor.expected("a new line or the end"));
        }
        self.cursor.space(true);
        Ok(())
    }

    fn alternatives(&mut self, rule: u32, depth: usize) -> Result<(), GrammarError> {
        let mut starts = Vec::new();
        let mut uses = Vec::new();
        loop {
            let mut sequence = self.sequence(depth)?;
            sequence.begin_item();
            starts.push(self.keep(&sequence.elements)?);
            uses.append(&mut sequence.uses);
            if !self.cursor.take("|") {
                break;
            }
            self.cursor.space(true);
        }
        self.define(rule, starts, uses);
        Ok(())
    }

    fn sequence(&mut self, depth: usize) -> Result<Sequence, GrammarError> {
        let nested = depth > 0;
        let mut sequence = Sequence::default();
        while let Some(next) = self.cursor.peek() {
            match next {
                '"' => self.literal(&mut sequence)?,
                '[' => self.class(&mut sequence)?,
                '.' => {
                    self.cursor.skip(1);
                    sequence.begin_item();
                    let class = self.class_id(Class::any());
                    sequence.push(Element::Class(class));
                }
                '<' | '!' => self.token(&mut sequence)?,
                '(' => self.group(&mut sequence, depth + 1)?,
                '*' | '+' | '?' | '{' => self.repetition(&mut sequence, nested)?,
                _ if is_word(next) => {
                    let name = self.cursor.word()?.to_owned();
                    let rule = self.named(&name);
                    sequence.begin_item();
                    sequence.push(Element::Rule(rule));
                }
                _ => break,
            }
            self.cursor.space(nested);
            self.check_size(sequence.elements.len())?;
        }
        Ok(sequence)
    }

    fn literal(&mut self, sequence: &mut Sequence) -> Result<(), GrammarError> {
        self.cursor.skip(1);
        sequence.begin_item();
        while !self.cursor.take("\"") {
            let character = self.cursor.character()?;
            let class = self.class_id(Class::one(character));
            sequence.push(Element::Class(class));
        }
        Ok(())
    }

    fn class(&mut self, sequence: &mut Sequence) -> Result<(), GrammarError> {
        let at = self.cursor.at();
        self.cursor.skip(1);
        let negated = self.cursor.take("^");
        let mut ranges = Vec::new();
        while !self.cursor.take("]") {
            let from = self.cursor.character()?;
            let to = if self.cursor.rest().starts_with('-') && !self.cursor.rest().starts_with("-]")
            {
                self.cursor.skip(1);
                self.cursor.character()?
            } else {
                from
            };
            if to < from {
                let line = self.cursor.line_of(at);
                return Err(GrammarError::ReversedRange { line, from, to });
            }
            ranges.push((u32::from(from), u32::from(to)));
        }
        if ranges.is_empty() {
            let line = self.cursor.line_of(at);
            return Err(GrammarError::EmptyClass { line });
        }
        sequence.begin_item();
        let class = self.class_id(Class::new(ranges, negated));
        sequence.push(Element::Class(class));
        Ok(())
    }

    fn token(&mut self, sequence: &mut Sequence) -> Result<(), GrammarError> {
        let at = self.cursor.at();
        let negated = self.cursor.take("!");
        if !self.cursor.rest().starts_with('<') {
            return Err(self.cursor.expected("`<`"));
        }
        let Some(end) = self.cursor.rest().find('>') else {
            self.cursor.skip(self.cursor.rest().len());
            return Err(self.cursor.expected("`>`"));
        };
        let text = self.cursor.rest().get(..=end).unwrap_or_default();
        let token = (self.token)(text).ok_or_else(|| GrammarError::UnknownToken {
            line: self.cursor.line_of(at),
            text: text.chars().take(TOKEN_SHOWN).collect(),
        })?;
        self.cursor.skip(end + 1);
        sequence.begin_item();
        sequence.push(if negated {
            Element::NotToken(token)
        } else {
            Element::Token(token)
        });
        Ok(())
    }

    fn group(&mut self, sequence: &mut Sequence, depth: usize) -> Result<(), GrammarError> {
        if depth > NESTING_MAX {
            return Err(GrammarError::TooDeep {
                rule: self.name.clone(),
            });
        }
        self.cursor.skip(1);
        self.cursor.space(true);
        let rule = self.unnamed();
        self.alternatives(rule, depth)?;
        if !self.cursor.take(")") {
            return Err(self.cursor.expected("`)`"));
        }
        sequence.begin_item();
        sequence.push(Element::Rule(rule));
        Ok(())
    }

    fn repetition(&mut self, sequence: &mut Sequence, nested: bool) -> Result<(), GrammarError> {
        let at = self.cursor.at();
        let (least, most) = self.bounds(nested)?;
        let item = sequence.elements.split_off(sequence.item);
        let unit = match item.as_slice() {
            [] => {
                let line = self.cursor.line_of(at);
                return Err(GrammarError::NothingToRepeat { line });
            }
            &[one] => one,
            several => {
                let rule = self.unnamed();
                let start = self.keep(several)?;
                self.define(rule, vec![start], Vec::new());
                Element::Rule(rule)
            }
        };
        let times = u64::from(most.unwrap_or(least).max(1));
        for used in &mut sequence.item_uses {
            used.times = used.times.saturating_mul(times);
        }
        let elements = &mut sequence.elements;
        elements.extend(std::iter::repeat_n(unit, least as usize));
        self.check_size(elements.len())?;
        match most {
            None => elements.push(Element::Rule(self.endless(unit)?)),
            Some(most) if most > least => {
                elements.push(Element::Rule(self.up_to(unit, most - least)?));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The two numbers of a repetition; no second one is without end.
    fn bounds(&mut self, nested: bool) -> Result<(u32, Option<u32>), GrammarError> {
        if self.cursor.take("*") {
            return Ok((0, None));
        }
        if self.cursor.take("+") {
            return Ok((1, None));
        }
        if self.cursor.take("?") {
            return Ok((0, Some(1)));
        }
        self.cursor.skip(1);
        self.cursor.space(nested);
        let least = self.count()?;
        self.cursor.space(nested);
        if self.cursor.take("}") {
            return Ok((least, Some(least)));
        }
        if !self.cursor.take(",") {
            return Err(self.cursor.expected("`,` or `}`"));
        }
        self.cursor.space(nested);
        let most = match self.cursor.peek() {
            Some(next) if next.is_ascii_digit() => Some(self.count()?),
            _ => None,
        };
        self.cursor.space(nested);
        if !self.cursor.take("}") {
            return Err(self.cursor.expected("`}`"));
        }
        if let Some(to) = most.filter(|&most| most < least) {
            return Err(GrammarError::ReversedRepetition {
                rule: self.name.clone(),
                from: least,
                to,
            });
        }
        Ok((least, most))
    }

    fn count(&mut self) -> Result<u32, GrammarError> {
        let digits = self.cursor.digits()?;
        match digits.parse() {
            Ok(count) if count <= REPETITIONS_MAX => Ok(count),
            _ => Err(GrammarError::TooManyRepetitions {
                rule: self.name.clone(),
                count: digits.chars().take(20).collect(),
            }),
        }
    }

    /// `rule ::= unit rule |`
    fn endless(&mut self, unit: Element) -> Result<u32, GrammarError> {
        let rule = self.unnamed();
        let start = self.keep(&[unit, Element::Rule(rule)])?;
        let empty = self.keep(&[])?;
        self.define(rule, vec![start, empty], Vec::new());
        Ok(rule)
    }

    /// `rule ::= unit (unit (unit …)?)?`, or nothing.
    fn up_to(&mut self, unit: Element, times: u32) -> Result<u32, GrammarError> {
        let empty = self.keep(&[])?;
        let mut rule = self.unnamed();
        let start = self.keep(&[unit])?;
        self.define(rule, vec![start, empty], Vec::new());
        for _ in 1..times {
            let start = self.keep(&[unit, Element::Rule(rule)])?;
            rule = self.unnamed();
            self.define(rule, vec![start, empty], Vec::new());
        }
        Ok(rule)
    }

    fn named(&mut self, name: &str) -> u32 {
        if let Some(&rule) = self.names.get(name) {
            return rule;
        }
        let rule = self.new_rule(name.to_owned());
        self.names.insert(name.to_owned(), rule);
        rule
    }

    fn unnamed(&mut self) -> u32 {
        self.new_rule(self.name.clone())
    }

    fn new_rule(&mut self, name: String) -> u32 {
        self.grammar.rules.push(Rule {
            name,
            alternatives: Vec::new(),
            uses: Vec::new(),
            defined: false,
        });
        index(self.grammar.rules.len() - 1)
    }

    fn define(&mut self, rule: u32, alternatives: Vec<u32>, uses: Vec<Use>) {
        if let Some(rule) = self.grammar.rules.get_mut(rule as usize) {
            rule.alternatives = alternatives;
            rule.uses = uses;
            rule.defined = true;
        }
    }

    fn is_defined(&self, rule: u32) -> bool {
        self.grammar
            .rules
            .get(rule as usize)
            .is_some_and(|rule| rule.defined)
    }

    /// Stores a sequence; returns where it begins.
    fn keep(&mut self, sequence: &[Element]) -> Result<u32, GrammarError> {
        self.check_size(sequence.len() + 1)?;
        let start = index(self.grammar.elements.len());
        self.grammar.elements.extend_from_slice(sequence);
        self.grammar.elements.push(Element::End);
        Ok(start)
    }

    fn check_size(&self, more: usize) -> Result<(), GrammarError> {
        if self.grammar.elements.len().saturating_add(more) > ELEMENTS_MAX {
            return Err(GrammarError::TooManyElements {
                rule: self.name.clone(),
            });
        }
        Ok(())
    }

    fn class_id(&mut self, class: Class) -> u32 {
        if let Some(&id) = self.class_ids.get(&class) {
            return id;
        }
        let id = index(self.grammar.classes.len());
        self.grammar.classes.push(class.clone());
        self.class_ids.insert(class, id);
        id
    }
}

/// Rules, elements and classes are fewer than [`ELEMENTS_MAX`] and the bytes of the text.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
