//! Exactly one JSON object, whatever fails.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::table::{ELSEWHERE, FAILING, KEY_GENERATE, WRITING};
use crate::run::{pocketune, run, stderr, stdout};

/// Runs it in an empty folder, where relative paths name nothing.
fn run_nowhere(arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    let output = pocketune(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(
        folder.path().read_dir().unwrap().count(),
        0,
        "{arguments:?}"
    );
    output
}

/// The one object on the one line of standard output.
fn only_object(output: &Output, arguments: &[&str]) -> Value {
    let text = stdout(output);
    let line = text.strip_suffix('\n');
    let line = line.unwrap_or_else(|| panic!("{arguments:?} printed {text:?}"));
    let value: Value = serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("{arguments:?} printed {text:?}: {error}"));
    assert!(value.is_object(), "{arguments:?} printed {text:?}");
    value
}

fn assert_error(output: &Output, arguments: &[&str]) -> String {
    let object = only_object(output, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    assert!(!stderr(output).is_empty(), "{arguments:?} says nothing");
    let error = object["error"].as_object();
    let error = error.unwrap_or_else(|| panic!("{arguments:?}: {object}"));
    assert_eq!(error.keys().collect::<Vec<_>>(), ["kind", "message"]);
    assert!(!error["message"].as_str().unwrap().is_empty());
    error["kind"].as_str().unwrap().to_owned()
}

/// Names and help of all commands that do something, from their own help.
fn commands() -> &'static [(String, String)] {
    static COMMANDS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    COMMANDS.get_or_init(|| commands_below(&[]))
}

fn commands_below(above: &[&str]) -> Vec<(String, String)> {
    let help = stdout(&run(&[above, &["--help"]].concat()));
    let Some((_, listed)) = help.split_once("\nCommands:\n") else {
        return vec![(above.join(" "), help)];
    };
    let listed = listed.split("\n\n").next().unwrap();
    let names = listed.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        (line.as_bytes()[2] != b' ' && name != "help").then_some(name)
    });
    names
        .flat_map(|name| commands_below(&[above, &[name]].concat()))
        .collect()
}

fn name_of(arguments: &[&str]) -> String {
    let is_known = |name: &String| commands().iter().any(|(known, _)| known == name);
    let of = |words: usize| arguments.get(..words).unwrap_or_default().join(" ");
    [3, 2, 1].map(of).into_iter().find(is_known).unwrap()
}

#[test]
fn every_command_stands_in_the_table() {
    let known: Vec<String> = commands().iter().map(|(name, _)| name.clone()).collect();
    let mut listed: Vec<String> = FAILING.iter().map(|it| name_of(it)).collect();
    listed.push(name_of(&KEY_GENERATE));
    let [known, listed] = [known, listed].map(BTreeSet::from_iter);
    assert_eq!(known, listed);
}

#[test]
fn every_output_option_stands_in_the_table() {
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, help) in commands() {
        let options = help.split_whitespace().filter(|word| {
            let named = ["--out", "--save", "--checkpoint"];
            named.contains(word) || (word.starts_with("--") && word.ends_with("-out"))
        });
        // Examples follow the list of options.
        let options = options.map(|option| (name.clone(), option.to_owned()));
        known.extend(options.filter(|(_, option)| help.contains(&format!("{option} <"))));
    }
    let listed = WRITING
        .iter()
        .map(|it| (name_of(it.arguments), it.option.to_owned()))
        .chain(ELSEWHERE.map(|(name, option)| (name.to_owned(), option.to_owned())));
    assert_eq!(known, listed.collect());
}

#[test]
fn a_failure_is_one_object() {
    for arguments in FAILING {
        let arguments = [arguments, &["--json"]].concat();
        let output = run_nowhere(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_error(&output, &arguments);
    }
}

#[test]
fn a_command_line_without_sense_is_one_object() {
    let mut lines: Vec<Vec<&str>> = vec![
        vec!["--json"],
        vec!["sing", "--json"],
        vec!["--json", "chat", "--threads", "none"],
        vec!["adapter", "--json"],
        vec!["help", "--json"],
        vec!["chat", "--json=yes"],
        vec!["--json", "chat", "--", "more"],
    ];
    for arguments in FAILING.iter().copied().chain([&KEY_GENERATE[..]]) {
        lines.push([&["--json"], arguments, &["--no-such-option"]].concat());
        lines.push([arguments, &["--json", "--quiet=3"]].concat());
    }
    for arguments in lines {
        let output = run_nowhere(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(assert_error(&output, &arguments), "usage", "{arguments:?}");
        assert!(!stderr(&output).contains("panic"), "{arguments:?}");
    }
    // After `--` it is no option.
    let output = run_nowhere(&["policy", "show", "--", "a", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
}

#[test]
fn help_and_the_version_are_one_object_too() {
    for (name, help) in commands() {
        let words: Vec<&str> = name.split(' ').collect();
        let arguments = [&words[..], &["--json", "--help"]].concat();
        let output = run_nowhere(&arguments);
        assert!(output.status.success());
        assert_eq!(only_object(&output, &arguments)["help"], help.as_str());
    }
    let version = ["--version", "--json"];
    let object = only_object(&run_nowhere(&version), &version);
    assert_eq!(object["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/writing/key.pub");
    let lines: [&[&str]; 6] = [
        &["--help"],
        &["--version"],
        &["--version", "--json"],
        &["key", "show", key],
        &["key", "show", key, "--json"],
        &["policy", "show", "no.json", "--json"],
    ];
    for arguments in lines {
        let output = pocketune(arguments).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.starts_with("error: "), "{arguments:?}: {said}");
        assert!(!said.contains("panic"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_reader_that_leaves_changes_nothing_but_what_is_printed() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/writing/key.pub");
    let lines: [(&[&str], i32); 5] = [
        (&["key", "show", key], 0),
        (&["key", "show", key, "--json"], 0),
        (&["--help"], 0),
        (&["policy", "show", "no.json", "--json"], 1),
        (&["policy", "show", "--json"], 2),
    ];
    for (arguments, code) in lines {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = pocketune(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(stderr(&output).is_empty(), code == 0, "{arguments:?}");
    }
}
