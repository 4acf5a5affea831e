//! Where `unsafe` stands.

use proc_macro2::{TokenStream, TokenTree};
use syn::{AttrStyle, Meta};

/// The lines of a file in which the word stands as code: blocks, functions, traits,
/// implementations and attributes, inside macros too.
///
/// # Errors
/// What is wrong where the file does not parse.
pub fn unsafe_lines(text: &str) -> Result<Vec<usize>, String> {
    let tokens: TokenStream = text.parse().map_err(|error| format!("{error}"))?;
    let mut lines = Vec::new();
    find(tokens, &mut lines);
    Ok(lines)
}

fn find(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => find(group.stream(), lines),
            TokenTree::Ident(ident) if ident == "unsafe" => lines.push(ident.span().start().line),
            _ => {}
        }
    }
}

/// Whether a crate's root forbids unsafe code, on its first lines and without conditions.
///
/// # Errors
/// What is wrong where the file does not parse.
pub fn forbids_unsafe(text: &str) -> Result<bool, String> {
    let file = syn::parse_file(text).map_err(|error| format!("{error}"))?;
    Ok(file.attrs.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => {
            matches!(attribute.style, AttrStyle::Inner(_))
                && list.path.is_ident("forbid")
                && list.tokens.to_string() == "unsafe_code"
        }
        Meta::NameValue(_) | Meta::Path(_) => false,
    }))
}
