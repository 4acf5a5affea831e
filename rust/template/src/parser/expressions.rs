//! Expressions, from the weakest binding to the strongest.

use crate::ast::{Comparison, Expression, ExpressionKind, Operator, Step};
use crate::error::TemplateError;
use crate::lexer::Token;

use super::Parser;

impl Parser {
    /// One expression, or several with commas between them. `conditional` where
    /// `a if b else c` may stand.
    pub(super) fn tuple(&mut self, conditional: bool) -> Result<Expression, TemplateError> {
        let line = self.line();
        let mut items = Vec::new();
        loop {
            if self.ends_tuple() || !items.is_empty() && self.is_name("recursive") {
                break;
            }
            items.push(match conditional {
                true => self.expression()?,
                false => self.nested(Self::or)?,
            });
            if !self.skip_sign(",") {
                match items.pop() {
                    Some(only) if items.is_empty() => return Ok(only),
                    last => items.extend(last),
                }
                break;
            }
        }
        if items.is_empty() {
            return Err(self.fail(format!("expected a value, found {}", self.found())));
        }
        let kind = ExpressionKind::Tuple(items);
        Ok(Expression { line, kind })
    }

    fn ends_tuple(&self) -> bool {
        matches!(
            self.peek(),
            None | Some(Token::ExpressionEnd | Token::BlockEnd)
        ) || self.is_sign(")")
    }

    pub(super) fn expression(&mut self) -> Result<Expression, TemplateError> {
        self.nested(Self::conditional)
    }

    /// `a if b else c if d else e`.
    fn conditional(&mut self) -> Result<Expression, TemplateError> {
        let line = self.line();
        let mut value = self.or()?;
        let mut branches = Vec::new();
        while self.skip_name("if") {
            let condition = self.or()?;
            if !self.skip_name("else") {
                branches.push((condition, value));
                let kind = ExpressionKind::Conditional(branches, None);
                let whole = Expression { line, kind };
                if self.is_name("if") {
                    return Err(self.fail("a second `if` without an `else` needs parentheses"));
                }
                return Ok(whole);
            }
            branches.push((condition, value));
            value = self.or()?;
        }
        if branches.is_empty() {
            return Ok(value);
        }
        let kind = ExpressionKind::Conditional(branches, Some(Box::new(value)));
        Ok(Expression { line, kind })
    }

    fn or(&mut self) -> Result<Expression, TemplateError> {
        self.chain(
            |parser| parser.skip_name("or"),
            Self::and,
            ExpressionKind::Or,
        )
    }

    fn and(&mut self) -> Result<Expression, TemplateError> {
        self.chain(
            |parser| parser.skip_name("and"),
            Self::not,
            ExpressionKind::And,
        )
    }

    fn concat(&mut self) -> Result<Expression, TemplateError> {
        self.chain(
            |parser| parser.skip_sign("~"),
            Self::product,
            ExpressionKind::Concat,
        )
    }

    fn chain(
        &mut self,
        joined: impl Fn(&mut Self) -> bool,
        operand: impl Fn(&mut Self) -> Result<Expression, TemplateError>,
        kind: impl FnOnce(Vec<Expression>) -> ExpressionKind,
    ) -> Result<Expression, TemplateError> {
        let line = self.line();
        let first = operand(self)?;
        if !joined(self) {
            return Ok(first);
        }
        let mut operands = vec![first, operand(self)?];
        while joined(self) {
            operands.push(operand(self)?);
        }
        let kind = kind(operands);
        Ok(Expression { line, kind })
    }

    fn not(&mut self) -> Result<Expression, TemplateError> {
        let line = self.line();
        let mut times = 0;
        while self.skip_name("not") {
            times += 1;
        }
        let value = self.comparison()?;
        if times == 0 {
            return Ok(value);
        }
        let kind = ExpressionKind::Not(times, Box::new(value));
        Ok(Expression { line, kind })
    }

