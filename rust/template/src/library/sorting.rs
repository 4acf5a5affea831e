//! Filters that compare the items of a list: sorting, grouping, extremes.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::meter::{Charge, Meter};
use crate::value::{Key, ListBuilder, Value, equal, order};

use super::sequences::{Filtered, attribute_of, generator, pair};
use super::texts;

/// What items are compared by: text without its case unless asked for.
fn sort_key(value: Value, case_sensitive: bool) -> Filtered {
    match value {
        Value::Text(text) if !case_sensitive => texts::lowered(&text).map(Value::Text),
        other => Ok(other),
    }
}

fn flag(arguments: &mut CallArguments, name: &str) -> bool {
    arguments.next(name).is_some_and(|value| value.is_true())
}

/// What an item costs while it is sorted: a run of its own, and a place in the next one.
const SORTING_BYTES: usize = 128;

/// Sorts by keys, stable also where it is reversed. A merge sort of our own, because a
/// comparison may fail and NaN has no order, which the standard library may answer with a
/// panic.
fn sorted(
    items: Vec<(Value, Value)>,
    reverse: bool,
    meter: &Meter,
) -> Result<Vec<(Value, Value)>, TemplateError> {
    let _working = Charge::take(meter, items.len() * SORTING_BYTES)?;
    let mut runs: Vec<Vec<(Value, Value)>> = items.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len() / 2 + 1);
        let mut left = runs.into_iter();
        while let Some(first) = left.next() {
            merged.push(match left.next() {
                Some(second) => merge(first, second, reverse, meter)?,
                None => first,
            });
        }
        runs = merged;
    }
    Ok(runs.pop().unwrap_or_default())
}

fn merge(
    first: Vec<(Value, Value)>,
    second: Vec<(Value, Value)>,
    reverse: bool,
    meter: &Meter,
) -> Result<Vec<(Value, Value)>, TemplateError> {
    let before = if reverse {
        Ordering::Less
    } else {
        Ordering::Greater
    };
    let mut merged = Vec::with_capacity(first.len() + second.len());
    let mut second = second.into_iter().peekable();
    for item in first {
        while let Some(next) = second.peek() {
            if order(&item.0, &next.0, meter)? != Some(before) {
                break;
            }
            merged.extend(second.next());
        }
        merged.push(item);
    }
    merged.extend(second);
    Ok(merged)
}

fn values(items: Vec<(Value, Value)>, meter: &Meter) -> Filtered {
    let mut made = ListBuilder::new(meter)?;
    for (_, item) in items {
        made.push(item)?;
    }
    made.finish().map(Value::List)
}

pub(super) fn sort(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let reverse = flag(arguments, "reverse");
    let case_sensitive = flag(arguments, "case_sensitive");
    let attribute = arguments.next("attribute");
    let mut keyed = Vec::new();
    for item in rendering.items(&value)?.items() {
        let key = sort_keys(rendering, item, attribute.as_ref(), case_sensitive)?;
        keyed.push((key, item.clone()));
    }
    let meter = rendering.meter.clone();
    values(sorted(keyed, reverse, &meter)?, &meter)
}

/// The key of one attribute, or of several with commas between them.
fn sort_keys(
    rendering: &mut Rendering,
    item: &Value,
    attribute: Option<&Value>,
    case_sensitive: bool,
) -> Filtered {
    let Some(Value::Text(paths)) = attribute else {
        return sort_key(attribute_of(rendering, item, attribute)?, case_sensitive);
    };
    let mut keys = ListBuilder::new(&rendering.meter)?;
    for path in paths.as_str().split(',') {
        let path = Value::text(&rendering.meter, path)?;
        let key = attribute_of(rendering, item, Some(&path))?;
        keys.push(sort_key(key, case_sensitive)?)?;
    }
    keys.finish().map(Value::List)
}

