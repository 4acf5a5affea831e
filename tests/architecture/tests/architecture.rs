//! `rust/ARCHITECTURE.md` against the code.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pocketune_architecture::{
    Graph, Page, forbids_unsafe, packages, page, repository, rust_files, sources, unsafe_lines,
};

/// Crates with circles of modules, each with the reason why it may have them.
const CIRCLES_ALLOWED: &[(&str, &str)] = &[
    (
        "template",
        "an interpreter, its library and its values call each other",
    ),
    (
        "train",
        "an architecture runs the pass over its layers, which asks the architecture",
    ),
    (
        "cli",
        "all commands are among the arguments, and each uses what all share of them",
    ),
];

#[test]
fn the_drawing_shows_the_crates_and_their_arrows() {
    let real: BTreeMap<_, _> = packages()
        .unwrap()
        .into_iter()
        .map(|package| (package.name, package.uses))
        .collect();
    assert_eq!(page().unwrap().dependencies().unwrap(), real);
}

#[test]
fn the_modules_of_the_core_are_in_the_order_that_is_written() {
    let order = page().unwrap().order("core").unwrap();
    let misplaced = graph("rust/core/src").misplaced(&order);
    let told: Vec<_> = misplaced.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

#[test]
fn no_crate_has_a_circle_of_modules() {
    let mut told = String::new();
    for package in packages().unwrap() {
        let src = package.targets.iter().map(|target| target.root.as_path());
        let mut src = src.filter(|root| root.parent().is_some_and(|it| it.ends_with("src")));
        let src = src.next().and_then(Path::parent).unwrap();
        let circles = graph(src).circles();
        let allowed = CIRCLES_ALLOWED
            .iter()
            .any(|(name, _)| *name == package.name);
        if circles.is_empty() == allowed {
            told += &match allowed {
                true => format!("\n{} has no circle any more\n", package.name),
                false => format!("\n{}\n", package.name),
            };
            for arrow in circles.iter().flatten() {
                told += &format!("  {arrow}\n");
            }
        }
    }
    assert!(told.is_empty(), "{told}");
}

fn graph(src: impl AsRef<Path>) -> Graph {
    Graph::read(&sources(&repository().join(src)).unwrap()).unwrap()
}

#[test]
fn unsafe_code_stands_only_where_the_page_allows_it() {
    let places = page().unwrap().unsafe_places().unwrap();
    let mut used = vec![false; places.len()];
    let mut told = Vec::new();
    for folder in ["rust", "tests", "android", "ios"] {
        for path in rust_files(&repository().join(folder)).unwrap() {
            let text = fs::read_to_string(&path).unwrap();
            let lines = unsafe_lines(&text).unwrap();
            let below = path.strip_prefix(repository()).unwrap();
            match places.iter().position(|place| below.starts_with(place)) {
                Some(place) => used[place] |= !lines.is_empty(),
                None => told.extend(
                    lines
                        .iter()
                        .map(|line| format!("{}:{line}", below.display())),
                ),
            }
        }
    }
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    // A place that needs no permission any more has none.
    let unused = places.iter().zip(used).filter(|(_, used)| !used);
    assert_eq!(unused.map(|(place, _)| place).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_other_root_of_a_crate_forbids_unsafe_code() {
    let places = page().unwrap().unsafe_places().unwrap();
    let holds_a_place = |root: &Path| {
        let modules = root.parent().unwrap();
        let is_lib = root.ends_with("src/lib.rs");
        let mut places = places.iter().map(|place| repository().join(place));
        is_lib && places.any(|place| place.starts_with(modules))
    };
    let mut told = Vec::new();
    for target in packages().unwrap().iter().flat_map(|it| &it.targets) {
        let text = fs::read_to_string(&target.root).unwrap();
        if !holds_a_place(&target.root) && !forbids_unsafe(&text).unwrap() {
            let root = target.root.strip_prefix(repository()).unwrap();
            told.push(format!("{} ({})", root.display(), target.kind));
        }
    }
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

/// An app handles each variant differently; what differs in detail is a field (ADR 25).
#[test]
fn the_public_error_has_at_most_twelve_variants() {
    let text = fs::read_to_string(repository().join("rust/ffi/src/error.rs")).unwrap();
    let mut items = syn::parse_file(&text).unwrap().items.into_iter();
    let variants = items.find_map(|item| match item {
        syn::Item::Enum(item) if item.ident == "PocketuneError" => Some(item.variants),
        _ => None,
    });
    let names: Vec<String> = variants
        .unwrap()
        .iter()
        .map(|it| it.ident.to_string())
        .collect();
    assert!((1..=12).contains(&names.len()), "{names:?}");
}

/// Digests and moments are made in one place, whatever they are made with.
#[test]
fn only_base_hashes_and_reads_moments() {
    for package in packages().unwrap() {
        for library in ["sha2", "time", "chrono"] {
            let named = package.libraries.contains(library);
            assert!(
                !named || package.name == "base",
                "{} names {library}",
                package.name
            );
        }
    }
}

/// The table names what is there.
#[test]
fn the_page_sends_nobody_to_a_file_that_is_gone() {
    let text = fs::read_to_string(repository().join("rust/ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("## Where to look").unwrap();
    let quoted = table.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|it| it.contains('/') && !it.contains(' '));
    let gone = paths.filter(|path| {
        let under = |folder: &str| repository().join(folder).join(path).exists();
        !under("rust") && !under("")
    });
    assert_eq!(gone.collect::<Vec<_>>(), [""; 0]);
}

/// Keeps `Page` honest: the page has all sections that are read.
#[test]
fn the_page_has_its_sections() {
    let page: Page = page().unwrap();
    assert!(!page.dependencies().unwrap().is_empty());
    assert!(!page.order("core").unwrap().is_empty());
    assert!(!page.unsafe_places().unwrap().is_empty());
}