    fn comparison(&mut self) -> Result<Expression, TemplateError> {
        let line = self.line();
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_operator() {
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let kind = ExpressionKind::Compare(Box::new(first), rest);
        Ok(Expression { line, kind })
    }

    fn comparison_operator(&mut self) -> Option<Comparison> {
        let comparison = match self.peek()? {
            Token::Sign("==") => Comparison::Equal,
            Token::Sign("!=") => Comparison::NotEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            Token::Name(name) if name == "in" => Comparison::In,
            Token::Name(name)
                if name == "not"
                    && matches!(self.peek_after(), Some(Token::Name(next)) if next == "in") =>
            {
                self.skip();
                Comparison::NotIn
            }
            _ => return None,
        };
        self.skip();
        Some(comparison)
    }

    fn sum(&mut self) -> Result<Expression, TemplateError> {
        let operator = |token: &Token| match token {
            Token::Sign("+") => Some(Operator::Add),
            Token::Sign("-") => Some(Operator::Subtract),
            _ => None,
        };
        self.arithmetic(operator, Self::concat)
    }

    fn product(&mut self) -> Result<Expression, TemplateError> {
        let operator = |token: &Token| match token {
            Token::Sign("*") => Some(Operator::Multiply),
            Token::Sign("/") => Some(Operator::Divide),
            Token::Sign("//") => Some(Operator::FloorDivide),
            Token::Sign("%") => Some(Operator::Remainder),
            _ => None,
        };
        self.arithmetic(operator, Self::power)
    }

    fn power(&mut self) -> Result<Expression, TemplateError> {
        let operator = |token: &Token| match token {
            Token::Sign("**") => Some(Operator::Power),
            _ => None,
        };
        self.arithmetic(operator, |parser| parser.unary(true))
    }

    fn arithmetic(
        &mut self,
        operator: impl Fn(&Token) -> Option<Operator>,
        operand: impl Fn(&mut Self) -> Result<Expression, TemplateError>,
    ) -> Result<Expression, TemplateError> {
        let line = self.line();
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.peek().and_then(&operator) {
            self.skip();
            rest.push((operator, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let kind = ExpressionKind::Arithmetic(Box::new(first), rest);
        Ok(Expression { line, kind })
    }

    /// A signed value with what follows it; without filters and tests inside of a sign.
    fn unary(&mut self, with_filters: bool) -> Result<Expression, TemplateError> {
        let line = self.line();
        let value = if self.skip_sign("-") {
            let value = Box::new(self.nested(|parser| parser.unary(false))?);
            let kind = ExpressionKind::Negative(value);
            Expression { line, kind }
        } else if self.skip_sign("+") {
            let value = Box::new(self.nested(|parser| parser.unary(false))?);
            let kind = ExpressionKind::Positive(value);
            Expression { line, kind }
        } else {
            self.primary()?
        };
        let mut steps = Vec::new();
        while let Some(step) = self.postfix()? {
            steps.push(step);
        }
        while with_filters && let Some(step) = self.filter_or_test()? {
            steps.push(step);
        }
        Ok(with_steps(value, steps))
    }

    pub(super) fn primary(&mut self) -> Result<Expression, TemplateError> {
        let line = self.line();
        let kind = match self.peek() {
            Some(Token::Name(name)) => {
                let kind = match name.as_str() {
                    "true" | "True" => ExpressionKind::Bool(true),
                    "false" | "False" => ExpressionKind::Bool(false),
                    "none" | "None" => ExpressionKind::None,
                    name => ExpressionKind::Name(name.into()),
                };
                self.note_use();
                self.skip();
                kind
            }
            Some(Token::Text(_)) => ExpressionKind::Text(self.texts()),
            Some(Token::Int(number)) => {
                let kind = ExpressionKind::Int(*number);
                self.skip();
                kind
            }
            Some(Token::Float(number)) => {
                let kind = ExpressionKind::Float(*number);
                self.skip();
                kind
            }
            Some(Token::Sign("(")) => {
                self.skip();
                let inner = match self.is_sign(")") {
                    true => Expression {
                        line,
                        kind: ExpressionKind::Tuple(Vec::new()),
                    },
                    false => self.tuple(true)?,
                };
                self.expect_sign(")")?;
                return Ok(inner);
            }
            Some(Token::Sign("[")) => ExpressionKind::List(self.list()?),
            Some(Token::Sign("{")) => ExpressionKind::Dict(self.dict()?),
            _ => return Err(self.fail(format!("expected a value, found {}", self.found()))),
        };
        Ok(Expression { line, kind })
    }

    /// Remembers that a macro names one of its own variables.
    fn note_use(&mut self) {
        match self.tokens.get(self.at).map(|spanned| &spanned.token) {
            Some(Token::Name(name)) if name == "varargs" => self.uses.varargs = true,
            Some(Token::Name(name)) if name == "kwargs" => self.uses.kwargs = true,
            Some(Token::Name(name)) if name == "caller" => self.uses.caller = true,
            _ => {}
        }
    }

    /// Text literals side by side are one.
    fn texts(&mut self) -> String {
        let mut whole = String::new();
        while let Some(Token::Text(text)) = self.peek() {
            whole.push_str(text);
            self.skip();
        }
        whole
    }

    fn list(&mut self) -> Result<Vec<Expression>, TemplateError> {
        self.expect_sign("[")?;
        let mut items = Vec::new();
        while !self.is_sign("]") {
            if !items.is_empty() {
                self.expect_sign(",")?;
            }
            if self.is_sign("]") {
                break;
            }
            items.push(self.expression()?);
        }
        self.expect_sign("]")?;
        Ok(items)
    }

    fn dict(&mut self) -> Result<Vec<(Expression, Expression)>, TemplateError> {
        self.expect_sign("{")?;
        let mut pairs = Vec::new();
        while !self.is_sign("}") {
            if !pairs.is_empty() {
                self.expect_sign(",")?;
            }
            if self.is_sign("}") {
                break;
            }
            let key = self.expression()?;
            self.expect_sign(":")?;
            pairs.push((key, self.expression()?));
        }
        self.expect_sign("}")?;
        Ok(pairs)
    }
}

pub(super) fn with_steps(value: Expression, steps: Vec<Step>) -> Expression {
    if steps.is_empty() {
        return value;
    }
    Expression {
        line: value.line,
        kind: ExpressionKind::Postfix(Box::new(value), steps),
    }
}
