//! Renders a parsed template.

mod calls;
mod expressions;
mod operators;
mod scopes;
mod statements;

use crate::ast::Body;
use crate::error::{Fault, TemplateError};
use crate::inputs::Inputs;
use crate::limits;
use crate::meter::{Charge, Meter};
use crate::text::{Text, TextBuilder};
use crate::value::Value;
use crate::{Rendered, ast::Name};

pub(crate) use calls::CallArguments;
pub(crate) use operators::arithmetic;
use scopes::Scopes;

/// One rendering: variables, output, and what it may still cost.
pub(crate) struct Rendering {
    pub(crate) meter: Meter,
    pub(crate) now: Option<jiff::ZonedDateTime>,
    scopes: Scopes,
    // The last one is written to; those below wait for the end of a macro or block.
    out: Vec<TextBuilder>,
    namespaces: Vec<Namespace>,
    output_bytes_max: usize,
}

struct Namespace {
    names: Vec<(Name, Value)>,
    charge: Charge,
}

/// What a name costs beside its value.
const NAME_BYTES: usize = 64;

/// The text of a template with these inputs.
pub(crate) fn render(body: &Body, inputs: &Inputs) -> Result<Rendered, TemplateError> {
    let input_bytes = inputs.text_bytes();
    let meter = Meter::new(input_bytes, inputs.interrupt.clone());
    meter.spend(0)?;
    let mut rendering = Rendering {
        now: inputs.now.clone(),
        scopes: Scopes::new(),
        out: vec![TextBuilder::new(&meter)?],
        namespaces: Vec::new(),
        output_bytes_max: limits::OUTPUT_BYTES_MAX.saturating_add(input_bytes.saturating_mul(4)),
        meter,
    };
    for (name, data) in &inputs.variables {
        let value = data.value(&rendering.meter)?;
        rendering.scopes.set_input(name.as_str().into(), value);
    }
    rendering.execute(body)?;
    let (text, input) = match rendering.out.pop() {
        Some(out) => out.into_parts(),
        None => (String::new(), Vec::new()),
    };
    Ok(Rendered { text, input })
}

impl Rendering {
    /// The builder that is written to.
    fn out(&mut self) -> Result<&mut TextBuilder, TemplateError> {
        // The first one is there as long as the rendering.
        self.out
            .last_mut()
            .ok_or_else(|| Fault::OutputTooLong.into())
    }

    fn check_output(&mut self) -> Result<(), TemplateError> {
        let written = self.out.first().map_or(0, TextBuilder::len);
        if written > self.output_bytes_max {
            return Err(Fault::OutputTooLong.into());
        }
        Ok(())
    }

    /// What `run` writes, as a text of its own.
    fn captured(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<(), TemplateError>,
    ) -> Result<Text, TemplateError> {
        let builder = TextBuilder::new(&self.meter)?;
        self.out.push(builder);
        let ran = run(self);
        let written = self.out.pop();
        ran?;
        match written {
            Some(written) => Ok(written.finish()),
            None => Err(Fault::OutputTooLong.into()),
        }
    }

    pub(crate) fn new_namespace(
        &mut self,
        names: Vec<(Name, Value)>,
    ) -> Result<Value, TemplateError> {
        let charge = Charge::take(&self.meter, NAME_BYTES * (1 + names.len()))?;
        self.namespaces.push(Namespace { names, charge });
        Ok(Value::Namespace(self.namespaces.len() - 1))
    }

    pub(crate) fn namespace_value(&self, namespace: usize, name: &str) -> Option<Value> {
        let names = &self.namespaces.get(namespace)?.names;
        let found = names.iter().find(|(known, _)| &**known == name);
        found.map(|(_, value)| value.clone())
    }

    fn set_namespace_value(
        &mut self,
        namespace: usize,
        name: &Name,
        value: Value,
    ) -> Result<(), TemplateError> {
        let Some(namespace) = self.namespaces.get_mut(namespace) else {
            return Ok(());
        };
        self.meter.spend(namespace.names.len() as u64 / 8)?;
        match namespace.names.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => {
                namespace.charge.grow(NAME_BYTES)?;
                namespace.names.push((name.clone(), value));
            }
        }
        Ok(())
    }
}
