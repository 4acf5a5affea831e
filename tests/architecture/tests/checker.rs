//! The checker itself, on small made-up sources: what it is for is found.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use pocketune_architecture::{Graph, Misplaced, Page, SourceFile, forbids_unsafe, unsafe_lines};

fn graph(files: &[(&str, &str)]) -> Graph {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| SourceFile::new(path, text))
        .collect();
    Graph::read(&files).unwrap()
}

fn arrows(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let arrows = graph(files).arrows.into_iter();
    arrows.map(|arrow| (arrow.from, arrow.to)).collect()
}

/// The only arrow there should be.
fn one(from: &str, to: &str) -> Vec<(String, String)> {
    vec![(from.to_owned(), to.to_owned())]
}

const TWO: (&str, &str) = ("lib.rs", "mod a; mod b;");

#[test]
fn an_arrow_is_seen_however_it_is_written() {
    for text in [
        "use crate::b::X;",
        "use crate::b;",
        "use crate::{b::{self, X}};",
        "use super::b::X as Y;",
        "pub(crate) use self::super::b::X;",
        "fn f() { crate::b::go(); }",
        "fn f(x: &crate::b::X) {}",
        "fn f() -> Vec<super::b::X> { Vec::new() }",
        "impl crate::b::T for X {}",
        "fn f() { match x { crate::b::X { .. } => {} } }",
        "fn f() { if true { use crate::b::X; } }",
        "mod inner { use super::super::b::X; }",
        "mod inner { fn f() { crate::b::go() } }",
        "fn f() { println!(\"{}\", crate::b::go()); }",
        "fn f() { vec![vec![super::b::go()]]; }",
        "macro_rules! m { () => { $crate::b::go() } }",
        "m! { use crate::{b::X, b::Y}; }",
        "#[derive(Debug)] #[wrapped(with(crate::b::go))] struct X;",
        "#[cfg(unix)] use crate::b::X;",
    ] {
        assert_eq!(arrows(&[TWO, ("a.rs", text)]), one("a", "b"), "{text}");
    }
    for file in ["a/mod.rs", "a/deep/mod.rs", "a/deep.rs"] {
        let found = arrows(&[TWO, (file, "use crate::b::X;")]);
        assert_eq!(found, one("a", "b"), "{file}");
    }
    let deep = arrows(&[TWO, ("a/deep.rs", "use super::super::b::X;")]);
    assert_eq!(deep, one("a", "b"));
}

#[test]
fn what_stays_inside_a_module_is_no_arrow() {
    for text in [
        "use std::fmt; use other::b::X;",
        "mod b; use self::b::X; fn f() { b::go() }",
        "pub(crate) fn f() { crate::a::go(); self.b(); }",
        "mod inner { use super::X; }",
        "// crate::b::go()\n/// As [`crate::b::go`].\nfn f() { let s = \"crate::b\"; }",
        "#[cfg(test)] mod tests { use crate::b::X; }",
        "#[cfg(test)] use crate::b::X;",
        "macro_rules! m { () => { super::b::go() } }",
    ] {
        assert_eq!(arrows(&[TWO, ("a.rs", text)]), [], "{text}");
    }
    let inside = [
        TWO,
        ("a/one.rs", "use super::two::X;"),
        ("a/two.rs", "use super::one::Y;"),
    ];
    assert_eq!(arrows(&inside), []);
}

#[test]
fn what_the_root_makes_known_leads_to_where_it_comes_from() {
    let root = (
        "lib.rs",
        "mod a; mod b; pub use b::{X, Y as Z}; pub use other::W;",
    );
    for name in ["X", "Z"] {
        let text = format!("use crate::{name};");
        assert_eq!(
            arrows(&[root, ("a.rs", &text)]),
            [arrow("(root)", "b"), arrow("a", "b")]
        );
    }
}

