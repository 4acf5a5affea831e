//! What cargo knows of the workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the name of each crate begins with.
const PREFIX: &str = "pocketune-";

/// A crate of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name, without what all begin with.
    pub name: String,
    /// The crates of the workspace that it is built on, tests and build scripts aside.
    pub uses: BTreeSet<String>,
    /// All other crates that it names, for whatever purpose.
    pub libraries: BTreeSet<String>,
    /// Its roots: library, binaries, examples, tests, benches, build script.
    pub targets: Vec<Target>,
}

/// A root of a crate.
#[derive(Debug)]
pub struct Target {
    /// Such as `lib`, `bin`, `example`, `test`.
    pub kind: String,
    /// Its first file.
    pub root: PathBuf,
}

/// The folder of the repository.
#[must_use]
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// All crates of the workspace, as `cargo metadata` lists them.
///
/// # Errors
/// What cargo says, or that its answer is not understood.
pub fn packages() -> Result<Vec<Package>, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let answer: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo's answer is no JSON: {error}"))?;
    list(&answer, "packages").map(package).collect()
}

fn package(value: &Value) -> Result<Package, String> {
    let name = text(value, "name")?;
    let named = list(value, "dependencies").filter_map(|it| text(it, "name").ok());
    let uses = list(value, "dependencies").filter(|it| it.get("kind").is_none_or(Value::is_null));
    let uses = uses.filter_map(|it| text(it, "name").ok());
    Ok(Package {
        uses: uses.filter_map(|name| short(&name)).collect(),
        libraries: named.filter(|name| short(name).is_none()).collect(),
        targets: list(value, "targets")
            .map(target)
            .collect::<Result<_, _>>()?,
        name: short(&name).ok_or(format!("{name}: the name must begin with {PREFIX}"))?,
    })
}

fn target(value: &Value) -> Result<Target, String> {
    let kind = list(value, "kind").find_map(Value::as_str);
    Ok(Target {
        kind: kind.unwrap_or_default().to_owned(),
        root: text(value, "src_path")?.into(),
    })
}

fn short(name: &str) -> Option<String> {
    name.strip_prefix(PREFIX).map(str::to_owned)
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.get(field).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn text(value: &Value, field: &str) -> Result<String, String> {
    let text = value.get(field).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or(format!("cargo's answer has no {field}"))
}