pub(super) fn dictsort(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let case_sensitive = flag(arguments, "case_sensitive");
    let by = arguments.next("by");
    let by_value = match &by {
        None => false,
        Some(Value::Text(by)) if by.as_str() == "key" => false,
        Some(Value::Text(by)) if by.as_str() == "value" => true,
        Some(_) => return Err(Fault::value("`dictsort` sorts by key or by value")),
    };
    let reverse = flag(arguments, "reverse");
    let Value::Dict(dict) = &value else {
        return Err(Fault::types(format!(
            "a {} cannot be sorted as a dictionary",
            value.type_name()
        )));
    };
    let meter = rendering.meter.clone();
    let mut keyed = Vec::new();
    for (key, value) in dict.entries() {
        let by = if by_value { value.clone() } else { key.value() };
        let item = pair(key.value(), value.clone(), &meter)?;
        keyed.push((sort_key(by, case_sensitive)?, item));
    }
    values(sorted(keyed, reverse, &meter)?, &meter)
}

pub(super) fn groupby(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let attribute = arguments.required("attribute")?;
    let default = arguments.next("default");
    let case_sensitive = flag(arguments, "case_sensitive");
    let mut keyed = Vec::new();
    for item in rendering.items(&value)?.items() {
        let key = match (attribute_of(rendering, item, Some(&attribute))?, &default) {
            (Value::Undefined(_), Some(default)) => default.clone(),
            (key, _) => key,
        };
        let pair = pair(key.clone(), item.clone(), &rendering.meter)?;
        keyed.push((sort_key(key, case_sensitive)?, pair));
    }
    let meter = rendering.meter.clone();
    let mut groups: Vec<(Value, Value, ListBuilder)> = Vec::new();
    for (key, pair) in sorted(keyed, false, &meter)? {
        let Value::Tuple(pair) = pair else { continue };
        let [name, item] = pair.items() else { continue };
        match groups.last_mut() {
            Some((last, _, group)) if equal(last, &key, &meter)? => group.push(item.clone())?,
            _ => {
                let mut group = ListBuilder::new(&meter)?;
                group.push(item.clone())?;
                groups.push((key, name.clone(), group));
            }
        }
    }
    let mut made = ListBuilder::new(&meter)?;
    for (_, name, group) in groups {
        made.push(pair(name, Value::List(group.finish()?), &meter)?)?;
    }
    made.finish().map(Value::List)
}

pub(super) fn unique(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let case_sensitive = flag(arguments, "case_sensitive");
    let attribute = arguments.next("attribute");
    #[expect(
        clippy::mutable_key_type,
        reason = "a text's meter is no part of its hash"
    )]
    let mut seen: HashSet<Key> = HashSet::new();
    let mut working = Charge::none(&rendering.meter);
    let mut kept = ListBuilder::new(&rendering.meter)?;
    for item in rendering.items(&value)?.items() {
        let key = attribute_of(rendering, item, attribute.as_ref())?;
        let key = Key::of(&sort_key(key, case_sensitive)?)?;
        working.grow(2 * size_of::<Key>())?;
        if seen.insert(key) {
            kept.push(item.clone())?;
        }
    }
    generator(kept)
}

pub(super) fn min(r: &mut Rendering, value: Value, arguments: &mut CallArguments) -> Filtered {
    outermost(r, &value, arguments, Ordering::Less)
}

pub(super) fn max(r: &mut Rendering, value: Value, arguments: &mut CallArguments) -> Filtered {
    outermost(r, &value, arguments, Ordering::Greater)
}

fn outermost(
    rendering: &mut Rendering,
    value: &Value,
    arguments: &mut CallArguments,
    wanted: Ordering,
) -> Filtered {
    let case_sensitive = flag(arguments, "case_sensitive");
    let attribute = arguments.next("attribute");
    let mut best: Option<(Value, Value)> = None;
    for item in rendering.items(value)?.items() {
        let key = attribute_of(rendering, item, attribute.as_ref())?;
        let key = sort_key(key, case_sensitive)?;
        let better = match &best {
            None => true,
            Some((known, _)) => order(&key, known, &rendering.meter)? == Some(wanted),
        };
        if better {
            best = Some((key, item.clone()));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}
