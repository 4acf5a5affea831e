//! A parsed template. Chains are flat, so that only true nesting makes it deep.

use std::sync::Arc;

pub(crate) type Name = Arc<str>;
pub(crate) type Body = Vec<Statement>;

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) line: u32,
    pub(crate) kind: StatementKind,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Data(String),
    Output(Vec<Expression>),
    If {
        branches: Vec<(Expression, Body)>,
        otherwise: Body,
    },
    For(Arc<For>),
    Set {
        target: Target,
        value: Expression,
    },
    SetBlock {
        target: Target,
        filters: Vec<Step>,
        body: Body,
    },
    Macro(Arc<Macro>),
    Call {
        call: Expression,
        caller: Arc<Macro>,
    },
    Filter {
        filters: Vec<Step>,
        body: Body,
    },
    With {
        bindings: Vec<(Target, Expression)>,
        body: Body,
    },
    /// A block whose names end with it: `generation`, `block`, `autoescape false`.
    Scope(Body),
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) items: Expression,
    pub(crate) condition: Option<Expression>,
    pub(crate) recursive: bool,
    pub(crate) body: Body,
    pub(crate) otherwise: Body,
}

/// A macro, or the body of a `call` block.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) name: Name,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Body,
    pub(crate) takes_varargs: bool,
    pub(crate) takes_kwargs: bool,
    pub(crate) takes_caller: bool,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Name,
    pub(crate) default: Option<Expression>,
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    Name(Name),
    Tuple(Vec<Target>),
    /// An attribute of a namespace.
    Attribute(Name, Name),
}

#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) line: u32,
    pub(crate) kind: ExpressionKind,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(Name),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    /// `not`, so many times.
    Not(u32, Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    /// Operators of one precedence, from left to right.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    Concat(Vec<Expression>),
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// `value if condition`, one after the other, and what is left.
    Conditional(Vec<(Expression, Expression)>, Option<Box<Expression>>),
    Postfix(Box<Expression>, Vec<Step>),
}

/// What follows a value.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: u32,
    pub(crate) kind: StepKind,
}

#[derive(Debug)]
pub(crate) enum StepKind {
    /// `.name`: an attribute, then an item.
    Attribute(Name),
    /// `['name']`: an item, then an attribute.
    Key(Name),
    Item(Expression),
    Slice([Option<Expression>; 3]),
    Call(Arguments),
    Filter(Name, Arguments),
    Test {
        name: Name,
        arguments: Arguments,
        negated: bool,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) positional: Vec<Expression>,
    pub(crate) keyword: Vec<(Name, Expression)>,
    /// `*expression`.
    pub(crate) more_positional: Option<Box<Expression>>,
    /// `**expression`.
    pub(crate) more_keyword: Option<Box<Expression>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}
