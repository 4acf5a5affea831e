//! Filters of lists and dictionaries.

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::meter::Meter;
use crate::print;
use crate::text::{Text, TextBuilder};
use crate::value::{List, ListBuilder, SeriesKind, Value};

use super::{filters, size_argument, tests, text_argument};

pub(super) type Filtered = Result<Value, TemplateError>;

pub(super) fn generator(items: ListBuilder) -> Filtered {
    Value::series(SeriesKind::Generator, items.finish()?)
}

pub(super) fn attr(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let name = text_argument(&arguments.required("name")?, "name")?;
    // Attributes alone: the items of a dictionary are none.
    match value {
        Value::Dict(_) => Ok(Value::UNDEFINED),
        other => rendering.attribute(&other, name.as_str()),
    }
}

pub(super) fn length(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    Ok(Value::count(match &value {
        Value::Undefined(_) => 0,
        Value::Text(text) => {
            rendering.meter.read(text.len())?;
            text.char_count()
        }
        Value::List(list) | Value::Tuple(list) => list.items().len(),
        Value::Dict(dict) => dict.entries().len(),
        Value::Loop(state) => state.length(),
        Value::Series(series) if series.kind != SeriesKind::Generator => series.items.items().len(),
        other => {
            return Err(Fault::types(format!(
                "a {} has no length",
                other.type_name()
            )));
        }
    }))
}

pub(super) fn list(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    rendering.items(&value).map(Value::List)
}

pub(super) fn first(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    let items = rendering.items(&value)?;
    Ok(items.items().first().cloned().unwrap_or(Value::UNDEFINED))
}

pub(super) fn last(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    if let Value::Series(series) = &value
        && series.kind == SeriesKind::Generator
    {
        return Err(Fault::types("a generator has no last item"));
    }
    let items = rendering.items(&value)?;
    Ok(items.items().last().cloned().unwrap_or(Value::UNDEFINED))
}

pub(super) fn reverse(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    if let Value::Text(text) = &value {
        let mut reversed = TextBuilder::new(&rendering.meter)?;
        for (_, char, origin) in text.chars().rev() {
            reversed.push_char(char, origin)?;
        }
        return Ok(Value::Text(reversed.finish()));
    }
    let mut reversed = ListBuilder::new(&rendering.meter)?;
    for item in rendering.items(&value)?.items().iter().rev() {
        reversed.push(item.clone())?;
    }
    generator(reversed)
}

pub(super) fn join(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let between = match arguments.next("d") {
        Some(between) => Some(print::to_text(&between, &rendering.meter)?),
        None => None,
    };
    let attribute = arguments.next("attribute");
    let mut whole = TextBuilder::new(&rendering.meter)?;
    for (index, item) in rendering.items(&value)?.items().iter().enumerate() {
        rendering.meter.spend(1)?;
        if let Some(between) = &between
            && index > 0
        {
            whole.push(between)?;
        }
        let item = attribute_of(rendering, item, attribute.as_ref())?;
        print::write(&item, &mut whole, &rendering.meter)?;
    }
    Ok(Value::Text(whole.finish()))
}

/// Pairs of a dictionary, as a list of tuples.
pub(super) fn items(rendering: &mut Rendering, value: Value, _: &mut CallArguments) -> Filtered {
    match &value {
        Value::Undefined(_) => generator(ListBuilder::new(&rendering.meter)?),
        Value::Dict(dict) => {
            let meter = rendering.meter.clone();
            let mut pairs = ListBuilder::new(&meter)?;
            for (key, value) in dict.entries() {
                pairs.push(pair(key.value(), value.clone(), &meter)?)?;
            }
            generator(pairs)
        }
        other => Err(Fault::types(format!(
            "a {} has no pairs of keys and values",
            other.type_name()
        ))),
    }
}

pub(super) fn pair(first: Value, second: Value, meter: &Meter) -> Filtered {
    List::new(meter, vec![first, second]).map(Value::Tuple)
}

/// `value.a.b`, `value[0]` for a path such as `a.b` or `0`; the value itself without one.
pub(super) fn attribute_of(
    rendering: &mut Rendering,
    value: &Value,
    path: Option<&Value>,
) -> Filtered {
    match path {
        None | Some(Value::None) => Ok(value.clone()),
        Some(Value::Text(path)) => {
            let mut found = value.clone();
            let mut last = "";
            for part in path.as_str().split('.') {
                rendering.meter.spend(1)?;
                // Only a name that stands in the template is named in an error.
                if matches!(found, Value::Undefined(_)) && path.input().is_empty() {
                    return Err(Value::undefined_fault(Some(last)));
                }
                last = part;
                found = match part.parse::<i64>() {
                    Ok(index) => rendering.item(&found, &Value::Int(index))?,
                    Err(_) => rendering.item_named(&found, part)?,
                };
            }
            Ok(found)
        }
        Some(index) => rendering.item(value, index),
    }
}

/// The items that `map`, `select` and their kin go over: as in Jinja none in `none`, `false`
/// and 0, where other filters fail.
fn items_if_true(rendering: &mut Rendering, value: &Value) -> Result<List, TemplateError> {
    match value.is_true() {
        true => rendering.items(value),
        false => ListBuilder::new(&rendering.meter)?.finish(),
    }
}

