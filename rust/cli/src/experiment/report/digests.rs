//! What exactly was tested, and by what.

use pocketune_core::DigestCache;
use pocketune_judge::experiment::ArmDefinition;

use crate::error::CliError;
use crate::experiment::evidence::{Evidence, Source};
use crate::files::{self, Named};

/// What the page names with its SHA-256.
pub(super) fn rows(
    evidence: &Evidence,
    others: [&Option<Source>; 2],
    subjects: &[String],
) -> Result<Vec<(String, String)>, CliError> {
    let definition = &evidence.definition;
    let of_file = |source: &Source| (source.title(), source.digest().to_string());
    let mut rows = vec![
        (
            "definition: its canonical form, which names the experiment".to_owned(),
            definition.sha256(),
        ),
        of_file(&evidence.definition_file),
    ];
    rows.extend(adapters("incumbent", &definition.arms.incumbent));
    rows.extend(adapters("challenger", &definition.arms.challenger));
    let files = evidence.ledgers.iter().chain(&evidence.summaries);
    rows.extend(files.map(of_file));
    rows.extend(others.into_iter().flatten().map(of_file));
    for subject in subjects {
        rows.push(named(subject)?);
    }
    Ok(rows)
}

fn adapters(role: &str, arm: &ArmDefinition) -> Vec<(String, String)> {
    let name = &arm.name;
    if arm.adapters.is_empty() {
        let nothing = "the model as it is, no adapter".to_owned();
        return vec![(format!("{role} {name}"), nothing)];
    }
    let each = arm.adapters.iter();
    each.map(|sha256| (format!("{role} {name}: adapter"), sha256.clone()))
        .collect()
}

/// Of a file that may be as large as a model.
fn named(subject: &str) -> Result<(String, String), CliError> {
    let parts = subject.split_once('=');
    let parts = parts.filter(|(name, file)| !name.is_empty() && !file.is_empty());
    let (name, path) = parts.ok_or(CliError::usage("--subject takes NAME=FILE"))?;
    let subject = Named::new("subject", path.as_ref());
    let file = files::open(&subject, path.as_ref())?;
    let digest = DigestCache::in_memory().digest(&file);
    let digest = digest.map_err(|source| subject.unreadable(source))?;
    Ok((name.to_owned(), digest.to_string()))
}
