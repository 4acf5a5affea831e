//! The ways to go on: stacks of places in a grammar, and sets of such stacks.
//!
//! Stacks share what lies below their tops, and equal ones are one. A set is
//! what a deterministic automaton calls a state: where a character leads from
//! it is computed once and remembered, until that takes too much room.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::GrammarError;
use crate::limits::{STACKS_MAX, STEPS_MAX};
use crate::rules::{Element, Grammar};

/// Most stacks kept before those that nothing leads to are dropped.
const STACKS_KEPT: usize = 1 << 18;
/// Most places of sets kept before the sets are dropped.
const PLACES_KEPT: usize = 1 << 18;

/// Most remembered answers to where a character leads.
const ANSWERS_KEPT: usize = 1 << 18;

/// A stack: 0 is the empty one, where the grammar is complete.
type StackId = u32;
const COMPLETE: StackId = 0;

/// A set of stacks: 0 is the empty one, from which nothing leads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SetId(u32);

impl SetId {
    /// No way to go on.
    pub(crate) const DEAD: Self = Self(0);
}

#[derive(Debug, Default)]
pub(crate) struct Stacks {
    // By number, from 1: where the top is, and what lies below.
    stacks: Vec<(u32, StackId)>,
    stack_ids: HashMap<(u32, StackId), StackId>,
    // By number: sorted stacks. What is complete comes first.
    sets: Vec<Box<[StackId]>>,
    set_ids: HashMap<Box<[StackId]>, SetId>,
    places: usize,
    after: HashMap<(SetId, char), SetId>,
    // The last search that saw a stack.
    seen: Vec<u32>,
    search: u32,
    steps: u64,
    // Stacks that were needed when others were dropped last.
    live: usize,
}

impl Stacks {
    /// Starts counting the steps of the next token.
    pub(crate) fn begin_token(&mut self) {
        self.steps = 0;
    }

    /// Where a reply begins.
    pub(crate) fn start(&mut self, grammar: &Grammar) -> Result<SetId, GrammarError> {
        self.clear();
        let todo = grammar
            .alternatives(grammar.root)
            .to_vec()
            .into_iter()
            .map(|place| self.push(grammar, place, COMPLETE))
            .collect();
        self.follow(grammar, todo)
    }

    pub(crate) fn is_complete(&self, set: SetId) -> bool {
        self.set(set).first() == Some(&COMPLETE)
    }

    /// Whether anything may follow.
    pub(crate) fn goes_on(&self, set: SetId) -> bool {
        self.set(set).last().is_some_and(|&stack| stack != COMPLETE)
    }

    /// Where `character` leads.
    pub(crate) fn after(
        &mut self,
        grammar: &Grammar,
        set: SetId,
        character: char,
    ) -> Result<SetId, GrammarError> {
        if let Some(&known) = self.after.get(&(set, character)) {
            return Ok(known);
        }
        let next = self.take(grammar, set, |grammar, element| match element {
            Element::Class(class) => grammar
                .classes
                .get(class as usize)
                .is_some_and(|class| class.contains(character)),
            _ => false,
        })?;
        self.after.insert((set, character), next);
        Ok(next)
    }

    /// Where the whole token leads by its id.
    pub(crate) fn after_token(
        &mut self,
        grammar: &Grammar,
        set: SetId,
        token: u32,
    ) -> Result<SetId, GrammarError> {
        self.take(grammar, set, |_, element| match element {
            Element::Token(wanted) => wanted == token,
            Element::NotToken(unwanted) => unwanted != token,
            _ => false,
        })
    }

    /// Whether a character of `low..=high` may follow.
    pub(crate) fn any_after(&self, grammar: &Grammar, set: SetId, low: u32, high: u32) -> bool {
        self.tops(set).any(|place| match grammar.element(place) {
            Element::Class(class) => grammar
                .classes
                .get(class as usize)
                .is_some_and(|class| class.overlaps(low, high)),
            _ => false,
        })
    }

    /// Whether a token may follow by its id.
    pub(crate) fn any_token(&self, grammar: &Grammar, set: SetId) -> bool {
        self.tops(set).any(|place| {
            matches!(
                grammar.element(place),
                Element::Token(_) | Element::NotToken(_)
            )
        })
    }

