//! The top modules of a crate and which uses which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::modules::{SourceFile, in_file};
use crate::references::{declared, imports, references};

/// What the crate's root is called among its modules.
const ROOT: &str = "(root)";

/// One module uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// Who uses.
    pub from: String,
    /// Who is used.
    pub to: String,
    /// A file and line where it does.
    pub at: String,
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} uses {} ({})", self.from, self.to, self.at)
    }
}

/// The top modules of a crate.
#[derive(Debug)]
pub struct Graph {
    /// Their names.
    pub modules: BTreeSet<String>,
    /// Which uses which, each pair once.
    pub arrows: Vec<Arrow>,
}

/// Why modules are not in the order that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misplaced {
    /// The order does not name a module.
    Unnamed(String),
    /// There is no module of this name.
    Missing(String),
    /// A module uses one that is not below it.
    Upward(Arrow),
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed(name) => write!(f, "the order does not name the module {name}"),
            Self::Missing(name) => write!(f, "the order names {name}, which is no module"),
            Self::Upward(arrow) => write!(f, "{arrow}, which is not below it"),
        }
    }
}

impl Graph {
    /// Reads the files of a crate.
    ///
    /// # Errors
    /// A file that does not parse, with its path.
    pub fn read(files: &[SourceFile]) -> Result<Self, String> {
        let mut parsed = Vec::new();
        for file in files {
            let read = syn::parse_file(&file.text).map_err(|error| in_file(&file.path, &error))?;
            parsed.push((file, read));
        }
        let roots = || parsed.iter().filter(|(file, _)| file.module.is_empty());
        let modules: BTreeSet<String> = roots().flat_map(|(_, root)| declared(root)).collect();
        let known: BTreeMap<String, String> = roots()
            .flat_map(|(_, root)| imports(root))
            .filter_map(|(name, path)| Some((name, top(&path, &modules)?)))
            .collect();
        let mut arrows = BTreeMap::new();
        for (file, read) in &parsed {
            let from = file.module.first().map_or(ROOT, String::as_str);
            if from != ROOT && !modules.contains(from) {
                // Declared for tests alone.
                continue;
            }
            for reference in references(read, &file.module) {
                let to = reference.path.first().map_or(ROOT, String::as_str);
                let to = match modules.contains(to) {
                    true => to,
                    // In the root, what is none of its modules is another crate's.
                    false if from == ROOT => continue,
                    false => known.get(to).map_or(ROOT, String::as_str),
                };
                if from != to {
                    let at = format!("{}:{}", file.path.display(), reference.line);
                    let arrow = (from.to_owned(), to.to_owned());
                    arrows.entry(arrow).or_insert(at);
                }
            }
        }
        let arrows = arrows
            .into_iter()
            .map(|((from, to), at)| Arrow { from, to, at })
            .collect();
        Ok(Self { modules, arrows })
    }

    /// Modules that use each other, directly or by way of others: each circle with the
    /// arrows inside it.
    #[must_use]
    pub fn circles(&self) -> Vec<Vec<Arrow>> {
        let reach = self.reach();
        let meets = |from: &str, to: &str| {
            let reaches = |from: &str, to: &str| reach.get(from).is_some_and(|it| it.contains(to));
            reaches(from, to) && reaches(to, from)
        };
        let mut circles: BTreeMap<BTreeSet<&str>, Vec<Arrow>> = BTreeMap::new();
        for arrow in &self.arrows {
            if meets(&arrow.from, &arrow.to) {
                let members = reach.keys().copied();
                let circle = members.filter(|&it| meets(&arrow.from, it)).collect();
                circles.entry(circle).or_default().push(arrow.clone());
            }
        }
        circles.into_values().collect()
    }

    /// What each module uses, directly or by way of others.
    fn reach(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut direct: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for arrow in &self.arrows {
            let used = direct.entry(&arrow.from).or_default();
            used.insert(&arrow.to);
            direct.entry(&arrow.to).or_default();
        }
        let mut reach = direct.clone();
        loop {
            let mut grown = false;
            for used in reach.values_mut() {
                let before = used.len();
                let next = used
                    .iter()
                    .flat_map(|it| direct.get(it).into_iter().flatten());
                let next: Vec<&str> = next.copied().collect();
                used.extend(next);
                grown |= used.len() > before;
            }
            if !grown {
                return reach;
            }
        }
    }

    /// What is not as `order` says: its first modules are the lowest, and each uses only
    /// such as stand in lines before its own.
    #[must_use]
    pub fn misplaced(&self, order: &[Vec<String>]) -> Vec<Misplaced> {
        let mut places = BTreeMap::new();
        for (line, names) in order.iter().enumerate() {
            places.extend(names.iter().map(|name| (name.as_str(), line)));
        }
        let unnamed = self.modules.iter();
        let unnamed = unnamed.filter(|name| !places.contains_key(name.as_str()));
        let missing = places.keys().filter(|&&name| !self.modules.contains(name));
        let upward = self.arrows.iter().filter(|arrow| {
            let place = |name: &str| places.get(name);
            match (place(&arrow.from), place(&arrow.to)) {
                (Some(from), Some(to)) => to >= from,
                // The root is above all modules.
                (Some(_), None) => arrow.to == ROOT,
                (None, _) => false,
            }
        });
        let unnamed = unnamed.cloned().map(Misplaced::Unnamed);
        let missing = missing.map(|&name| Misplaced::Missing(name.to_owned()));
        let upward = upward.cloned().map(Misplaced::Upward);
        unnamed.chain(missing).chain(upward).collect()
    }
}

/// The module that an import of the root leads to.
fn top(path: &[String], modules: &BTreeSet<String>) -> Option<String> {
    let mut parts = path
        .iter()
        .filter(|part| *part != "crate" && *part != "self");
    parts.next().filter(|part| modules.contains(*part)).cloned()
}
