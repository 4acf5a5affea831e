//! Functions: `range`, `dict`, `namespace`, `raise_exception`, `strftime_now`.

use indexmap::IndexMap;
use jiff::fmt::strtime::{BrokenDownTime, Config};

use crate::error::{Fault, TemplateError};
use crate::interpreter::{CallArguments, Rendering};
use crate::limits;
use crate::text::{Origin, Text};
use crate::value::{Dict, Key, ListBuilder, SeriesKind, Value};

use super::{int_argument, text_argument, written};

/// A function of the template's environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Range,
    Dict,
    Namespace,
    RaiseException,
    StrftimeNow,
}

impl Function {
    /// The function of this name; `strftime_now` only where there is a clock.
    pub(crate) fn named(name: &str, clock: bool) -> Option<Self> {
        match name {
            "range" => Some(Self::Range),
            "dict" => Some(Self::Dict),
            "namespace" => Some(Self::Namespace),
            "raise_exception" => Some(Self::RaiseException),
            "strftime_now" if clock => Some(Self::StrftimeNow),
            _ => None,
        }
    }
}

pub(crate) fn call(
    rendering: &mut Rendering,
    function: Function,
    mut arguments: CallArguments,
) -> Result<Value, TemplateError> {
    match function {
        Function::Range => range(rendering, arguments),
        Function::Dict => {
            let entries = pairs(rendering, &mut arguments)?;
            let mut made = IndexMap::new();
            for (key, value) in entries {
                made.insert(key, value);
            }
            Dict::new(&rendering.meter, made).map(Value::Dict)
        }
        Function::Namespace => {
            let mut names = Vec::new();
            for (key, value) in pairs(rendering, &mut arguments)? {
                if let Key::Text(name) = key {
                    if name.as_str().starts_with('_') {
                        let name = "a name with an underscore in front".to_owned();
                        return Err(Fault::Forbidden { name }.into());
                    }
                    names.push((name.as_str().into(), value));
                }
            }
            rendering.new_namespace(names)
        }
        Function::RaiseException => {
            let message = arguments.required("message")?;
            arguments.finish()?;
            let message = written(rendering, &message)?.without_input();
            Err(Fault::Raised { message }.into())
        }
        Function::StrftimeNow => strftime_now(rendering, arguments),
    }
}

/// The entries of a dictionary or of pairs, and the named arguments.
fn pairs(
    rendering: &mut Rendering,
    arguments: &mut CallArguments,
) -> Result<Vec<(Key, Value)>, TemplateError> {
    let mut made = Vec::new();
    match arguments.positional.first().cloned() {
        None => {}
        Some(Value::Dict(dict)) => {
            let entries = dict.entries().iter();
            made.extend(entries.map(|(key, value)| (key.clone(), value.clone())));
        }
        Some(other) => {
            for pair in rendering.items(&other)?.items() {
                let pair = rendering.items(pair)?;
                let [key, value] = pair.items() else {
                    return Err(Fault::types("a dictionary is made of pairs"));
                };
                made.push((Key::of(key)?, value.clone()));
            }
        }
    }
    if arguments.positional.len() > 1 {
        return Err(Fault::types("there are too many arguments"));
    }
    rendering.meter.spend(made.len() as u64)?;
    for (name, value) in arguments.keyword.drain(..) {
        let name = Text::new(&rendering.meter, &name, Origin::Template)?;
        made.push((Key::Text(name), value));
    }
    Ok(made)
}

fn range(rendering: &mut Rendering, mut arguments: CallArguments) -> Result<Value, TemplateError> {
    let first = int_argument(&arguments.required("stop")?, "stop")?;
    let second = arguments.next("stop");
    let step = arguments.next("step");
    arguments.finish()?;
    let (start, stop) = match second {
        Some(stop) => (first, int_argument(&stop, "stop")?),
        None => (0, first),
    };
    let step = match step {
        Some(step) => int_argument(&step, "step")?,
        None => 1,
    };
    if step == 0 {
        return Err(Fault::value("the step of a range is 0"));
    }
    let distance = if step > 0 {
        i128::from(stop) - i128::from(start)
    } else {
        i128::from(start) - i128::from(stop)
    };
    let count =
        (distance + i128::from(step.unsigned_abs()) - 1).max(0) / i128::from(step.unsigned_abs());
    if count > limits::RANGE_MAX as i128 {
        return Err(Fault::value(format!(
            "a range has at most {} numbers",
            limits::RANGE_MAX
        )));
    }
    let mut numbers = ListBuilder::new(&rendering.meter)?;
    let mut number = start;
    for _ in 0..count {
        numbers.push(Value::Int(number))?;
        number = number.saturating_add(step);
    }
    Value::series(SeriesKind::Range, numbers.finish()?)
}

fn strftime_now(
    rendering: &mut Rendering,
    mut arguments: CallArguments,
) -> Result<Value, TemplateError> {
    let format = text_argument(&arguments.required("format")?, "format")?;
    arguments.finish()?;
    let Some(now) = &rendering.now else {
        return Err(Fault::unknown("function", "strftime_now"));
    };
    rendering.meter.read(format.len())?;
    let written = BrokenDownTime::from(now)
        .to_string_with_config(&Config::new().lenient(true), format.as_str())
        .map_err(|_| Fault::value("`strftime_now` cannot write this format"))?;
    let origin = match format.input() {
        [] => Origin::Template,
        _ => Origin::Input,
    };
    Text::new(&rendering.meter, &written, origin).map(Value::Text)
}
