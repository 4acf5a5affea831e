//! Statements: `if`, `for`, `set`, `macro` and their kin.

use std::sync::Arc;

use crate::ast::{
    Body, Expression, ExpressionKind, For, Parameter, Statement, StatementKind, Step, StepKind,
    Target,
};
use crate::error::{Fault, TemplateError};
use crate::lexer::Token;

use super::Parser;

impl Parser {
    /// Statements up to one of the tags `ends`, which is taken, or the end of the source.
    pub(super) fn body(
        &mut self,
        ends: &[&'static str],
    ) -> Result<(Body, Option<&'static str>), TemplateError> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            let kind = match self.peek() {
                None => return Ok((body, None)),
                Some(Token::Data(data)) => {
                    let data = data.clone();
                    self.skip();
                    StatementKind::Data(data)
                }
                Some(Token::ExpressionStart) => {
                    self.skip();
                    let value = self.tuple(true)?;
                    self.expect(&Token::ExpressionEnd)?;
                    StatementKind::Output(vec![value])
                }
                _ => {
                    self.skip();
                    let tag = self.expect_name()?;
                    if let Some(end) = ends.iter().find(|end| **end == tag) {
                        return Ok((body, Some(end)));
                    }
                    let kind = self.nested(|parser| parser.statement(&tag))?;
                    self.expect(&Token::BlockEnd)?;
                    kind
                }
            };
            body.push(Statement { line, kind });
        }
    }

    /// The statements after this tag up to the tag `end`, whose end is left.
    pub(super) fn body_to(&mut self, end: &'static str) -> Result<Body, TemplateError> {
        let (body, _) = self.branch(&[end])?;
        Ok(body)
    }

    /// As [`Self::body_to`], of a body that no loop around it can be left from.
    pub(super) fn body_outside_loops(&mut self, end: &'static str) -> Result<Body, TemplateError> {
        let loops = std::mem::take(&mut self.loops);
        let body = self.body_to(end)?;
        self.loops = loops;
        Ok(body)
    }

    fn branch(&mut self, ends: &[&'static str]) -> Result<(Body, &'static str), TemplateError> {
        self.skip_sign(":");
        self.expect(&Token::BlockEnd)?;
        let (body, end) = self.body(ends)?;
        match end {
            Some(end) => Ok((body, end)),
            None => Err(self.fail(format!(
                "the template ends where `{}` is expected",
                ends.join("` or `")
            ))),
        }
    }

    fn statement(&mut self, tag: &str) -> Result<StatementKind, TemplateError> {
        match tag {
            "if" => self.if_statement(),
            "for" => self.for_statement(),
            "set" => self.set_statement(),
            "macro" => self.macro_statement(),
            "call" => self.call_statement(),
            "filter" => self.filter_statement(),
            "with" => self.with_statement(),
            "print" => self.print_statement(),
            "break" | "continue" if self.loops == 0 => {
                Err(self.fail(format!("`{tag}` stands outside of a loop")))
            }
            "break" => Ok(StatementKind::Break),
            "continue" => Ok(StatementKind::Continue),
            "generation" => self
                .body_outside_loops("endgeneration")
                .map(StatementKind::Scope),
            "autoescape" => self.autoescape_statement(),
            "block" => self.block_statement(),
            "include" | "import" | "from" | "extends" => Err(self.fail(format!(
                "`{tag}` needs another template, and a chat template stands alone"
            ))),
            _ => Err(Fault::unknown("tag", tag).at(self.line())),
        }
    }

    fn if_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(false)?;
            let (body, end) = self.branch(&["elif", "else", "endif"])?;
            branches.push((condition, body));
            let otherwise = match end {
                "elif" => continue,
                "else" => self.body_to("endif")?,
                _ => Vec::new(),
            };
            return Ok(StatementKind::If {
                branches,
                otherwise,
            });
        }
    }

    fn for_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let target = self.target(false)?;
        if !self.skip_name("in") {
            return Err(self.fail(format!("expected `in`, found {}", self.found())));
        }
        let items = self.tuple(false)?;
        let condition = match self.skip_name("if") {
            true => Some(self.expression()?),
            false => None,
        };
        if matches!(&target, Target::Name(name) if &**name == "loop") {
            return Err(self.fail("`loop` cannot be assigned to by `for`"));
        }
        let recursive = self.skip_name("recursive");
        self.loops += 1;
        let (body, end) = self.branch(&["else", "endfor"])?;
        self.loops -= 1;
        let otherwise = match end {
            "else" => self.body_to("endfor")?,
            _ => Vec::new(),
        };
        Ok(StatementKind::For(Arc::new(For {
            target,
            items,
            condition,
            recursive,
            body,
            otherwise,
        })))
    }

    fn set_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let target = self.target(true)?;
        if self.skip_sign("=") {
            let value = self.tuple(true)?;
            return Ok(StatementKind::Set { target, value });
        }
        let filters = self.filters(false)?;
        let body = self.body_to("endset")?;
        Ok(StatementKind::SetBlock {
            target,
            filters,
            body,
        })
    }

    fn macro_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let name = self.expect_name()?;
        let parameters = self.parameters()?;
        let parsed = self.finish_macro(&name, parameters, "endmacro")?;
        Ok(StatementKind::Macro(parsed))
    }

    fn call_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let parameters = match self.is_sign("(") {
            true => self.parameters()?,
            false => Vec::new(),
        };
        let call = self.expression()?;
        if !is_call(&call) {
            return Err(self.fail("`call` expects a call of a macro"));
        }
        let caller = self.finish_macro("caller", parameters, "endcall")?;
        Ok(StatementKind::Call { call, caller })
    }

    fn parameters(&mut self) -> Result<Vec<Parameter>, TemplateError> {
        self.expect_sign("(")?;
        let mut parameters: Vec<Parameter> = Vec::new();
        while !self.is_sign(")") {
            if !parameters.is_empty() {
                self.expect_sign(",")?;
            }
            let name = self.expect_name()?.into();
            let default = match self.skip_sign("=") {
                true => Some(self.expression()?),
                false => None,
            };
            let optional = parameters.last().is_some_and(|last| last.default.is_some());
            if default.is_none() && optional {
                return Err(self.fail("a parameter without a default follows one with a default"));
            }
            if parameters.iter().any(|known| known.name == name) {
                return Err(self.fail("two parameters have the same name"));
            }
            parameters.push(Parameter { name, default });
        }
        self.expect_sign(")")?;
        Ok(parameters)
    }

    fn filter_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let filters = self.filters(true)?;
        let body = self.body_to("endfilter")?;
        Ok(StatementKind::Filter { filters, body })
    }

    /// `| filter` so many times; `inline` where the first has no bar in front of it.
    fn filters(&mut self, inline: bool) -> Result<Vec<Step>, TemplateError> {
        let mut filters = Vec::new();
        let mut without_bar = inline;
        while without_bar || self.is_sign("|") {
            if !without_bar {
                self.skip();
            }
            without_bar = false;
            filters.push(self.filter()?);
        }
        Ok(filters)
    }

    fn with_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let mut bindings = Vec::new();
        while !matches!(self.peek(), None | Some(Token::BlockEnd)) && !self.is_sign(":") {
            if !bindings.is_empty() {
                self.expect_sign(",")?;
            }
            let name = Target::Name(self.expect_name()?.into());
            self.expect_sign("=")?;
            bindings.push((name, self.expression()?));
        }
        let body = self.body_to("endwith")?;
        Ok(StatementKind::With { bindings, body })
    }

    fn print_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let mut values = Vec::new();
        while !matches!(self.peek(), None | Some(Token::BlockEnd)) {
            if !values.is_empty() {
                self.expect_sign(",")?;
            }
            values.push(self.expression()?);
        }
        Ok(StatementKind::Output(values))
    }

    fn autoescape_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let off = self.expression()?;
        if !matches!(off.kind, ExpressionKind::Bool(false)) {
            return Err(
                self.fail("chat templates are never escaped: only `autoescape false` works")
            );
        }
        Ok(StatementKind::Scope(self.body_to("endautoescape")?))
    }

    /// A named block: without another template that extends this one, it is its own body.
    fn block_statement(&mut self) -> Result<StatementKind, TemplateError> {
        let name = self.expect_name()?;
        while self.skip_name("scoped") || self.skip_name("required") {}
        let body = self.body_to("endblock")?;
        self.skip_name(&name);
        Ok(StatementKind::Scope(body))
    }

    /// What a value is assigned to; `attributes` where that may be one of a namespace.
    pub(super) fn target(&mut self, attributes: bool) -> Result<Target, TemplateError> {
        let first = self.single_target(attributes)?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.skip_sign(",") {
            if self.is_name("in") || self.is_sign("=") || self.is_sign(")") {
                break;
            }
            targets.push(self.single_target(attributes)?);
        }
        Ok(Target::Tuple(targets))
    }

    fn single_target(&mut self, attributes: bool) -> Result<Target, TemplateError> {
        if self.skip_sign("(") {
            let target = self.nested(|parser| parser.target(attributes))?;
            self.expect_sign(")")?;
            return Ok(target);
        }
        let name = self.expect_name()?;
        if matches!(
            name.as_str(),
            "true" | "True" | "false" | "False" | "none" | "None"
        ) {
            return Err(self.fail(format!("`{name}` cannot be assigned to")));
        }
        if attributes && self.skip_sign(".") {
            return Ok(Target::Attribute(name.into(), self.expect_name()?.into()));
        }
        Ok(Target::Name(name.into()))
    }
}

fn is_call(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Postfix(_, steps) => {
            matches!(steps.last().map(|step| &step.kind), Some(StepKind::Call(_)))
        }
        _ => false,
    }
}
