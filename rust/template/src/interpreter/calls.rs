//! Calls of functions, macros, methods and recursive loops.

use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::ast::{Expression, ExpressionKind, Macro, Name, StepKind};
use crate::error::{Fault, TemplateError};
use crate::library::{functions, methods};
use crate::meter::{Charge, Meter};
use crate::text::{Origin, Text};
use crate::value::{Dict, Key, List, LoopState, MacroValue, Value, equal};

use super::Rendering;

/// Evaluated arguments.
#[derive(Default)]
pub(crate) struct CallArguments {
    pub(crate) positional: Vec<Value>,
    pub(crate) keyword: Vec<(Name, Value)>,
    taken: usize,
    // For what `*` and `**` add.
    charge: Option<Charge>,
}

impl CallArguments {
    pub(crate) fn of(positional: Vec<Value>) -> Self {
        Self {
            positional,
            ..Self::default()
        }
    }

    /// Adds `*values`.
    pub(super) fn extend(&mut self, values: &[Value], meter: &Meter) -> Result<(), TemplateError> {
        self.pay(meter, size_of_val(values))?;
        meter.spend(values.len() as u64)?;
        self.positional.extend_from_slice(values);
        Ok(())
    }

    /// Adds one of `**values`.
    pub(super) fn extend_named(
        &mut self,
        name: &str,
        value: &Value,
        meter: &Meter,
    ) -> Result<(), TemplateError> {
        self.pay(meter, size_of::<(Name, Value)>() + 16 + name.len())?;
        meter.spend(1)?;
        self.keyword.push((name.into(), value.clone()));
        Ok(())
    }

    fn pay(&mut self, meter: &Meter, bytes: usize) -> Result<(), TemplateError> {
        let charge = self.charge.get_or_insert_with(|| Charge::none(meter));
        charge.grow(bytes)
    }

    /// The next argument: by its place, or by its name.
    pub(crate) fn next(&mut self, name: &str) -> Option<Value> {
        if let Some(value) = self.positional.get(self.taken) {
            self.taken += 1;
            return Some(value.clone());
        }
        let place = self
            .keyword
            .iter()
            .position(|(known, _)| &**known == name)?;
        Some(self.keyword.swap_remove(place).1)
    }

    /// The next argument, which must be there.
    pub(crate) fn required(&mut self, name: &str) -> Result<Value, TemplateError> {
        let missing = || Fault::types(format!("the argument `{name}` is missing"));
        self.next(name).ok_or_else(missing)
    }

    /// All arguments without a name that are left.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let rest = self.positional.get(self.taken..).unwrap_or_default();
        self.taken = self.positional.len();
        rest.to_vec()
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), TemplateError> {
        if let Some((name, _)) = self.keyword.first() {
            return Err(Fault::types(format!("there is no argument `{name}`")));
        }
        if self.taken < self.positional.len() {
            return Err(Fault::types("there are too many arguments"));
        }
        Ok(())
    }
}

impl Rendering {
    pub(crate) fn call(
        &mut self,
        called: &Value,
        arguments: CallArguments,
    ) -> Result<Value, TemplateError> {
        match called {
            Value::Function(function) => functions::call(self, *function, arguments),
            Value::Macro(value) => self.call_macro(value, arguments).map(Value::Text),
            Value::Method(method) => methods::call(self, &method.receiver, &method.name, arguments),
            Value::Loop(state) => {
                let mut arguments = arguments;
                let over = arguments.required("iterable")?;
                arguments.finish()?;
                self.call_loop(state, &over).map(Value::Text)
            }
            Value::Undefined(Some(name)) => Err(Fault::unknown("function", name)),
            other => Err(Fault::types(format!(
                "a {} cannot be called",
                other.type_name()
            ))),
        }
    }

    /// `{% call f(x) %}…{% endcall %}`.
    pub(super) fn call_block(
        &mut self,
        call: &Expression,
        caller: &Arc<Macro>,
    ) -> Result<(), TemplateError> {
        let ExpressionKind::Postfix(base, steps) = &call.kind else {
            return Err(Fault::types("`call` expects a call of a macro"));
        };
        let Some((last, steps)) = steps.split_last() else {
            return Err(Fault::types("`call` expects a call of a macro"));
        };
        let StepKind::Call(arguments) = &last.kind else {
            return Err(Fault::types("`call` expects a call of a macro"));
        };
        let base = self.evaluate(base)?;
        let called = self.steps(base, steps)?;
        let mut arguments = self.evaluated(arguments)?;
        let caller = self.macro_value(caller)?;
        arguments.keyword.push(("caller".into(), caller));
        let written = self.call(&called, arguments)?;
        self.write(&written)
    }

