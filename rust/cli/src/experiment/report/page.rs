//! The HTML around it all. Every value is escaped but the drawings, which hold nothing
//! that a file says.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::chart::Picture;
use super::digests::Digests;
use super::metrics::{Row, SampleRatio};
use super::samples::Sample;
use super::{reward, verdict};
use crate::error::CliError;
use crate::output::replaced;

const TEMPLATE: &str = include_str!("page.html.jinja");
const STYLE: &str = include_str!("page.css");

#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) verdict: verdict::View,
    pub(super) sequence: Option<Picture>,
    pub(super) has_ledgers: bool,
    pub(super) summaries: usize,
    /// Whether it is about people, each of whom counts once.
    pub(super) people: bool,
    /// Files that did not count, and why.
    pub(super) passed_over: Vec<(String, String)>,
    pub(super) metrics: Vec<Row>,
    pub(super) forest: Picture,
    pub(super) sample_ratio: SampleRatio,
    pub(super) reward: Option<reward::View>,
    pub(super) samples: Option<Vec<Sample>>,
    pub(super) digests: Digests,
    pub(super) version: &'static str,
    pub(super) at: String,
}

impl Page {
    pub(super) fn render(&self) -> Result<String, CliError> {
        let failed = |error: minijinja::Error| CliError::Report(error.into());
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        let mut environment = Environment::new();
        environment.set_syntax(syntax.map_err(failed)?);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let values = context! { style => STYLE, ..Value::from(Serde(self)) };
        let page = environment.render_named_str("page.html", TEMPLATE, values);
        // Whatever of it comes from a file.
        page.map(|page| replaced(&page)).map_err(failed)
    }
}