fn arrow(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn circles_are_found_of_any_length_and_by_way_of_the_root() {
    let none = graph(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::{b::X, c::Y};"),
        ("b.rs", "use crate::c::Y;"),
    ]);
    assert!(none.circles().is_empty());

    let two = graph(&[
        TWO,
        ("a.rs", "use crate::b::X;"),
        ("b.rs", "use crate::a::Y;"),
    ]);
    assert_eq!(two.circles().len(), 1);
    assert_eq!(two.circles()[0][0].to_string(), "a uses b (a.rs:1)");

    let three = graph(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::X;"),
        ("b.rs", "use crate::c::X; use crate::d::X;"),
        ("c.rs", "use crate::a::X;"),
    ]);
    assert_eq!(three.circles().len(), 1);
    // What hangs on a circle is no part of it.
    assert_eq!(three.circles()[0].len(), 3);

    let apart = graph(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::X;"),
        ("b.rs", "use crate::a::X; use crate::c::X;"),
        ("c.rs", "use crate::d::X;"),
        ("d.rs", "use crate::c::X;"),
    ]);
    assert_eq!(apart.circles().len(), 2);

    // The root defines what a module uses, and uses the module.
    let root = graph(&[
        ("lib.rs", "mod a; use a::X; pub struct Y(X);"),
        ("a.rs", "use crate::Y;"),
    ]);
    assert_eq!(root.circles().len(), 1);
}

#[test]
fn a_wrong_order_is_told() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", ""),
        ("b.rs", "use crate::a::X;"),
        ("c.rs", "use crate::{a::X, b::Y};"),
    ];
    let graph = graph(&files);
    let order = |lines: &[&[&str]]| -> Vec<String> {
        let line = |names: &&[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let order: Vec<Vec<String>> = lines.iter().map(line).collect();
        let misplaced = graph.misplaced(&order);
        misplaced.iter().map(Misplaced::to_string).collect()
    };
    assert!(order(&[&["a"], &["b"], &["c"]]).is_empty());
    assert_eq!(
        order(&[&["a"], &["c"], &["b"]]),
        ["c uses b (c.rs:1), which is not below it"]
    );
    // Neighbours on one line do not use each other.
    assert_eq!(
        order(&[&["a", "b"], &["c"]]),
        ["b uses a (b.rs:1), which is not below it"]
    );
    assert_eq!(
        order(&[&["a"], &["b"], &["d"]]),
        [
            "the order does not name the module c",
            "the order names d, which is no module"
        ]
    );
}

#[test]
fn unsafe_code_is_found_and_talk_of_it_is_not() {
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for X {}",
        "unsafe extern \"C\" { fn f(); }",
        "#[unsafe(no_mangle)] fn f() {}",
        "m! { { unsafe { g() } } }",
        "macro_rules! m { () => { unsafe { g() } } }",
    ] {
        assert_eq!(unsafe_lines(&format!("\n{text}")).unwrap(), [2], "{text}");
    }
    let talk =
        "// unsafe\n/* unsafe */ #![forbid(unsafe_code)]\nfn f() { \"unsafe\"; unsafe_lines() }";
    assert!(unsafe_lines(talk).unwrap().is_empty());
}

#[test]
fn only_a_root_that_forbids_forbids() {
    assert!(forbids_unsafe("//! A crate.\n#![forbid(unsafe_code)]\nmod a;").unwrap());
    for text in [
        "mod a;",
        "#![deny(unsafe_code)]",
        "#![cfg_attr(test, forbid(unsafe_code))]",
        "// #![forbid(unsafe_code)]",
        "#[forbid(unsafe_code)] mod a;",
    ] {
        assert!(!forbids_unsafe(text).unwrap(), "{text}");
    }
}

#[test]
fn the_page_is_read_by_its_headings() {
    let page = Page::new(
        "# A\n\n## Dependencies\n\nText.\n\n```text\na -> b, c\nb -> nothing\n```\n\n\
         ## Order inside `a`\n\n```text\none, two\nthree\n```\n\n## Unsafe code\n\n\
         ```text\nrust/a  why\n```\n\n## Rest\n",
    );
    let dependencies = page.dependencies().unwrap();
    assert_eq!(dependencies["a"].len(), 2);
    assert!(dependencies["b"].is_empty());
    let lines = [vec!["one", "two"], vec!["three"]];
    assert_eq!(page.order("a").unwrap(), lines);
    assert_eq!(page.unsafe_places().unwrap(), ["rust/a"]);
    assert!(page.order("b").unwrap_err().contains("Order inside `b`"));
    let none = Page::new("\n## Dependencies\n\n## Next\n\n```text\na -> b\n```\n");
    assert!(none.dependencies().is_err());
}
