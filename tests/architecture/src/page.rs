//! What `rust/ARCHITECTURE.md` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::metadata::repository;

/// The page on the architecture.
#[derive(Debug)]
pub struct Page(String);

/// Reads `rust/ARCHITECTURE.md`.
///
/// # Errors
/// What the system says.
pub fn page() -> Result<Page, String> {
    let text = fs::read_to_string(repository().join("rust/ARCHITECTURE.md"));
    text.map(Page)
        .map_err(|error| format!("rust/ARCHITECTURE.md: {error}"))
}

impl Page {
    /// A page that says this.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Which crate may use which: lines such as `core -> gguf, llama` under "Dependencies".
    ///
    /// # Errors
    /// A section that is missing.
    pub fn dependencies(&self) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
        let lines = self.lines_of("Dependencies")?;
        let arrows = lines.filter_map(|line| line.split_once("->"));
        let used = |to: &str| names(to).into_iter().filter(|name| name != "nothing");
        Ok(arrows
            .map(|(from, to)| (from.trim().to_owned(), used(to).collect()))
            .collect())
    }

    /// The order of modules inside a crate, lowest first: the lines under "Order inside".
    ///
    /// # Errors
    /// A section that is missing.
    pub fn order(&self, of_crate: &str) -> Result<Vec<Vec<String>>, String> {
        let lines = self.lines_of(&format!("Order inside `{of_crate}`"))?;
        Ok(lines.map(names).collect())
    }

    /// Files and folders that may hold `unsafe`: the lines under "Unsafe code".
    ///
    /// # Errors
    /// A section that is missing.
    pub fn unsafe_places(&self) -> Result<Vec<String>, String> {
        let lines = self.lines_of("Unsafe code")?;
        let places = lines.filter_map(|line| line.split_whitespace().next());
        Ok(places.map(str::to_owned).collect())
    }

    /// The lines of the first fenced block after a heading.
    fn lines_of<'a>(
        &'a self,
        heading: &str,
    ) -> Result<impl Iterator<Item = &'a str> + use<'a>, String> {
        let missing = || format!("there is no section `{heading}` with a fenced block");
        let start = format!("\n## {heading}\n");
        let (_, section) = self.0.split_once(&start).ok_or_else(missing)?;
        let section = section.split("\n## ").next().unwrap_or_default();
        let block = section.split("```").nth(1).ok_or_else(missing)?;
        Ok(block.lines().skip(1).filter(|line| !line.trim().is_empty()))
    }
}

fn names(line: &str) -> Vec<String> {
    let names = line.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
