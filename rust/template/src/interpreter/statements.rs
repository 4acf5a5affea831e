//! Statements.

use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{Body, Expression, For, Macro, Name, Statement, StatementKind, Step, Target};
use crate::error::{Fault, TemplateError};
use crate::print;
use crate::text::{Origin, Text};
use crate::value::{List, ListBuilder, LoopState, MacroValue, Value};

use super::Rendering;

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl Rendering {
    pub(super) fn execute(&mut self, body: &Body) -> Result<Flow, TemplateError> {
        for statement in body {
            let flow = self.statement(statement);
            match flow.map_err(|error| error.at(statement.line))? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement) -> Result<Flow, TemplateError> {
        self.meter.spend(1)?;
        let _level = self.meter.descend()?;
        match &statement.kind {
            StatementKind::Data(data) => self.out()?.push_str(data, Origin::Template)?,
            StatementKind::Output(values) => self.output(values)?,
            StatementKind::If {
                branches,
                otherwise,
            } => return self.branch(branches, otherwise),
            StatementKind::For(for_loop) => {
                let items = self.evaluate(&for_loop.items)?;
                self.for_loop(for_loop, &items, 0)?;
            }
            StatementKind::Set { target, value } => {
                let value = self.evaluate(value)?;
                self.assign(target, value)?;
            }
            StatementKind::SetBlock {
                target,
                filters,
                body,
            } => {
                let value = self.filtered_block(filters, body)?;
                self.assign(target, value)?;
            }
            StatementKind::Macro(definition) => self.define(definition)?,
            StatementKind::Call { call, caller } => self.call_block(call, caller)?,
            StatementKind::Filter { filters, body } => {
                let value = self.filtered_block(filters, body)?;
                self.write(&value)?;
            }
            StatementKind::With { bindings, body } => return self.with(bindings, body),
            StatementKind::Scope(body) => return self.scope(body),
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
        }
        self.check_output()?;
        Ok(Flow::Next)
    }

    fn output(&mut self, values: &[Expression]) -> Result<(), TemplateError> {
        for value in values {
            let value = self.evaluate(value)?;
            self.write(&value)?;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, value: &Value) -> Result<(), TemplateError> {
        let meter = self.meter.clone();
        print::write(value, self.out()?, &meter)
    }

    fn branch(
        &mut self,
        branches: &[(Expression, Body)],
        otherwise: &Body,
    ) -> Result<Flow, TemplateError> {
        for (condition, body) in branches {
            if self.evaluate(condition)?.is_true() {
                return self.execute(body);
            }
        }
        self.execute(otherwise)
    }

    fn scope(&mut self, body: &Body) -> Result<Flow, TemplateError> {
        let mark = self.scopes.enter_block();
        let flow = self.execute(body);
        self.scopes.leave(mark);
        flow
    }

    fn with(
        &mut self,
        bindings: &[(Target, Expression)],
        body: &Body,
    ) -> Result<Flow, TemplateError> {
        // All values are those from around the block.
        let mut values = Vec::with_capacity(bindings.len());
        for (target, value) in bindings {
            values.push((target, self.evaluate(value)?));
        }
        let mark = self.scopes.enter_block();
        let bound = values
            .into_iter()
            .try_for_each(|(target, value)| self.assign(target, value));
        let flow = bound.and_then(|()| self.execute(body));
        self.scopes.leave(mark);
        flow
    }

    fn filtered_block(&mut self, filters: &[Step], body: &Body) -> Result<Value, TemplateError> {
        let text = self.captured(|rendering| rendering.scope(body).map(|_| ()))?;
        self.steps(Value::Text(text), filters)
    }

    fn assign(&mut self, target: &Target, value: Value) -> Result<(), TemplateError> {
        match target {
            Target::Name(name) => {
                self.scopes.set(name.clone(), value);
                Ok(())
            }
            Target::Attribute(_, name) if name.starts_with('_') => Err(Fault::Forbidden {
                name: name.to_string(),
            }
            .into()),
            Target::Attribute(namespace, name) => match self.scopes.get(namespace) {
                Some(Value::Namespace(namespace)) => {
                    let namespace = *namespace;
                    self.set_namespace_value(namespace, name, value)
                }
                _ => Err(Fault::types(format!(
                    "`{namespace}` is no namespace: its attributes cannot be set"
                ))),
            },
            Target::Tuple(targets) => {
                let items = self.items(&value)?;
                if items.items().len() != targets.len() {
                    return Err(Fault::value(format!(
                        "{} values for {} names",
                        items.items().len(),
                        targets.len()
                    )));
                }
                for (target, item) in targets.iter().zip(items.items()) {
                    self.assign(target, item.clone())?;
                }
                Ok(())
            }
        }
    }

    fn define(&mut self, definition: &Arc<Macro>) -> Result<(), TemplateError> {
        let value = self.macro_value(definition)?;
        self.scopes.set(definition.name.clone(), value);
        Ok(())
    }

    pub(super) fn macro_value(&mut self, definition: &Arc<Macro>) -> Result<Value, TemplateError> {
        let captured = self.scopes.captured();
        let value = MacroValue::new(&self.meter, Arc::clone(definition), captured)?;
        Ok(Value::Macro(Rc::new(value)))
    }

    /// What a `for` goes over.
    pub(crate) fn items(&mut self, value: &Value) -> Result<List, TemplateError> {
        match value {
            Value::List(list) | Value::Tuple(list) => Ok(list.clone()),
            Value::Undefined(_) => List::new(&self.meter, Vec::new()),
            Value::Series(series) => match series.take() {
                Some(items) => Ok(items),
                None => List::new(&self.meter, Vec::new()),
            },
            Value::Dict(dict) => {
                let mut keys = ListBuilder::new(&self.meter)?;
                for key in dict.entries().keys() {
                    keys.push(key.value())?;
                }
                keys.finish()
            }
            Value::Text(text) => {
                let mut chars = ListBuilder::new(&self.meter)?;
                for (at, char, _) in text.chars() {
                    chars.push(Value::Text(text.slice(at..at + char.len_utf8())?))?;
                }
                chars.finish()
            }
            Value::Loop(state) => {
                // Only the templates of puzzles go over `loop` itself.
                Ok(state.items.clone())
            }
            other => Err(Fault::types(format!(
                "a {} has no items to go over",
                other.type_name()
            ))),
        }
    }

    pub(super) fn for_loop(
        &mut self,
        for_loop: &Arc<For>,
        over: &Value,
        level: usize,
    ) -> Result<(), TemplateError> {
        let items = self.items(over)?;
        let items = match &for_loop.condition {
            None => items,
            Some(condition) => self.items_that(for_loop, &items, condition)?,
        };
        let recursive = for_loop.recursive.then(|| Arc::clone(for_loop));
        let state = Rc::new(LoopState::new(&self.meter, items, level, recursive)?);
        let value = Value::Loop(Rc::clone(&state));
        if value.depth() > crate::limits::VALUE_DEPTH_MAX {
            return Err(Fault::ValueTooDeep.into());
        }
        let ran = self.turns(for_loop, &state, &value);
        // It may hold itself.
        *state.changed.borrow_mut() = None;
        if !ran? {
            let mark = self.scopes.enter_block();
            let ran = self.execute(&for_loop.otherwise);
            self.scopes.leave(mark);
            ran?;
        }
        Ok(())
    }

    /// Runs the loop; false where no turn came to its end, which is what Jinja takes for no
    /// turn at all.
    fn turns(
        &mut self,
        for_loop: &For,
        state: &Rc<LoopState>,
        value: &Value,
    ) -> Result<bool, TemplateError> {
        let mut ended = false;
        let name = Name::from("loop");
        for (index, item) in state.items.items().iter().enumerate() {
            self.meter.spend(1)?;
            state.index.set(index);
            let mark = self.scopes.enter_block();
            self.scopes.set(name.clone(), value.clone());
            let assigned = self.assign(&for_loop.target, item.clone());
            let flow = assigned.and_then(|()| self.execute(&for_loop.body));
            self.scopes.leave(mark);
            match flow? {
                Flow::Break => break,
                Flow::Continue => {}
                Flow::Next => ended = true,
            }
        }
        Ok(ended)
    }

    fn items_that(
        &mut self,
        for_loop: &For,
        items: &List,
        condition: &Expression,
    ) -> Result<List, TemplateError> {
        let mut kept = ListBuilder::new(&self.meter)?;
        for item in items.items() {
            let mark = self.scopes.enter_block();
            let assigned = self.assign(&for_loop.target, item.clone());
            let wanted = assigned.and_then(|()| self.evaluate(condition));
            self.scopes.leave(mark);
            if wanted?.is_true() {
                kept.push(item.clone())?;
            }
        }
        kept.finish()
    }

    /// The text that calling a recursive loop with other items writes.
    pub(super) fn call_loop(
        &mut self,
        state: &LoopState,
        over: &Value,
    ) -> Result<Text, TemplateError> {
        let Some(for_loop) = &state.recursive else {
            return Err(Fault::types("only a recursive loop can be called"));
        };
        let level = state.level + 1;
        self.captured(|rendering| rendering.for_loop(for_loop, over, level))
    }
}
