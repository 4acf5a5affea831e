//! Filters by name.

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::value::Value;

use super::{json, numbers, sequences, sorting, texts};

type Filter = fn(&mut Rendering, Value, &mut CallArguments) -> Result<Value, TemplateError>;

/// `value | name(arguments)`.
pub(crate) fn apply(
    rendering: &mut Rendering,
    name: &str,
    value: Value,
    mut arguments: CallArguments,
) -> Result<Value, TemplateError> {
    let Some(filter) = filter(name) else {
        return Err(Fault::unknown("filter", name));
    };
    let filtered = filter(rendering, value, &mut arguments)?;
    arguments.finish()?;
    Ok(filtered)
}

pub(crate) fn filter(name: &str) -> Option<Filter> {
    Some(match name {
        "abs" => numbers::abs,
        "attr" => sequences::attr,
        "batch" => sequences::batch,
        "capitalize" => texts::capitalize,
        "center" => texts::center,
        "count" | "length" => sequences::length,
        "d" | "default" => default,
        "dictsort" => sorting::dictsort,
        "e" | "escape" | "forceescape" => texts::escape,
        "first" => sequences::first,
        "float" => numbers::float,
        "format" => texts::format,
        "groupby" => sorting::groupby,
        "indent" => texts::indent,
        "int" => numbers::int,
        "items" => sequences::items,
        "join" => sequences::join,
        "last" => sequences::last,
        "list" => sequences::list,
        "lower" => texts::lower,
        "map" => sequences::map,
        "max" => sorting::max,
        "min" => sorting::min,
        "reject" => sequences::reject,
        "rejectattr" => sequences::rejectattr,
        "replace" => texts::replace,
        "reverse" => sequences::reverse,
        "round" => numbers::round,
        "safe" | "string" => texts::string,
        "select" => sequences::select,
        "selectattr" => sequences::selectattr,
        "slice" => sequences::slice,
        "sort" => sorting::sort,
        "sum" => numbers::sum,
        "title" => texts::title,
        "tojson" => json::tojson,
        "trim" => texts::trim,
        "truncate" => texts::truncate,
        "unique" => sorting::unique,
        "upper" => texts::upper,
        "urlencode" => texts::urlencode,
        "wordcount" => texts::wordcount,
        "wordwrap" => texts::wordwrap,
        _ => return None,
    })
}

fn default(
    rendering: &mut Rendering,
    value: Value,
    arguments: &mut CallArguments,
) -> Result<Value, TemplateError> {
    let otherwise = arguments.next("default_value");
    let falsy_too = arguments
        .next("boolean")
        .is_some_and(|value| value.is_true());
    let missing = matches!(value, Value::Undefined(_)) || falsy_too && !value.is_true();
    match (missing, otherwise) {
        (false, _) => Ok(value),
        (true, Some(otherwise)) => Ok(otherwise),
        (true, None) => Value::text(&rendering.meter, ""),
    }
}
