//! A text parted into prose and code.

/// A fenced block.
#[derive(Debug, Clone, Copy)]
pub(in crate::critic) struct Code<'a> {
    /// What stands beside the opening fence, in the reply's case.
    pub(in crate::critic) language: &'a str,
    pub(in crate::critic) body: &'a str,
    pub(in crate::critic) closed: bool,
}

/// A text parted into prose and code.
#[derive(Debug, Clone, Default)]
pub(in crate::critic) struct Parts<'a> {
    /// What is not fenced, as it stands.
    pub(in crate::critic) outside: String,
    /// The same without inline code either: a space in its place.
    pub(in crate::critic) prose: String,
    /// Whether a backtick is left over in some paragraph.
    pub(in crate::critic) open_tick: bool,
    pub(in crate::critic) code: Vec<Code<'a>>,
}

impl<'a> Parts<'a> {
    pub(in crate::critic) fn of(text: &'a str) -> Self {
        let mut parts = Self::default();
        let mut open: Option<(&str, &str, usize)> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            match (fence(line), open) {
                (Some((mark, language)), None) => open = Some((mark, language, at)),
                (Some((mark, "")), Some((opened, language, from))) if mark.starts_with(opened) => {
                    let body = text.get(from..start).unwrap_or_default();
                    parts.code.push(Code {
                        language,
                        body,
                        closed: true,
                    });
                    open = None;
                }
                (_, None) => parts.outside.push_str(line),
                (_, Some(_)) => {}
            }
        }
        if let Some((_, language, from)) = open {
            let body = text.get(from..).unwrap_or_default();
            parts.code.push(Code {
                language,
                body,
                closed: false,
            });
        }
        parts.strip_inline();
        parts
    }

    /// Inline code does not reach beyond its paragraph, and a run of backticks ends at a run
    /// of the same length (CommonMark 0.31, 6.1).
    fn strip_inline(&mut self) {
        for paragraph in self.outside.split("\n\n") {
            let mut rest = paragraph;
            while let Some(at) = rest.find('`') {
                let (before, from) = rest.split_at(at);
                self.prose.push_str(before);
                let ticks = from.len() - from.trim_start_matches('`').len();
                let (mark, inner) = from.split_at(ticks);
                // Longer runs are no inline code that a model writes; a limit on them keeps
                // the search linear.
                let end = (ticks <= 2).then(|| inner.find(mark)).flatten();
                match end {
                    Some(end) => {
                        self.prose.push(' ');
                        rest = inner.get(end + ticks..).unwrap_or_default();
                    }
                    None => {
                        self.open_tick |= ticks <= 2;
                        // Nothing closes it here, so nothing closes a later one of its kind.
                        self.prose.push_str(inner);
                        rest = "";
                    }
                }
            }
            self.prose.push_str(rest);
            self.prose.push_str("\n\n");
        }
    }
}

/// The mark and the language of a fence line (CommonMark 0.31, 4.5).
pub(super) fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let mark = ['`', '~'].into_iter().find_map(|c| {
        let rest = line.trim_start_matches(c);
        let width = line.len() - rest.len();
        (width >= 3 && !rest.contains('`')).then_some(width)
    })?;
    let (mark, rest) = line.split_at(mark);
    Some((mark, rest.trim()))
}
