//! Snippets of Jinja, rendered as transformers renders them.
//!
//! The expected texts and errors are from `tests/reference/jinja_language.py`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod glue;

use std::path::Path;

use glue::{read_json, render, report};
use pocketune_template::{Origin, Rendered};
use serde_json::{Map, Value as Json};

struct Corpus(Json);

impl Corpus {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self(read_json(&folder.join("tests/language/cases.json")))
    }

    fn cases(&self) -> &[Json] {
        self.0["cases"].as_array().unwrap()
    }

    fn context<'a>(&'a self, case: &'a Json) -> &'a Map<String, Json> {
        let own = case["context"].as_object();
        own.unwrap_or_else(|| self.0["context"].as_object().unwrap())
    }

    /// Markers in the output that no byte of the content has a part in.
    fn own_markers(&self, rendered: &Rendered) -> usize {
        let markers = self.0["markers"].as_array().unwrap().iter();
        markers
            .flat_map(|marker| rendered.text.match_indices(marker.as_str().unwrap()))
            .filter(|(start, marker)| {
                let end = start + marker.len();
                let mut input = rendered.input.iter();
                input.all(|range| range.end <= *start || end <= range.start)
            })
            .count()
    }
}

fn source(case: &Json) -> &str {
    case["source"].as_str().unwrap()
}

/// Where this engine knowingly differs: it has no text that is marked as safe, no numbers
/// beyond 64 bits, no tuples as keys, no table of every Unicode property, and it refuses what
/// Python would write with an address or a locale. No published template was found to need it.
const DIFFERENT: [&str; 15] = [
    "{{ '٣'|int }} {{ '٣'.isdigit() }} {{ 'Ⅷ'.isnumeric() }}",
    r"{{ ['\ue000', '\U000e0001', '\U0010ffff', '\u0378', '\u00ad'] }}",
    "{{ ªb }}{% set x² = 1 %}",
    "{{ ('<'|safe).join(['<', '>']) }} {{ ['<', '>'|safe]|join('&') }}",
    "{{ ('<a>'|e) + '<' }} {{ ('<a>'|e) ~ '<' }} {{ '<' + ('<a>'|safe) }} {{ ('<'|safe) * 2 }}",
    "{{ strftime_now('%U %W %w %u %G %V %e %D %F %T %R %c %x %X %C %h %n %t') }}",
    "{{ range(3).start }} {{ range(5).index(3) }} {{ range(5).count(3) }}",
    "{{ {'a': 1}.keys() == {'a': 2}.keys() }} {{ range(3) == range(0, 3) }} {{ 'a' is sameas 'a' }}",
    "{{ {(1, 2): 'x'}[1, 2] }}",
    "{{ namespace(a=1) }} {{ namespace() == namespace() }}",
    "{{ 1.real }}",
    "{{ (1).bit_length() }} {{ (1.5).is_integer() }} {{ 2.0.is_integer() }}",
    "{{ range(3) }} {{ range(1, 9, 2) }}",
    "{{ {'a': none, 1: 'x', 2.5: true, none: 0, (1, 2): []} }}",
    "{{ self._x }}",
];

/// What is wrong with an outcome, if anything.
fn fault(case: &Json, outcome: &Result<Rendered, String>) -> Option<String> {
    if DIFFERENT.contains(&source(case)) {
        return None;
    }
    let may_refuse = case["may_refuse"].as_bool().unwrap_or(false);
    match (case["output"].as_str(), outcome) {
        (Some(wanted), Ok(rendered)) if rendered.text == wanted => None,
        (Some(_), Err(_)) if may_refuse => None,
        (Some(wanted), Ok(rendered)) => Some(format!("{:?} instead of {wanted:?}", rendered.text)),
        (Some(wanted), Err(error)) => Some(format!("error «{error}» instead of {wanted:?}")),
        (None, Err(_)) => None,
        (None, Ok(rendered)) => {
            let wanted = case["error"].as_str().unwrap();
            Some(format!("{:?} instead of {wanted}", rendered.text))
        }
    }
}