pub(super) fn map(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let mut mapped = ListBuilder::new(&rendering.meter)?;
    let items = items_if_true(rendering, &value)?;
    if arguments.positional.is_empty() {
        let attribute = arguments.required("attribute")?;
        let default = arguments.next("default");
        for item in items.items() {
            let found = attribute_of(rendering, item, Some(&attribute))?;
            mapped.push(match (found, &default) {
                (Value::Undefined(_), Some(default)) => default.clone(),
                (found, _) => found,
            })?;
        }
        return generator(mapped);
    }
    let name = text_argument(&arguments.required("filter")?, "filter")?;
    let (positional, keyword) = (arguments.rest(), std::mem::take(&mut arguments.keyword));
    for item in items.items() {
        let _level = rendering.meter.descend()?;
        rendering
            .meter
            .spend((positional.len() + keyword.len()) as u64)?;
        let mut given = CallArguments::of(positional.clone());
        given.keyword = keyword.clone();
        mapped.push(filters::apply(
            rendering,
            name.as_str(),
            item.clone(),
            given,
        )?)?;
    }
    generator(mapped)
}

pub(super) fn select(r: &mut Rendering, value: Value, arguments: &mut CallArguments) -> Filtered {
    chosen(r, &value, arguments, false, true)
}

pub(super) fn reject(r: &mut Rendering, value: Value, arguments: &mut CallArguments) -> Filtered {
    chosen(r, &value, arguments, false, false)
}

pub(super) fn selectattr(
    r: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    chosen(r, &value, arguments, true, true)
}

pub(super) fn rejectattr(
    r: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    chosen(r, &value, arguments, true, false)
}

/// Items whose test, or the test of whose attribute, comes out as `wanted`.
fn chosen(
    rendering: &mut Rendering,
    value: &Value,
    arguments: &mut CallArguments,
    by_attribute: bool,
    wanted: bool,
) -> Filtered {
    let attribute = match by_attribute {
        true => Some(arguments.required("attribute")?),
        false => None,
    };
    let test = match arguments.next("test") {
        Some(test) => Some(text_argument(&test, "test")?),
        None => None,
    };
    let positional = arguments.rest();
    let mut kept = ListBuilder::new(&rendering.meter)?;
    for item in items_if_true(rendering, value)?.items() {
        rendering.meter.spend(1)?;
        let tested = attribute_of(rendering, item, attribute.as_ref())?;
        let holds = match &test {
            None => tested.is_true(),
            Some(test) => {
                rendering.meter.spend(positional.len() as u64)?;
                let given = CallArguments::of(positional.clone());
                tests::apply(rendering, test.as_str(), &tested, given)?
            }
        };
        if holds == wanted {
            kept.push(item.clone())?;
        }
    }
    generator(kept)
}

pub(super) fn batch(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let size = size_argument(&arguments.required("linecount")?, "linecount")?;
    let fill = arguments
        .next("fill_with")
        .filter(|fill| !matches!(fill, Value::None));
    if size == 0 {
        return Err(Fault::value("a batch has at least one item"));
    }
    let meter = rendering.meter.clone();
    let mut batches = ListBuilder::new(&meter)?;
    for items in rendering.items(&value)?.items().chunks(size) {
        let mut batch = ListBuilder::new(&meter)?;
        for item in items {
            batch.push(item.clone())?;
        }
        if fill.is_some() {
            batch.check(size - items.len())?;
        }
        for _ in items.len()..size {
            match &fill {
                Some(fill) => batch.push(fill.clone())?,
                None => break,
            }
        }
        batches.push(Value::List(batch.finish()?))?;
    }
    generator(batches)
}

pub(super) fn slice(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Filtered {
    let count = size_argument(&arguments.required("slices")?, "slices")?;
    let fill = arguments
        .next("fill_with")
        .filter(|fill| !matches!(fill, Value::None));
    if count == 0 {
        return Err(Fault::value("there is at least one slice"));
    }
    let meter = rendering.meter.clone();
    let items = rendering.items(&value)?;
    let items = items.items();
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut slices = ListBuilder::new(&meter)?;
    slices.check(count)?;
    let mut from = 0;
    for index in 0..count {
        let size = each + usize::from(index < longer);
        let mut slice = ListBuilder::new(&meter)?;
        for item in items.iter().skip(from).take(size) {
            slice.push(item.clone())?;
        }
        from += size;
        if let Some(fill) = &fill
            && longer > 0
            && index >= longer
        {
            slice.push(fill.clone())?;
        }
        slices.push(Value::List(slice.finish()?))?;
    }
    generator(slices)
}

/// Whether a text could be found in `texts`, for methods that take one or several.
pub(super) fn any_of(
    rendering: &mut Rendering,
    texts: &Value,
    name: &str,
    matches: impl Fn(&Text) -> bool,
) -> Result<bool, TemplateError> {
    match texts {
        Value::Tuple(several) => {
            for text in several.items() {
                rendering.meter.spend(1)?;
                if matches(&text_argument(text, name)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        one => Ok(matches(&text_argument(one, name)?)),
    }
}
