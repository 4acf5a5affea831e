//! Expressions.

use indexmap::IndexMap;

use crate::ast::{Arguments, Comparison, Expression, ExpressionKind, Name, Step, StepKind};
use crate::error::{Fault, TemplateError};
use crate::library::{Function, filters, methods, tests};
use crate::text::TextBuilder;
use crate::value::{Dict, Key, List, SeriesKind, Value, equal, order};
use crate::{print, slices};

use super::{CallArguments, Rendering, operators};

impl Rendering {
    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Result<Value, TemplateError> {
        self.meter.spend(1)?;
        let _level = self.meter.descend()?;
        let value = self.evaluate_kind(&expression.kind);
        value.map_err(|error| error.at(expression.line))
    }

    fn evaluate_kind(&mut self, kind: &ExpressionKind) -> Result<Value, TemplateError> {
        match kind {
            ExpressionKind::None => Ok(Value::None),
            ExpressionKind::Bool(bool) => Ok(Value::Bool(*bool)),
            ExpressionKind::Int(number) => Ok(Value::Int(*number)),
            ExpressionKind::Float(number) => Ok(Value::Float(*number)),
            ExpressionKind::Text(text) => Value::text(&self.meter, text),
            ExpressionKind::Name(name) => Ok(self.name(name)),
            ExpressionKind::List(items) => {
                let items = self.all(items)?;
                Value::list(&self.meter, items)
            }
            ExpressionKind::Tuple(items) => {
                let items = self.all(items)?;
                List::new(&self.meter, items).map(Value::Tuple)
            }
            ExpressionKind::Dict(pairs) => self.dict(pairs),
            ExpressionKind::Not(times, value) => {
                let value = self.evaluate(value)?.is_true();
                Ok(Value::Bool(value ^ (times % 2 == 1)))
            }
            ExpressionKind::Negative(value) => operators::negative(&self.evaluate(value)?),
            ExpressionKind::Positive(value) => operators::positive(self.evaluate(value)?),
            ExpressionKind::And(operands) => self.first_that(operands, |value| !value.is_true()),
            ExpressionKind::Or(operands) => self.first_that(operands, Value::is_true),
            ExpressionKind::Arithmetic(first, rest) => {
                let mut value = self.evaluate(first)?;
                for (operator, operand) in rest {
                    let operand = self.evaluate(operand)?;
                    value = operators::arithmetic(*operator, &value, &operand, &self.meter)?;
                }
                Ok(value)
            }
            ExpressionKind::Concat(operands) => {
                let mut whole = TextBuilder::new(&self.meter)?;
                for operand in operands {
                    let operand = self.evaluate(operand)?;
                    print::write(&operand, &mut whole, &self.meter)?;
                }
                Ok(Value::Text(whole.finish()))
            }
            ExpressionKind::Compare(first, rest) => self.compare(first, rest),
            ExpressionKind::Conditional(branches, otherwise) => {
                for (condition, value) in branches {
                    if self.evaluate(condition)?.is_true() {
                        return self.evaluate(value);
                    }
                }
                match otherwise {
                    Some(value) => self.evaluate(value),
                    None => Ok(Value::UNDEFINED),
                }
            }
            ExpressionKind::Postfix(base, steps) => {
                let value = self.evaluate(base)?;
                self.steps(value, steps)
            }
        }
    }

    fn name(&self, name: &Name) -> Value {
        match self.scopes.get(name) {
            Some(value) => value.clone(),
            None => match Function::named(name, self.now.is_some()) {
                Some(function) => Value::Function(function),
                None => Value::UNDEFINED.named(name),
            },
        }
    }

    fn all(&mut self, expressions: &[Expression]) -> Result<Vec<Value>, TemplateError> {
        expressions
            .iter()
            .map(|expression| self.evaluate(expression))
            .collect()
    }

    fn dict(&mut self, pairs: &[(Expression, Expression)]) -> Result<Value, TemplateError> {
        let mut entries = IndexMap::new();
        for (key, value) in pairs {
            let key = Key::of(&self.evaluate(key)?)?;
            entries.insert(key, self.evaluate(value)?);
        }
        Dict::new(&self.meter, entries).map(Value::Dict)
    }