    fn call_macro(
        &mut self,
        called: &Rc<MacroValue>,
        arguments: CallArguments,
    ) -> Result<Text, TemplateError> {
        let mark = self.scopes.enter_macro();
        for (name, value) in &called.captured {
            self.scopes.set(name.clone(), value.clone());
        }
        let bound = self.bind(&called.definition, arguments);
        let written = bound.and_then(|()| {
            self.captured(|rendering| rendering.execute(&called.definition.body).map(|_| ()))
        });
        self.scopes.leave(mark);
        written
    }

    fn bind(
        &mut self,
        definition: &Macro,
        mut arguments: CallArguments,
    ) -> Result<(), TemplateError> {
        if let Some(place) = arguments
            .keyword
            .iter()
            .position(|(name, _)| &**name == "caller")
        {
            if !definition.takes_caller {
                return Err(Fault::types(format!(
                    "the macro `{}` takes no caller",
                    definition.name
                )));
            }
            let (name, caller) = arguments.keyword.swap_remove(place);
            self.scopes.set(name, caller);
        } else if definition.takes_caller {
            let name = Name::from("caller");
            self.scopes.set(name.clone(), Value::UNDEFINED.named(&name));
        }
        for parameter in &definition.parameters {
            let value = match (arguments.next(&parameter.name), &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.evaluate(default)?,
                (None, None) => Value::UNDEFINED.named(&parameter.name),
            };
            self.scopes.set(parameter.name.clone(), value);
        }
        if definition.takes_varargs {
            let rest = List::new(&self.meter, arguments.rest())?;
            self.scopes.set("varargs".into(), Value::Tuple(rest));
        }
        if definition.takes_kwargs {
            let mut entries = IndexMap::new();
            for (name, value) in arguments.keyword.drain(..) {
                let name = Text::new(&self.meter, &name, Origin::Template)?;
                entries.insert(Key::Text(name), value);
            }
            let entries = Dict::new(&self.meter, entries)?;
            self.scopes.set("kwargs".into(), Value::Dict(entries));
        }
        let named = |error: TemplateError| match error.fault {
            Fault::Type { reason } => {
                Fault::types(format!("the macro `{}`: {reason}", definition.name))
            }
            _ => error,
        };
        arguments.finish().map_err(named)
    }

    pub(super) fn macro_attribute(
        &mut self,
        definition: &Macro,
        name: &str,
    ) -> Result<Option<Value>, TemplateError> {
        Ok(Some(match name {
            "name" => Value::text(&self.meter, &definition.name)?,
            "arguments" => {
                let names = definition.parameters.iter();
                let names = names.map(|parameter| Value::text(&self.meter, &parameter.name));
                let names = names.collect::<Result<_, _>>()?;
                Value::Tuple(List::new(&self.meter, names)?)
            }
            "catch_kwargs" => Value::Bool(definition.takes_kwargs),
            "catch_varargs" => Value::Bool(definition.takes_varargs),
            "caller" => Value::Bool(definition.takes_caller),
            _ => return Ok(None),
        }))
    }

    pub(super) fn loop_attribute(
        &mut self,
        state: &Rc<LoopState>,
        name: &str,
    ) -> Result<Option<Value>, TemplateError> {
        let index = state.index.get();
        let length = state.length();
        let neighbour = |place: Option<usize>| {
            let found = place.and_then(|place| state.items.items().get(place));
            found.cloned().unwrap_or(Value::UNDEFINED)
        };
        Ok(Some(match name {
            "index" => Value::count(index + 1),
            "index0" => Value::count(index),
            "revindex" => Value::count(length - index),
            "revindex0" => Value::count(length - index - 1),
            "first" => Value::Bool(index == 0),
            "last" => Value::Bool(index + 1 == length),
            "length" => Value::count(length),
            "depth" => Value::count(state.level + 1),
            "depth0" => Value::count(state.level),
            "previtem" => neighbour(index.checked_sub(1)),
            "nextitem" => neighbour(Some(index + 1)),
            _ => return Ok(None),
        }))
    }

    /// `loop.cycle(…)` and `loop.changed(…)`.
    pub(crate) fn call_loop_method(
        &mut self,
        state: &Rc<LoopState>,
        name: &str,
        mut arguments: CallArguments,
    ) -> Result<Value, TemplateError> {
        let values = arguments.rest();
        arguments.finish()?;
        if name == "cycle" {
            let place = state.index.get().checked_rem(values.len());
            let value = place.and_then(|place| values.get(place).cloned());
            return value.ok_or_else(|| Fault::types("there is nothing to cycle through"));
        }
        let changed = match &*state.changed.borrow() {
            Some(last) if last.len() == values.len() => {
                let mut differs = false;
                for (last, value) in last.iter().zip(&values) {
                    differs |= !equal(last, value, &self.meter)?;
                }
                differs
            }
            _ => true,
        };
        *state.changed.borrow_mut() = Some(values);
        Ok(Value::Bool(changed))
    }
}
