//! What one file refers to: `use` trees, paths in code, and paths that begin with `crate`,
//! `super` or `self` inside macros and attributes.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility};

/// A path from the crate's root, and the line that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// What a file refers to inside its crate. What only tests see is left out.
pub(crate) fn references(file: &File, module: &[String]) -> Vec<Reference> {
    let mut collector = Collector {
        module: module.to_vec(),
        in_definition: false,
        found: Vec::new(),
    };
    collector.visit_file(file);
    collector.found
}

/// What a crate's root makes known under a name of its own: the name and where it comes
/// from.
pub(crate) fn imports(file: &File) -> Vec<(String, Vec<String>)> {
    let mut imports = Vec::new();
    for item in &file.items {
        if let syn::Item::Use(item) = item {
            leaves(&item.tree, &mut Vec::new(), &mut |path, name| {
                imports.push((name.to_owned(), path.to_vec()));
            });
        }
    }
    imports
}

/// The names of modules that a file declares, without those of tests.
pub(crate) fn declared(file: &File) -> Vec<String> {
    let modules = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) if !is_for_tests(&item.attrs) => Some(item.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

struct Collector {
    // The module that is being read, inline ones included.
    module: Vec<String>,
    // In a macro's definition `super` and `self` are those of wherever it is used.
    in_definition: bool,
    found: Vec<Reference>,
}

impl Collector {
    /// Notes a path as it is written. Paths that begin with anything but `crate`, `super`
    /// or `self` lead into the module itself, to another crate or to what was imported,
    /// and the import is noted. In the root they lead to its modules.
    fn note(&mut self, written: &[String], span: Span) {
        let Some(first) = written.first() else {
            return;
        };
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" if self.in_definition => return,
            "self" | "super" => self.module.clone(),
            _ if self.module.is_empty() => Vec::new(),
            _ => return,
        };
        for (index, part) in written.iter().enumerate() {
            match part.as_str() {
                "crate" | "self" if index == 0 => {}
                "super" => {
                    path.pop();
                }
                part => path.push(part.to_owned()),
            }
        }
        self.found.push(Reference {
            path,
            line: span.start().line,
        });
    }

    fn note_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.note_tokens(group.stream()),
                TokenTree::Ident(first) if is_anchor(&first.to_string()) => {
                    let (mut written, span) = (vec![first.to_string()], first.span());
                    while let Some(next) = after_colons(tokens.get(at..).unwrap_or_default()) {
                        match next {
                            TokenTree::Ident(part) => written.push(part.to_string()),
                            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                                self.note_group(&written, group.stream());
                                written.clear();
                            }
                            _ => {}
                        }
                        at += 3;
                    }
                    // `self` alone is a value, `crate` alone a visibility.
                    if written.len() > 1 {
                        self.note(&written, span);
                    }
                }
                _ => {}
            }
        }
    }

    /// `crate::{a, b::c}` inside a macro.
    fn note_group(&mut self, prefix: &[String], group: TokenStream) {
        let tokens = group.into_iter();
        let mut starts = true;
        for token in tokens {
            if let (true, TokenTree::Ident(part)) = (starts, &token) {
                let written = [prefix, &[part.to_string()]].concat();
                self.note(&written, part.span());
            }
            starts = matches!(&token, TokenTree::Punct(it) if it.as_char() == ',');
        }
    }
}

fn is_anchor(ident: &str) -> bool {
    matches!(ident, "crate" | "super" | "self")
}

/// What follows `::`.
fn after_colons(tokens: &[TokenTree]) -> Option<&TokenTree> {
    let is_colon = |it: &TokenTree| matches!(it, TokenTree::Punct(it) if it.as_char() == ':');
    match tokens {
        [first, second, next, ..] if is_colon(first) && is_colon(second) => Some(next),
        _ => None,
    }
}

/// Each name that a `use` brings in, with the path that it comes from; `*` for all names.
fn leaves(tree: &UseTree, prefix: &mut Vec<String>, on_leaf: &mut impl FnMut(&[String], &str)) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            leaves(&path.tree, prefix, on_leaf);
            prefix.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, prefix, on_leaf);
            }
        }
        UseTree::Name(name) => leaf(&name.ident.to_string(), None, prefix, on_leaf),
        UseTree::Rename(name) => {
            let renamed = name.rename.to_string();
            leaf(&name.ident.to_string(), Some(&renamed), prefix, on_leaf);
        }
        UseTree::Glob(_) => leaf("*", None, prefix, on_leaf),
    }
}

fn leaf(
    name: &str,
    renamed: Option<&str>,
    prefix: &[String],
    on_leaf: &mut impl FnMut(&[String], &str),
) {
    let mut path = prefix.to_vec();
    // `use a::{self}` brings in `a`.
    if name != "self" || path.is_empty() {
        path.push(name.to_owned());
    }
    let last = path.last().cloned().unwrap_or_default();
    on_leaf(&path, renamed.unwrap_or(&last));
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_for_tests(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_for_tests(&item.attrs) {
            return;
        }
        let span = item.use_token.span;
        leaves(&item.tree, &mut Vec::new(), &mut |path, _| {
            self.note(path, span);
        });
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let parts: Vec<String> = { path.segments.iter() }
            .map(|segment| segment.ident.to_string())
            .collect();
        let is_alone = parts.len() == 1 && parts.first().is_some_and(|it| is_anchor(it));
        if let (false, Some(first)) = (is_alone, path.segments.first()) {
            self.note(&parts, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    // `pub(crate)` and `pub(super)` refer to nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, found: &'ast Macro) {
        self.visit_path(&found.path);
        let before = self.in_definition;
        self.in_definition |= found.path.is_ident("macro_rules");
        self.note_tokens(found.tokens.clone());
        self.in_definition = before;
    }

    fn visit_attribute(&mut self, found: &'ast Attribute) {
        match &found.meta {
            Meta::List(list) => self.note_tokens(list.tokens.clone()),
            Meta::NameValue(_) | Meta::Path(_) => {}
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}