    fn first_that(
        &mut self,
        operands: &[Expression],
        decides: impl Fn(&Value) -> bool,
    ) -> Result<Value, TemplateError> {
        let mut value = Value::None;
        for operand in operands {
            value = self.evaluate(operand)?;
            if decides(&value) {
                break;
            }
        }
        Ok(value)
    }

    fn compare(
        &mut self,
        first: &Expression,
        rest: &[(Comparison, Expression)],
    ) -> Result<Value, TemplateError> {
        let mut left = self.evaluate(first)?;
        for (comparison, right) in rest {
            let right = self.evaluate(right)?;
            if !self.holds(*comparison, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    pub(crate) fn holds(
        &self,
        comparison: Comparison,
        left: &Value,
        right: &Value,
    ) -> Result<bool, TemplateError> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let meter = &self.meter;
        let orders = |wanted: &[std::cmp::Ordering]| {
            let found = order(left, right, meter)?;
            Ok(found.is_some_and(|found| wanted.contains(&found)))
        };
        match comparison {
            Comparison::Equal => equal(left, right, meter),
            Comparison::NotEqual => equal(left, right, meter).map(|equal| !equal),
            Comparison::Less => orders(&[Less]),
            Comparison::LessOrEqual => orders(&[Less, Equal]),
            Comparison::Greater => orders(&[Greater]),
            Comparison::GreaterOrEqual => orders(&[Greater, Equal]),
            Comparison::In => operators::contains(right, left, meter),
            Comparison::NotIn => operators::contains(right, left, meter).map(|found| !found),
        }
    }

    /// What follows a value: attributes, indices, calls, filters, tests.
    pub(super) fn steps(&mut self, value: Value, steps: &[Step]) -> Result<Value, TemplateError> {
        let mut value = value;
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            self.meter.spend(1)?;
            let next = match (&step.kind, steps.peek().map(|next| &next.kind)) {
                (StepKind::Attribute(name), Some(StepKind::Call(arguments))) => {
                    steps.next();
                    self.call_attribute(&value, name, arguments)
                }
                _ => self.step(value, &step.kind),
            };
            value = next.map_err(|error| error.at(step.line))?;
        }
        Ok(value)
    }

    fn step(&mut self, value: Value, step: &StepKind) -> Result<Value, TemplateError> {
        match step {
            StepKind::Attribute(name) => Ok(self.attribute(&value, name)?.named(name)),
            StepKind::Key(name) => Ok(self.item_named(&value, name)?.named(name)),
            StepKind::Item(index) => {
                let index = self.evaluate(index)?;
                self.item(&value, &index)
            }
            StepKind::Slice(parts) => {
                let mut bounds = [const { Value::None }; 3];
                for (bound, part) in bounds.iter_mut().zip(parts) {
                    if let Some(part) = part {
                        *bound = self.evaluate(part)?;
                    }
                }
                slices::slice(&value, &bounds, &self.meter)
            }
            StepKind::Call(arguments) => {
                let arguments = self.evaluated(arguments)?;
                self.call(&value, arguments)
            }
            StepKind::Filter(name, arguments) => {
                let arguments = self.evaluated(arguments)?;
                filters::apply(self, name, value, arguments)
            }
            StepKind::Test {
                name,
                arguments,
                negated,
            } => {
                let arguments = self.evaluated(arguments)?;
                let holds = tests::apply(self, name, &value, arguments)?;
                Ok(Value::Bool(holds ^ negated))
            }
        }
    }

    /// `value.name`: an attribute or a method, then an item.
    pub(crate) fn attribute(&mut self, value: &Value, name: &str) -> Result<Value, TemplateError> {
        if let Some(found) = self.own_attribute(value, name)? {
            return Ok(found);
        }
        match value {
            Value::Undefined(known) => Err(Value::undefined_fault(known.as_deref())),
            Value::Dict(dict) => Ok(dict.find(name).cloned().unwrap_or(Value::UNDEFINED)),
            _ => Ok(Value::UNDEFINED),
        }
    }

    /// What Python's `getattr` finds.
    fn own_attribute(&mut self, value: &Value, name: &str) -> Result<Option<Value>, TemplateError> {
        match value {
            Value::Namespace(namespace) => Ok(self.namespace_value(*namespace, name)),
            Value::Loop(state) => self.loop_attribute(state, name),
            Value::Macro(found) => self.macro_attribute(&found.definition, name),
            // The pairs of `groupby`.
            Value::Tuple(pair) if pair.items().len() == 2 && name == "grouper" => {
                Ok(pair.items().first().cloned())
            }
            Value::Tuple(pair) if pair.items().len() == 2 && name == "list" => {
                Ok(pair.items().get(1).cloned())
            }
            other if methods::exists(other, name) => {
                Value::method(&self.meter, other, name).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `value['name']`: an item, then an attribute.
    pub(crate) fn item_named(&mut self, value: &Value, name: &str) -> Result<Value, TemplateError> {
        match value {
            Value::Undefined(known) => Err(Value::undefined_fault(known.as_deref())),
            Value::Dict(dict) if dict.find(name).is_some() => {
                Ok(dict.find(name).cloned().unwrap_or(Value::UNDEFINED))
            }
            other => Ok(self.own_attribute(other, name)?.unwrap_or(Value::UNDEFINED)),
        }
    }

    /// `value[index]`.
    pub(crate) fn item(&mut self, value: &Value, index: &Value) -> Result<Value, TemplateError> {
        if let Value::Text(name) = index {
            self.meter.read(name.len())?;
            return self.item_named(value, name.as_str());
        }
        let found = match (value, index) {
            (Value::Undefined(name), _) => return Err(Value::undefined_fault(name.as_deref())),
            (Value::Dict(dict), index) => match Key::of(index) {
                Ok(key) => dict.entries().get(&key).cloned(),
                Err(_) => None,
            },
            (Value::List(list) | Value::Tuple(list), index) => index
                .as_int()
                .and_then(|index| slices::place(index, list.items().len()))
                .and_then(|place| list.items().get(place).cloned()),
            (Value::Series(series), index) if series.kind == SeriesKind::Range => {
                let items = series.items.items();
                let place = index
                    .as_int()
                    .and_then(|index| slices::place(index, items.len()));
                place.and_then(|place| items.get(place).cloned())
            }
            (Value::Text(text), index) => match index.as_int() {
                Some(index) => slices::char_at(text, index, &self.meter)?.map(Value::Text),
                None => None,
            },
            _ => None,
        };
        Ok(found.unwrap_or(Value::UNDEFINED))
    }

    pub(super) fn evaluated(
        &mut self,
        arguments: &Arguments,
    ) -> Result<CallArguments, TemplateError> {
        let mut made = CallArguments::of(self.all(&arguments.positional)?);
        for (name, value) in &arguments.keyword {
            made.keyword.push((name.clone(), self.evaluate(value)?));
        }
        if let Some(more) = &arguments.more_positional {
            let more = self.evaluate(more)?;
            let more = self.items(&more)?;
            made.extend(more.items(), &self.meter)?;
        }
        if let Some(more) = &arguments.more_keyword {
            let Value::Dict(more) = self.evaluate(more)? else {
                return Err(Fault::types("`**` expects a dictionary"));
            };
            for (key, value) in more.entries() {
                let Key::Text(name) = key else {
                    return Err(Fault::types("names of arguments are text"));
                };
                made.extend_named(name.as_str(), value, &self.meter)?;
            }
        }
        Ok(made)
    }

    fn call_attribute(
        &mut self,
        value: &Value,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Value, TemplateError> {
        let arguments = self.evaluated(arguments)?;
        if methods::exists(value, name) {
            return methods::call(self, value, name, arguments);
        }
        if methods::is_forbidden(value, name) {
            return Err(Fault::Forbidden {
                name: name.to_owned(),
            }
            .into());
        }
        match self.attribute(value, name)? {
            Value::Undefined(_) => Err(Fault::unknown("method", name)),
            found => self.call(&found, arguments),
        }
    }
}
