//! Texts of statements, looked at before anybody signs them.

use pocketune_adapter::{Predicate, Release, Statement, Validation};
use pocketune_base::steers;

use crate::error::CliError;

/// A text that is not signed: whoever shows the statement would have to know about it.
#[derive(Debug, thiserror::Error)]
#[error("{field} holds the character U+{:04X}, which is not signed: {allowed}", u32::from(*.character))]
pub(crate) struct UnsignableText {
    field: &'static str,
    character: char,
    allowed: &'static str,
}

/// What may stand in a text.
#[derive(Clone, Copy)]
enum Allowed {
    OneLine,
    Lines,
}

/// Refuses a statement of ours with a text that steers a terminal, or what surrounds it.
/// Some come from the file itself, whoever made that.
pub(super) fn check(statement: &Statement) -> Result<(), CliError> {
    for subject in &statement.subjects {
        one_line("the file's name", &subject.name)?;
    }
    match &statement.predicate {
        Predicate::Release(release) => check_release(release),
        Predicate::Validation(validation) => check_validation(validation),
        Predicate::Halt(halt) => text("the reason", &halt.reason, Allowed::Lines),
        Predicate::Other { .. } => Ok(()),
    }
}

fn check_release(release: &Release) -> Result<(), CliError> {
    one_line(
        "the objective (of --objective, or what the file says)",
        &release.objective,
    )?;
    one_line(
        "the data summary (of --data, or what the file says)",
        &release.data_summary,
    )?;
    text("the changelog", &release.changelog, Allowed::Lines)?;
    for model in &release.base_models {
        one_line("the model's general.name", &model.name)?;
    }
    let targets = release.lora.iter().flat_map(|lora| &lora.targets);
    { targets }.try_for_each(|target| one_line("the name of a changed matrix", target))
}

fn check_validation(validation: &Validation) -> Result<(), CliError> {
    for suite in &validation.configuration {
        one_line("a suite's name", &suite.name)?;
    }
    for measurement in &validation.measurements {
        one_line("a metric's name", &measurement.metric)?;
    }
    let passed_or_not = [
        &validation.passed_tests,
        &validation.warned_tests,
        &validation.failed_tests,
    ];
    for test in passed_or_not.into_iter().flatten() {
        one_line("a test's name", test)?;
    }
    if let Some(procedure) = &validation.procedure {
        one_line("the procedure's tool", &procedure.tool)?;
        one_line("the procedure's kvCacheType", &procedure.kv_cache_type)?;
    }
    Ok(())
}

/// A text that is to be signed, on one line.
pub(crate) fn one_line(field: &'static str, value: &str) -> Result<(), CliError> {
    text(field, value, Allowed::OneLine)
}

fn text(field: &'static str, value: &str, allowed: Allowed) -> Result<(), CliError> {
    let (may_hold, allowed) = match allowed {
        Allowed::OneLine => (None, "it is one line, without control characters"),
        Allowed::Lines => (Some('\n'), "of control characters it may hold line feeds"),
    };
    let mut steering = value.chars().filter(|c| steers(*c) && Some(*c) != may_hold);
    match steering.next() {
        None => Ok(()),
        Some(character) => Err(UnsignableText {
            field,
            character,
            allowed,
        }
        .into()),
    }
}