fn told(case: &Json, fault: &str) -> String {
    format!(
        "[{}] {:?}: {fault}",
        case["group"].as_str().unwrap(),
        source(case)
    )
}

#[test]
fn snippets_render_as_in_transformers() {
    let corpus = Corpus::read();
    let mut failures = Vec::new();
    for case in corpus.cases() {
        let outcome = render(source(case), corpus.context(case), Origin::Template);
        failures.extend(fault(case, &outcome).map(|fault| told(case, &fault)));
        if let Ok(rendered) = &outcome
            && !rendered.input.is_empty()
        {
            failures.push(told(case, "takes the template's text for input"));
        }
    }
    report(corpus.cases().len(), &failures);
}

/// Whether text is content or the template's own changes nothing in the output.
#[test]
fn the_origin_of_text_does_not_change_it() {
    let corpus = Corpus::read();
    let mut failures = Vec::new();
    for case in corpus.cases() {
        let outcome = render(source(case), corpus.context(case), Origin::Input);
        failures.extend(fault(case, &outcome).map(|fault| told(case, &fault)));
    }
    report(corpus.cases().len(), &failures);
}

/// Slicing, splitting, trimming, lower-casing and joining content neither makes markers nor
/// breaks those of the template.
#[test]
fn content_makes_no_marker_and_breaks_none() {
    let corpus = Corpus::read();
    let mut failures = Vec::new();
    let cases = corpus.cases().iter();
    let cases: Vec<_> = cases.filter(|case| case["own_markers"].is_u64()).collect();
    for case in &cases {
        let wanted = case["own_markers"].as_u64().unwrap();
        match render(source(case), corpus.context(case), Origin::Input) {
            Ok(rendered) if corpus.own_markers(&rendered) as u64 == wanted => {}
            other => failures.push(told(case, &format!("{wanted} own markers, not {other:?}"))),
        }
    }
    report(cases.len(), &failures);
}

/// The text of `raise_exception` where it stands in the template.
#[test]
fn a_text_that_the_template_raises_is_told() {
    let corpus = Corpus::read();
    let mut failures = Vec::new();
    let cases = corpus.cases().iter().filter(|case| case["at"] == "raise");
    let cases: Vec<_> = cases.collect();
    for case in &cases {
        let wanted = case["error"].as_str().unwrap();
        let wanted = wanted.strip_prefix("TemplateError: ").unwrap();
        let literal = source(case).contains(wanted);
        match render(source(case), corpus.context(case), Origin::Input) {
            Err(error) if error.contains(wanted) || !literal => {}
            other => failures.push(told(case, &format!("{other:?} does not say {wanted:?}"))),
        }
    }
    report(cases.len(), &failures);
}

/// An unknown function, method, filter, test or tag is named.
#[test]
fn what_a_template_lacks_is_named() {
    let corpus = Corpus::read();
    let mut failures = Vec::new();
    let mut tried = 0;
    for case in corpus.cases() {
        let Some(name) = case["error"].as_str().and_then(missing_name) else {
            continue;
        };
        tried += 1;
        match render(source(case), corpus.context(case), Origin::Input) {
            Err(error) if error.contains(name) => {}
            other => failures.push(told(case, &format!("{other:?} does not name {name}"))),
        }
    }
    report(tried, &failures);
}

/// The name that Jinja's error puts in quotes, if the error is about one that does not exist.
fn missing_name(error: &str) -> Option<&str> {
    let about = [
        "No filter named",
        "No test named",
        "Encountered unknown tag",
        "is undefined",
        "has no attribute",
    ];
    if !about.iter().any(|words| error.contains(words)) {
        return None;
    }
    // «'dict object' has no attribute 'x'» quotes the kind of value first.
    let quoted: Vec<&str> = error.split('\'').skip(1).step_by(2).collect();
    if error.contains("has no attribute") {
        quoted.get(1).copied()
    } else {
        quoted.first().copied()
    }
}
