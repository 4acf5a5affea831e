//! What the tests against transformers' renderer share.

use std::fs;
use std::path::Path;

use jiff::civil::date;
use pocketune_template::{ChatTemplate, Data, Inputs, Origin, Rendered};
use serde_json::{Map, Value as Json};

/// Renders at the time at which the generators stopped the clock. Errors as text.
pub(crate) fn render(
    source: &str,
    variables: &Map<String, Json>,
    origin: Origin,
) -> Result<Rendered, String> {
    let template = ChatTemplate::compile(source).map_err(|error| error.to_string())?;
    let noon = date(2026, 1, 15).at(12, 0, 0, 0).in_tz("UTC").unwrap();
    let mut inputs = Inputs::new().now(noon);
    for (name, value) in variables {
        let value = Data::from_json(value, origin).map_err(|error| error.to_string())?;
        inputs = inputs.set(name, value);
    }
    let rendered = template
        .render(&inputs)
        .map_err(|error| error.to_string())?;
    check_ranges(&rendered);
    Ok(rendered)
}

/// Ranges of input are sorted, apart from each other, not empty, and cut no character.
fn check_ranges(rendered: &Rendered) {
    let mut end = 0;
    for range in &rendered.input {
        assert!(
            end <= range.start && range.start < range.end,
            "{rendered:?}"
        );
        assert!(rendered.text.get(range.clone()).is_some(), "{rendered:?}");
        end = range.end;
    }
}

/// A file of JSON.
pub(crate) fn read_json(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Panics with the differences that were found, and how many there are.
pub(crate) fn report(cases: usize, failures: &[String]) {
    const SHOWN: usize = 50;
    assert!(cases > 0, "no case was tried");
    let shown = failures.iter().take(SHOWN).map(String::as_str);
    assert!(
        failures.is_empty(),
        "{} of {cases} cases differ from transformers:\n{}",
        failures.len(),
        shown.collect::<Vec<_>>().join("\n")
    );
}
