//! Rules that can begin with themselves.
//!
//! What comes first in a rule is followed until a character is needed; a rule
//! that gets there by itself is followed for ever. Where only its last symbol
//! leads back, as in `("a"*)*`, the stack does not grow and the matcher sees
//! that it was here: that is allowed, as in llama.cpp.

use crate::error::GrammarError;
use crate::rules::{Element, Grammar};

/// `to` can be the first thing of `from`.
#[derive(Clone, Copy)]
struct Edge {
    to: u32,
    /// Something of `from` follows, or nothing but `to` stands there.
    refused: bool,
}

/// Refuses left recursion, also through rules that may be empty.
pub(crate) fn left_recursion(grammar: &Grammar) -> Result<(), GrammarError> {
    let edges = first_symbols(grammar);
    let component = components(&edges);
    for (from, edges) in edges.iter().enumerate() {
        let own = component.get(from);
        let circle = edges
            .iter()
            .find(|edge| edge.refused && component.get(edge.to as usize) == own);
        if circle.is_some() {
            return Err(GrammarError::LeftRecursion {
                rule: grammar.name(u32::try_from(from).unwrap_or(u32::MAX)),
            });
        }
    }
    Ok(())
}

fn first_symbols(grammar: &Grammar) -> Vec<Vec<Edge>> {
    let empty = may_be_empty(grammar);
    let alternatives = |rule: &crate::rules::Rule| rule.alternatives.clone();
    let mut edges = Vec::with_capacity(grammar.rules.len());
    for rule in &grammar.rules {
        let mut own = Vec::new();
        for start in alternatives(rule) {
            let mut place = start;
            while let Element::Rule(to) = grammar.element(place) {
                let last = grammar.element(place + 1) == Element::End;
                own.push(Edge {
                    to,
                    refused: !last || place == start,
                });
                if !empty.get(to as usize).copied().unwrap_or(false) {
                    break;
                }
                place += 1;
            }
        }
        edges.push(own);
    }
    edges
}

/// Which rules match nothing at all: a rule with an alternative of only such rules.
fn may_be_empty(grammar: &Grammar) -> Vec<bool> {
    let mut empty = vec![false; grammar.rules.len()];
    // Alternatives of rules only, with how many of them are not known to be empty.
    let mut waiting: Vec<(usize, usize)> = Vec::new();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); grammar.rules.len()];
    let mut found = Vec::new();
    for (rule, alternatives) in grammar.rules.iter().enumerate() {
        for &start in &alternatives.alternatives {
            let mut place = start;
            let mut used = Vec::new();
            while let Element::Rule(to) = grammar.element(place) {
                used.push(to as usize);
                place += 1;
            }
            if grammar.element(place) != Element::End {
                continue;
            }
            if used.is_empty() {
                found.push(rule);
                continue;
            }
            for &to in &used {
                if let Some(users) = users.get_mut(to) {
                    users.push(waiting.len());
                }
            }
            waiting.push((rule, used.len()));
        }
    }
    while let Some(rule) = found.pop() {
        match empty.get_mut(rule) {
            Some(known @ false) => *known = true,
            _ => continue,
        }
        for &alternative in users.get(rule).map_or(&[][..], Vec::as_slice) {
            if let Some((user, left)) = waiting.get_mut(alternative) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    found.push(*user);
                }
            }
        }
    }
    empty
}

/// The strongly connected component of each rule (Tarjan's, without recursion).
/// A rule in none with others gets one of its own.
fn components(edges: &[Vec<Edge>]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let count = edges.len();
    let mut order = vec![NEW; count];
    let mut low = vec![NEW; count];
    let mut component = vec![NEW; count];
    let mut next_order = 0;
    let mut open: Vec<usize> = Vec::new();
    for start in 0..count {
        if order[start] != NEW {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some(&mut (rule, ref mut next)) = path.last_mut() {
            if *next == 0 {
                order[rule] = next_order;
                low[rule] = next_order;
                next_order += 1;
                open.push(rule);
            }
            if let Some(edge) = edges[rule].get(*next) {
                *next += 1;
                let to = edge.to as usize;
                if order[to] == NEW {
                    path.push((to, 0));
                } else if component[to] == NEW {
                    low[rule] = low[rule].min(order[to]);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[rule]);
            }
            if low[rule] == order[rule] {
                while let Some(member) = open.pop() {
                    component[member] = rule;
                    if member == rule {
                        break;
                    }
                }
            }
        }
    }
    component
}
