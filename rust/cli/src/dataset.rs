//! Training data that the command line names: its files, and its words for what is wrong.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use pocketune_core::tuning::{DATASET_BYTES_MAX, DatasetError, Form, RecordFault};

use crate::error::CliError;
use crate::files::{self, Named};

/// Reads the file at `path` by `read`.
pub(crate) fn read<T>(
    path: &Path,
    read: impl FnOnce(BufReader<File>) -> Result<T, DatasetError>,
) -> Result<T, CliError> {
    let named = Named::new("training data", path);
    let file = files::open(&named, path)?;
    let metadata = file.metadata().map_err(|error| named.unreadable(error))?;
    if metadata.len() > DATASET_BYTES_MAX {
        return Err(named.too_long(DATASET_BYTES_MAX).into());
    }
    read(BufReader::new(file)).map_err(|error| self::named(path, error))
}

/// What is wrong with the data in the file at `path`.
pub(crate) fn named(path: &Path, error: DatasetError) -> CliError {
    let named = Named::new("training data", path);
    let file_name = || path.display().to_string();
    match error {
        DatasetError::Io(source) => named.unreadable(source).into(),
        DatasetError::TooLong { limit_bytes } => named.too_long(limit_bytes).into(),
        DatasetError::Empty => CliError::NoData { file: file_name() },
        DatasetError::Line { line, fault } => CliError::Data {
            file: file_name(),
            line,
            reason: explain(&fault),
        },
        DatasetError::Contradiction {
            earlier,
            line,
            contradiction,
        } => CliError::Data {
            file: file_name(),
            line,
            reason: format!("it contradicts line {earlier}: {contradiction}"),
        },
        DatasetError::NothingUsable { lines, line, fault } => CliError::Data {
            file: file_name(),
            line,
            reason: format!(
                "{}; none of the {lines} lines can be learned from",
                explain(&fault)
            ),
        },
        other @ (DatasetError::TooFew { .. } | DatasetError::NoAlternative) => CliError::Feedback {
            file: file_name(),
            reason: other.to_string(),
        },
        other @ DatasetError::OneSided { .. } => CliError::Feedback {
            file: file_name(),
            reason: format!("{other}, and --objective auto learns from one kind too"),
        },
    }
}

/// What is wrong with a line, with the options that help.
pub(crate) fn explain(fault: &RecordFault) -> String {
    match fault {
        RecordFault::TooManyTokens {
            tokens,
            limit_tokens,
        } => format!("{tokens} tokens, --sequence-tokens allows {limit_tokens}"),
        RecordFault::Form {
            form: Form::Preference,
            kind,
        } => format!(
            "this is a preference (`chosen`, `rejected`), which --objective dpo learns from ({kind})"
        ),
        RecordFault::Form {
            form: Form::Completion,
            kind,
        } => format!("this is one reply, which --objective sft learns from ({kind})"),
        RecordFault::Unlabelled(kind) => format!(
            "`label` is missing: --objective sft learns from completions without one ({kind})"
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use pocketune_core::tuning::{Form, RecordFault, RecordKind};

    use super::explain;

    #[test]
    fn data_of_the_other_objective_lead_to_its_option() {
        for (form, kind, option) in [
            (Form::Preference, RecordKind::Completion, "--objective dpo"),
            (Form::Completion, RecordKind::Preference, "--objective sft"),
        ] {
            let told = explain(&RecordFault::Form { form, kind });
            assert!(
                told.contains(option) && told.contains("a line has"),
                "{told}"
            );
        }
    }
}
