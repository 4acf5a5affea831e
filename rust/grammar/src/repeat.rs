//! How often rules repeat what they repeat, repetitions inside repetitions included.

use crate::error::GrammarError;
use crate::limits::REPETITION_PRODUCT_MAX;
use crate::rules::Grammar;

/// Refuses a grammar whose repetitions multiply beyond [`REPETITION_PRODUCT_MAX`].
/// A rule that leads back to itself counts once: how deep it goes is the reply's choice.
pub(crate) fn check(grammar: &Grammar) -> Result<(), GrammarError> {
    let mut products = vec![State::New; grammar.rules.len()];
    for rule in 0..grammar.rules.len() {
        product(grammar, rule, &mut products)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum State {
    New,
    Open,
    Known(u64),
}

struct Frame {
    rule: usize,
    next: usize,
    most: u64,
}

/// Depth first without recursion: rules may form chains of thousands.
fn product(grammar: &Grammar, start: usize, products: &mut [State]) -> Result<(), GrammarError> {
    let mut path = Vec::new();
    open(start, products, &mut path);
    while let Some(frame) = path.last_mut() {
        let rule = grammar.rules.get(frame.rule);
        let Some(used) = rule.and_then(|rule| rule.uses.get(frame.next)) else {
            if let Some(state) = products.get_mut(frame.rule) {
                *state = State::Known(frame.most);
            }
            path.pop();
            continue;
        };
        let target = used.rule.map(|rule| rule as usize);
        let inner = match target.and_then(|rule| products.get(rule).copied()) {
            Some(State::New) => {
                // This use is looked at again when its rule is known.
                open(target.unwrap_or_default(), products, &mut path);
                continue;
            }
            Some(State::Known(product)) => product,
            Some(State::Open) | None => 1,
        };
        let product = used.times.saturating_mul(inner);
        if product > REPETITION_PRODUCT_MAX {
            return Err(GrammarError::RepetitionProduct {
                rule: rule.map_or_else(String::new, |rule| rule.name.clone()),
            });
        }
        frame.next += 1;
        frame.most = frame.most.max(product);
    }
    Ok(())
}

fn open(rule: usize, products: &mut [State], path: &mut Vec<Frame>) {
    if let Some(state @ State::New) = products.get_mut(rule) {
        *state = State::Open;
        path.push(Frame {
            rule,
            next: 0,
            most: 1,
        });
    }
}
