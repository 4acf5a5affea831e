//! What follows a value: attributes, indices, calls, filters and tests.

use crate::ast::{Arguments, Expression, ExpressionKind, Step, StepKind};
use crate::error::TemplateError;
use crate::lexer::Token;

use super::Parser;
use super::expressions::with_steps;

impl Parser {
    /// An attribute, an index or a call.
    pub(super) fn postfix(&mut self) -> Result<Option<Step>, TemplateError> {
        let line = self.line();
        let kind = if self.skip_sign(".") {
            match self.peek() {
                Some(Token::Int(index)) => {
                    let kind = ExpressionKind::Int(*index);
                    self.skip();
                    StepKind::Item(Expression { line, kind })
                }
                _ => StepKind::Attribute(self.expect_name()?.into()),
            }
        } else if self.skip_sign("[") {
            let kind = self.subscript()?;
            self.expect_sign("]")?;
            kind
        } else if self.is_sign("(") {
            StepKind::Call(self.arguments()?)
        } else {
            return Ok(None);
        };
        Ok(Some(Step { line, kind }))
    }

    fn subscript(&mut self) -> Result<StepKind, TemplateError> {
        let mut parts = [None, None, None];
        let mut colons = 0;
        for part in &mut parts {
            if !self.is_sign(":") && !self.is_sign("]") {
                *part = Some(self.expression()?);
            }
            if colons == 2 || !self.skip_sign(":") {
                break;
            }
            colons += 1;
        }
        match (colons, parts) {
            (0, [Some(index), ..]) => Ok(match index.kind {
                ExpressionKind::Text(name) => StepKind::Key(name.into()),
                _ => StepKind::Item(index),
            }),
            (0, _) => Err(self.fail("an index is missing")),
            (_, parts) => Ok(StepKind::Slice(parts)),
        }
    }

    pub(super) fn filter_or_test(&mut self) -> Result<Option<Step>, TemplateError> {
        let line = self.line();
        if self.skip_sign("|") {
            return self.filter().map(Some);
        }
        if self.skip_name("is") {
            let kind = self.test()?;
            return Ok(Some(Step { line, kind }));
        }
        if self.is_sign("(") {
            let kind = StepKind::Call(self.arguments()?);
            return Ok(Some(Step { line, kind }));
        }
        Ok(None)
    }

    pub(super) fn filter(&mut self) -> Result<Step, TemplateError> {
        let line = self.line();
        let name = self.dotted_name()?;
        let arguments = match self.is_sign("(") {
            true => self.arguments()?,
            false => Arguments::default(),
        };
        let kind = StepKind::Filter(name.into(), arguments);
        Ok(Step { line, kind })
    }

    fn test(&mut self) -> Result<StepKind, TemplateError> {
        let kind = self.single_test()?;
        if self.is_name("is") {
            return Err(self.fail("a test of a test needs parentheses"));
        }
        Ok(kind)
    }

    fn single_test(&mut self) -> Result<StepKind, TemplateError> {
        let negated = self.skip_name("not");
        let name = self.dotted_name()?.into();
        let mut arguments = Arguments::default();
        if self.is_sign("(") {
            arguments = self.arguments()?;
        } else if self.begins_test_argument() {
            let value = self.primary()?;
            let mut steps = Vec::new();
            while let Some(step) = self.postfix()? {
                steps.push(step);
            }
            arguments.positional.push(with_steps(value, steps));
        }
        Ok(StepKind::Test {
            name,
            arguments,
            negated,
        })
    }

    /// Whether an argument of a test follows without parentheses.
    fn begins_test_argument(&self) -> bool {
        match self.peek() {
            Some(Token::Name(name)) => !matches!(
                name.as_str(),
                "else" | "or" | "and" | "is" | "if" | "in" | "not"
            ),
            Some(Token::Text(_) | Token::Int(_) | Token::Float(_)) => true,
            Some(Token::Sign(sign)) => matches!(*sign, "[" | "{"),
            _ => false,
        }
    }

    fn dotted_name(&mut self) -> Result<String, TemplateError> {
        let mut name = self.expect_name()?;
        while self.skip_sign(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(name)
    }

    fn arguments(&mut self) -> Result<Arguments, TemplateError> {
        self.expect_sign("(")?;
        let mut arguments = Arguments::default();
        let mut first = true;
        while !self.is_sign(")") {
            if !first {
                self.expect_sign(",")?;
                if self.is_sign(")") {
                    break;
                }
            }
            first = false;
            self.argument(&mut arguments)?;
        }
        self.expect_sign(")")?;
        Ok(arguments)
    }

    fn argument(&mut self, arguments: &mut Arguments) -> Result<(), TemplateError> {
        let keyword = matches!(self.peek_after(), Some(Token::Sign("=")));
        let closed = arguments.more_keyword.is_some();
        let after_keywords = closed || arguments.more_positional.is_some();
        if self.skip_sign("*") {
            if after_keywords {
                return Err(self.fail("`*` stands only once, before `**`"));
            }
            arguments.more_positional = Some(Box::new(self.expression()?));
        } else if self.skip_sign("**") {
            if closed {
                return Err(self.fail("`**` stands only once"));
            }
            arguments.more_keyword = Some(Box::new(self.expression()?));
        } else if keyword {
            if closed {
                return Err(self.fail("nothing stands after `**`"));
            }
            let name = self.expect_name()?.into();
            self.skip();
            arguments.keyword.push((name, self.expression()?));
        } else {
            if after_keywords || !arguments.keyword.is_empty() {
                return Err(self.fail("an argument without a name follows one with a name"));
            }
            arguments.positional.push(self.expression()?);
        }
        Ok(())
    }
}
