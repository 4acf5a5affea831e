//! The HTML around it all. Every value is escaped but the drawings, which hold nothing
//! that a file says.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use pocketune_base::steers;
use serde::Serialize;

use super::chart::Picture;
use super::input::Sample;
use super::metrics::{Row, SampleRatio};
use super::{reward, verdict};
use crate::error::ReportError;

const TEMPLATE: &str = include_str!("page.html.jinja");
const STYLE: &str = include_str!("page.css");

/// What exactly was tested, and by what.
#[derive(Debug, Serialize)]
pub(super) struct Digests {
    pub(super) rows: Vec<(String, String)>,
}

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
    pub(super) fn render(&self) -> Result<String, ReportError> {
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        let mut environment = Environment::new();
        environment.set_syntax(syntax?);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let values = context! { style => STYLE, ..Value::from(Serde(self)) };
        let page = environment.render_named_str("page.html", TEMPLATE, values);
        // Whatever of it comes from a file.
        Ok(replaced(&page?))
    }
}

/// Text for a page, where a browser shows nothing for what steers.
fn replaced(text: &str) -> String {
    let passes = |c: char| !steers(c) || matches!(c, '\n' | '\t');
    let each = text.chars();
    each.map(|c| {
        if passes(c) {
            c
        } else {
            char::REPLACEMENT_CHARACTER
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn what_steers_is_replaced() {
        let text = "a\x1b[2Jb\tc\n\u{202e}";
        assert_eq!(replaced(text), "a\u{fffd}[2Jb\tc\n\u{fffd}");
    }
}
