//! Tokens to statements, as Jinja reads them.

mod expressions;
mod postfix;
mod statements;

use crate::ast::{Body, Macro};
use crate::error::{Fault, TemplateError};
use crate::lexer::{Spanned, Token, tokenize};
use crate::limits;

/// The statements of `source`.
pub(crate) fn parse(source: &str) -> Result<Body, TemplateError> {
    if source.len() > limits::SOURCE_BYTES_MAX {
        let bytes = source.len();
        return Err(Fault::SourceTooLong { bytes }.into());
    }
    let mut parser = Parser {
        tokens: tokenize(source)?,
        at: 0,
        nesting: 0,
        loops: 0,
        uses: Uses::default(),
    };
    let (body, end) = parser.body(&[])?;
    match end {
        None => Ok(body),
        Some(tag) => Err(parser.fail(format!("unexpected tag `{tag}`"))),
    }
}

struct Parser {
    tokens: Vec<Spanned>,
    at: usize,
    nesting: usize,
    // Loops around, inside of the macro or block that is parsed.
    loops: usize,
    uses: Uses,
}

/// Which of a macro's own variables its body names.
#[derive(Default)]
struct Uses {
    varargs: bool,
    kwargs: bool,
    caller: bool,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    fn peek_after(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1).map(|spanned| &spanned.token)
    }

    fn line(&self) -> u32 {
        let spanned = self.tokens.get(self.at).or_else(|| self.tokens.last());
        spanned.map_or(1, |spanned| spanned.line)
    }

    fn skip(&mut self) {
        self.at += 1;
    }

    fn fail(&self, reason: impl Into<String>) -> TemplateError {
        Fault::syntax(reason).at(self.line())
    }

    /// Counts one level of nesting around `parse`.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        self.nesting += 1;
        if self.nesting > limits::NESTING_MAX {
            return Err(Fault::NestedTooDeep.at(self.line()));
        }
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == name)
    }

    fn skip_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), TemplateError> {
        if self.skip_sign(sign) {
            return Ok(());
        }
        Err(self.fail(format!("expected `{sign}`, found {}", self.found())))
    }

    fn expect(&mut self, token: &Token) -> Result<(), TemplateError> {
        if self.peek() == Some(token) {
            self.skip();
            return Ok(());
        }
        let wanted = match token {
            Token::BlockEnd => "`%}`",
            _ => "`}}`",
        };
        Err(self.fail(format!("expected {wanted}, found {}", self.found())))
    }

    fn expect_name(&mut self) -> Result<String, TemplateError> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.skip();
                Ok(name)
            }
            _ => Err(self.fail(format!("expected a name, found {}", self.found()))),
        }
    }

    /// The next token, for an error.
    fn found(&self) -> String {
        match self.peek() {
            None => "the end of the template".to_owned(),
            Some(Token::Data(_)) => "text".to_owned(),
            Some(Token::ExpressionStart) => "`{{`".to_owned(),
            Some(Token::ExpressionEnd) => "`}}`".to_owned(),
            Some(Token::BlockStart) => "`{%`".to_owned(),
            Some(Token::BlockEnd) => "`%}`".to_owned(),
            Some(Token::Name(name)) => format!("`{}`", crate::error::shortened(name)),
            Some(Token::Text(_)) => "a text".to_owned(),
            Some(Token::Int(_) | Token::Float(_)) => "a number".to_owned(),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        }
    }

    /// Parses a macro's body and says which of its own variables it names.
    fn macro_body(&mut self, end: &'static str) -> Result<(Body, bool, bool, bool), TemplateError> {
        let outer = std::mem::take(&mut self.uses);
        let body = self.body_outside_loops(end)?;
        let Uses {
            varargs,
            kwargs,
            caller,
        } = std::mem::replace(&mut self.uses, outer);
        Ok((body, varargs, kwargs, caller))
    }

    fn finish_macro(
        &mut self,
        name: &str,
        parameters: Vec<crate::ast::Parameter>,
        end: &'static str,
    ) -> Result<std::sync::Arc<Macro>, TemplateError> {
        let (body, takes_varargs, takes_kwargs, takes_caller) = self.macro_body(end)?;
        Ok(std::sync::Arc::new(Macro {
            name: name.into(),
            parameters,
            body,
            takes_varargs,
            takes_kwargs,
            takes_caller,
        }))
    }
}
