//! Chat templates of the published families, rendered as transformers renders them.
//!
//! The expected texts are from `tests/reference/chat_templates.py`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod glue;

use std::fs;
use std::path::{Path, PathBuf};

use glue::{read_json, render, report};
use pocketune_template::{Origin, Rendered};
use serde_json::{Map, Value as Json};

struct Case {
    template: String,
    conversation: String,
    source: String,
    variables: Map<String, Json>,
    expected: Json,
}

impl Case {
    fn told(&self, fault: &str) -> String {
        let opened = &self.variables["add_generation_prompt"];
        format!(
            "{} × {} (opened: {opened}): {fault}",
            self.template, self.conversation
        )
    }

    fn render(&self) -> Result<Rendered, String> {
        render(&self.source, &self.variables, Origin::Input)
    }

    /// What is wrong with an outcome, if anything.
    fn fault(&self, outcome: &Result<Rendered, String>) -> Option<String> {
        match (self.expected.as_str(), outcome) {
            (Some(wanted), Ok(rendered)) if rendered.text == wanted => None,
            (Some(wanted), Ok(rendered)) => Some(difference(wanted, &rendered.text)),
            (Some(_), Err(error)) => Some(format!("error «{error}»")),
            (None, Ok(_)) => Some(format!("no error, but {}", self.expected)),
            (None, Err(error)) => self.unsaid(error),
        }
    }

    /// The text that the template raised, if `error` does not say it.
    fn unsaid(&self, error: &str) -> Option<String> {
        let raised = self.expected["raised"].as_str()?;
        let literal = self.source.contains(raised);
        (literal && !error.contains(raised)).then(|| format!("{error} does not say {raised:?}"))
    }

    /// The same with `x` as the content of every message.
    fn without_content(&self) -> Self {
        let mut variables = self.variables.clone();
        for message in variables["messages"].as_array_mut().unwrap() {
            message["content"] = "x".into();
        }
        Self {
            variables,
            template: self.template.clone(),
            conversation: self.conversation.clone(),
            source: self.source.clone(),
            expected: Json::Null,
        }
    }
}

/// Where two texts begin to differ.
fn difference(wanted: &str, found: &str) -> String {
    const SHOWN: usize = 60;
    let same = wanted.chars().zip(found.chars());
    let same = same.take_while(|(one, other)| one == other).count();
    let from = |text: &str| {
        let start = same.saturating_sub(SHOWN / 4);
        text.chars().skip(start).take(SHOWN).collect::<String>()
    };
    format!(
        "at character {same}: {:?} instead of {:?}",
        from(found),
        from(wanted)
    )
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Every template of a folder × every conversation × without and with the opening of a reply.
fn cases(folder: &Path) -> Vec<Case> {
    let conversations = read_json(&here("published/conversations.json"));
    let expected = read_json(&folder.join("expected.json"));
    let mut cases = Vec::new();
    for (template, of_template) in expected["templates"].as_object().unwrap() {
        let source = fs::read_to_string(folder.join(format!("{template}.jinja"))).unwrap();
        for conversation in conversations.as_array().unwrap() {
            let name = conversation["name"].as_str().unwrap();
            for (key, opened) in [("plain", false), ("opened", true)] {
                let special = of_template["variables"].as_object().unwrap();
                cases.push(Case {
                    template: template.clone(),
                    conversation: name.to_owned(),
                    source: source.clone(),
                    variables: variables(special, conversation, opened),
                    expected: of_template["results"][name][key].clone(),
                });
            }
        }
    }
    cases
}

/// What transformers gives a template: absent tools and documents are `none`.
fn variables(special: &Map<String, Json>, conversation: &Json, opened: bool) -> Map<String, Json> {
    let mut variables = special.clone();
    for name in ["messages", "tools", "documents"] {
        variables.insert(name.to_owned(), conversation[name].clone());
    }
    variables.insert("add_generation_prompt".to_owned(), opened.into());
    let own = conversation["variables"].as_object();
    variables.extend(own.cloned().unwrap_or_default());
    variables
}

fn differences(cases: &[Case]) -> Vec<String> {
    let faults = cases.iter().map(|case| {
        let fault = case.fault(&case.render());
        fault.map(|fault| case.told(&fault))
    });
    faults.flatten().collect()
}

#[test]
fn templates_render_as_in_transformers() {
    let cases = cases(&here("published"));
    assert!(cases.len() >= 20 * 6 * 2);
    report(cases.len(), &differences(&cases));
}

/// Every template that was written for these tests has its results.
#[test]
fn no_template_is_left_out() {
    let expected = read_json(&here("published/expected.json"));
    let files = fs::read_dir(here("published")).unwrap();
    let mut templates = 0;
    for file in files {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jinja")
        {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                expected["templates"][name].is_object(),
                "{name} has no results"
            );
            templates += 1;
        }
    }
    assert_eq!(templates, expected["templates"].as_object().unwrap().len());
}

/// Content full of markers and Jinja leaves the template's own text as it is with plain content.
#[test]
fn content_does_not_change_the_text_of_the_template() {
    const HOSTILE: [&str; 2] = ["markers and code in content", "scripts of the world"];
    let own = |rendered: &Rendered| {
        let mut text = rendered.text.clone();
        for range in rendered.input.iter().rev() {
            text.replace_range(range.clone(), "");
        }
        text
    };
    let cases = cases(&here("published"));
    let cases = cases
        .iter()
        .filter(|case| HOSTILE.contains(&case.conversation.as_str()));
    let mut tried = 0;
    let mut failures = Vec::new();
    for case in cases {
        tried += 1;
        match (case.render(), case.without_content().render()) {
            (Ok(with), Ok(without)) if own(&with) != own(&without) => {
                failures.push(case.told(&difference(&own(&without), &own(&with))));
            }
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
            (with, without) => failures.push(case.told(&format!("{with:?} but {without:?}"))),
        }
    }
    report(tried, &failures);
}

/// Templates of another folder, with the results that `chat_templates.py FOLDER
/// FOLDER/expected.json` wrote, named by `POCKETUNE_TEMPLATES`: for templates that others
/// published, which are not ours to commit.
#[test]
#[ignore = "scripts/published-templates.sh runs it"]
fn templates_of_a_folder_render_as_in_transformers() {
    let folder = PathBuf::from(std::env::var_os("POCKETUNE_TEMPLATES").unwrap());
    let cases = cases(&folder);
    report(cases.len(), &differences(&cases));
}