    /// Drops everything but the sets in `keep`, if there is much of it; they may get
    /// other numbers.
    pub(crate) fn tidy(&mut self, keep: &mut [&mut SetId]) {
        if self.after.len() > ANSWERS_KEPT {
            self.after.clear();
        }
        if self.stacks.len() <= STACKS_KEPT.max(2 * self.live) && self.places <= PLACES_KEPT {
            return;
        }
        let sets: Vec<Box<[StackId]>> = keep.iter().map(|set| self.set(**set).into()).collect();
        let stacks = std::mem::take(&mut self.stacks);
        let mut needed = vec![false; stacks.len()];
        for &stack in sets.iter().flatten() {
            mark(&mut needed, stack);
        }
        // What lies below a stack was there before it.
        for (stack, &(_, below)) in stacks.iter().enumerate().rev() {
            if needed.get(stack) == Some(&true) {
                mark(&mut needed, below);
            }
        }
        self.clear();
        let mut new_ids = vec![COMPLETE; stacks.len()];
        for (stack, &(place, below)) in stacks.iter().enumerate().skip(1) {
            if needed.get(stack) == Some(&true) {
                let below = new_id(&new_ids, below);
                let id = self.intern(place, below);
                if let Some(new) = new_ids.get_mut(stack) {
                    *new = id;
                }
            }
        }
        self.live = self.stacks.len();
        for (set, stacks) in keep.iter_mut().zip(sets) {
            let mut stacks: Vec<StackId> = stacks
                .iter()
                .map(|&stack| new_id(&new_ids, stack))
                .collect();
            stacks.sort_unstable();
            **set = self.intern_set(stacks);
        }
    }

    fn clear(&mut self) {
        let steps = self.steps;
        *self = Self {
            steps,
            ..Self::default()
        };
        self.stacks.push((0, COMPLETE));
        self.seen.push(0);
        self.intern_set(Vec::new());
    }

    fn set(&self, set: SetId) -> &[StackId] {
        self.sets.get(set.0 as usize).map_or(&[], |set| set)
    }

    fn tops(&self, set: SetId) -> impl Iterator<Item = u32> {
        self.set(set)
            .iter()
            .filter(|&&stack| stack != COMPLETE)
            .filter_map(|&stack| self.stacks.get(stack as usize))
            .map(|&(place, _)| place)
    }

    /// The stacks of `set` whose top `takes` what comes, one place further on.
    fn take(
        &mut self,
        grammar: &Grammar,
        set: SetId,
        takes: impl Fn(&Grammar, Element) -> bool,
    ) -> Result<SetId, GrammarError> {
        let mut todo = Vec::new();
        for index in 0..self.set(set).len() {
            self.step()?;
            let Some(&stack) = self.set(set).get(index) else {
                break;
            };
            let Some(&(place, below)) = self.stacks.get(stack as usize) else {
                continue;
            };
            if stack != COMPLETE && takes(grammar, grammar.element(place)) {
                todo.push(self.push(grammar, place + 1, below));
            }
        }
        self.follow(grammar, todo)
    }

    /// The stacks that `todo` becomes when rules are entered until each has a
    /// character or a token on top.
    fn follow(&mut self, grammar: &Grammar, mut todo: Vec<StackId>) -> Result<SetId, GrammarError> {
        self.search += 1;
        let search = self.search;
        let mut found = Vec::new();
        while let Some(stack) = todo.pop() {
            self.step()?;
            match self.seen.get_mut(stack as usize) {
                Some(seen) if *seen != search => *seen = search,
                _ => continue,
            }
            if found.len() >= STACKS_MAX {
                return Err(GrammarError::TooAmbiguous);
            }
            let Some(&(place, below)) = self.stacks.get(stack as usize) else {
                continue;
            };
            match grammar.element(place) {
                Element::Rule(rule) if stack != COMPLETE => {
                    let rest = self.push(grammar, place + 1, below);
                    for &start in grammar.alternatives(rule) {
                        self.step()?;
                        todo.push(self.push(grammar, start, rest));
                    }
                }
                _ => found.push(stack),
            }
        }
        found.sort_unstable();
        Ok(self.intern_set(found))
    }

    /// A place on a stack; nothing at the end of a sequence, so that a rule
    /// whose last symbol is itself does not make the stack grow.
    fn push(&mut self, grammar: &Grammar, place: u32, below: StackId) -> StackId {
        if grammar.element(place) == Element::End {
            return below;
        }
        self.intern(place, below)
    }

    fn intern(&mut self, place: u32, below: StackId) -> StackId {
        match self.stack_ids.entry((place, below)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let id = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
                self.stacks.push((place, below));
                self.seen.push(0);
                *new.insert(id)
            }
        }
    }

    fn intern_set(&mut self, stacks: Vec<StackId>) -> SetId {
        let stacks = stacks.into_boxed_slice();
        if let Some(&known) = self.set_ids.get(&stacks) {
            return known;
        }
        let id = SetId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        // A set without stacks takes room too.
        self.places += stacks.len() + 8;
        self.sets.push(stacks.clone());
        self.set_ids.insert(stacks, id);
        id
    }

    fn step(&mut self) -> Result<(), GrammarError> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(GrammarError::TooCostly);
        }
        Ok(())
    }
}

fn mark(needed: &mut [bool], stack: StackId) {
    if let Some(needed) = needed.get_mut(stack as usize) {
        *needed = true;
    }
}

fn new_id(new_ids: &[StackId], stack: StackId) -> StackId {
    new_ids.get(stack as usize).copied().unwrap_or(COMPLETE)
}
