//! Tags of HTML and XML.

use super::super::Remark;
use super::super::text::Terms;

/// Elements that have no end (HTML Living Standard, 13.1.2).
const VOID: Terms = Terms("area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr");

/// Elements that are taken for markup in prose.
const ELEMENTS: Terms = Terms(
    "a|abbr|article|aside|b|blockquote|body|button|canvas|caption|code|dd|del|details|div|dl|dt|\
     em|figure|footer|form|h1|h2|h3|h4|h5|h6|head|header|html|i|ins|kbd|label|li|main|mark|nav|\
     ol|option|p|pre|s|section|select|small|span|strong|style|sub|summary|sup|table|tbody|td|\
     textarea|th|thead|title|tr|u|ul",
);

/// Checks that tags close in order. In prose only elements of HTML count; `all` counts every
/// name, as in a block of XML.
pub(super) fn check(text: &str, all: bool) -> Remark {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at..).unwrap_or_default();
        if let Some(inner) = rest.strip_prefix("<!--") {
            rest = inner.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some(tag) = Tag::at_start(rest) else {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        };
        rest = rest.get(tag.width..).unwrap_or_default();
        let known = |list: Terms| list.iter().any(|name| name.eq_ignore_ascii_case(tag.name));
        if tag.closed_itself || known(VOID) || !(all || known(ELEMENTS)) {
            continue;
        }
        if !tag.end {
            open.push(tag.name);
        } else if !open
            .pop()
            .is_some_and(|name| name.eq_ignore_ascii_case(tag.name))
        {
            return Remark::new(0.3, "tags do not match");
        }
    }
    if open.is_empty() {
        Remark::NONE
    } else {
        Remark::new(0.4, "a tag is not closed")
    }
}

struct Tag<'a> {
    name: &'a str,
    end: bool,
    closed_itself: bool,
    width: usize,
}

impl<'a> Tag<'a> {
    /// A tag that a text begins with, attributes of at most 2,000 bytes included.
    fn at_start(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('<')?;
        let end = inner.starts_with('/');
        let body = inner.strip_prefix('/').unwrap_or(inner);
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
        let name_len = body.char_indices().take(64).find(|&(_, c)| !named(c))?.0;
        let (name, after) = body.split_at(name_len);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic())
            || !after.starts_with(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
        {
            return None;
        }
        let mut quote = None;
        for (at, c) in after.char_indices().take(2_000) {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if c == open => quote = None,
                (None, '>') => {
                    let closed_itself = after
                        .get(..at)
                        .is_some_and(|text| text.trim_end().ends_with('/'));
                    let width = text.len() - after.len() + at + 1;
                    return Some(Self {
                        name,
                        end,
                        closed_itself,
                        width,
                    });
                }
                (None, '<') => return None,
                _ => {}
            }
        }
        None
    }
}
