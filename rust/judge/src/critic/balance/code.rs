//! Brackets and strings in a block of code.

use super::super::Remark;
use super::markup;

/// How a language writes comments and strings.
struct Syntax {
    /// What opens a comment up to the end of the line.
    line_comments: &'static [&'static str],
    block_comment: Option<(&'static str, &'static str)>,
    /// Signs of strings that end in their line.
    quotes: &'static [char],
    /// Signs of strings that may go on over lines.
    long_quotes: &'static [&'static str],
    /// `'` holds one character at most, so that lifetimes and labels are no strings.
    short_apostrophe: bool,
    /// A closing bracket may stand alone, as in a shell's `case`.
    loose_closing: bool,
    /// `''` inside a string is a sign of it.
    doubled: bool,
}

const PLAIN: Syntax = Syntax {
    line_comments: &[],
    block_comment: None,
    quotes: &[],
    long_quotes: &[],
    short_apostrophe: true,
    loose_closing: false,
    doubled: false,
};
const C_LIKE: Syntax = Syntax {
    line_comments: &["//"],
    block_comment: Some(("/*", "*/")),
    quotes: &['"'],
    ..PLAIN
};

/// The syntax behind a fence's word; nothing for output, patches and prose.
fn syntax(language: &str) -> Option<Syntax> {
    Some(match language {
        "text" | "txt" | "console" | "output" | "diff" | "markdown" | "md" | "latex" | "tex"
        | "csv" | "log" | "regex" | "ascii" | "poem" | "mermaid" => return None,
        "python" | "py" | "python3" | "gdscript" => Syntax {
            line_comments: &["#"],
            quotes: &['"', '\''],
            long_quotes: &["\"\"\"", "'''"],
            ..PLAIN
        },
        "javascript" | "js" | "typescript" | "ts" | "jsx" | "tsx" => Syntax {
            quotes: &['"', '\''],
            long_quotes: &["`"],
            ..C_LIKE
        },
        "rust" | "rs" => Syntax {
            quotes: &[],
            long_quotes: &["\""],
            ..C_LIKE
        },
        "go" | "golang" => Syntax {
            long_quotes: &["`"],
            ..C_LIKE
        },
        "java" | "kotlin" | "kt" | "swift" | "scala" | "dart" => Syntax {
            long_quotes: &["\"\"\""],
            ..C_LIKE
        },
        "c" | "cpp" | "c++" | "cs" | "csharp" | "c#" | "objc" => C_LIKE,
        "php" => Syntax {
            quotes: &['"', '\''],
            ..C_LIKE
        },
        "css" | "scss" | "less" => Syntax {
            line_comments: &[],
            quotes: &['"', '\''],
            ..C_LIKE
        },
        "sql" | "sqlite" | "postgresql" | "mysql" => Syntax {
            line_comments: &["--"],
            block_comment: Some(("/*", "*/")),
            long_quotes: &["'"],
            doubled: true,
            ..PLAIN
        },
        "json" | "jsonc" => Syntax {
            quotes: &['"'],
            ..PLAIN
        },
        "lisp" | "scheme" | "clojure" | "elisp" => Syntax {
            line_comments: &[";"],
            long_quotes: &["\""],
            ..PLAIN
        },
        "bash" | "sh" | "shell" | "zsh" | "fish" | "powershell" | "yaml" | "yml" | "toml"
        | "ini" | "dockerfile" | "makefile" => Syntax {
            line_comments: &["#"],
            loose_closing: true,
            ..PLAIN
        },
        "ruby" | "rb" | "perl" | "r" | "julia" => Syntax {
            line_comments: &["#"],
            quotes: &['"'],
            ..PLAIN
        },
        _ => PLAIN,
    })
}

/// Checks the body of a block whose fence says this about its language.
pub(super) fn check(language: &str, body: &str) -> Remark {
    let language = language
        .split([' ', ',', '{'])
        .next()
        .unwrap_or_default()
        .to_lowercase();
    match language.as_str() {
        "html" | "xml" | "svg" | "xhtml" => return markup::check(body, true),
        "vue" | "svelte" | "jsx" | "tsx" | "php" => return Remark::NONE,
        _ => {}
    }
    syntax(&language).map_or(Remark::NONE, |syntax| syntax.check(body))
}

impl Syntax {
    fn check(&self, body: &str) -> Remark {
        let mut open: Vec<char> = Vec::new();
        let mut rest = body;
        while let Some(c) = rest.chars().next() {
            match self.skip(rest) {
                Some(Skip::To(end)) => {
                    rest = rest.get(end..).unwrap_or_default();
                    continue;
                }
                Some(Skip::Unclosed) => {
                    return Remark::new(0.3, "a string in the code is not closed");
                }
                None => {}
            }
            match c {
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                ')' | ']' | '}' => {
                    let fits = open.last() == Some(&c);
                    if fits {
                        open.pop();
                    } else if !self.loose_closing {
                        return Remark::new(0.2, "brackets in the code do not match");
                    }
                }
                _ => {}
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
        if open.is_empty() {
            Remark::NONE
        } else {
            Remark::new(0.2, "a bracket in the code is not closed")
        }
    }

    /// What at the start of a text is no code: a comment, a string, a character.
    fn skip(&self, text: &str) -> Option<Skip> {
        if self.line_comments.iter().any(|mark| text.starts_with(mark)) {
            return Some(Skip::To(text.find('\n').unwrap_or(text.len())));
        }
        if let Some((_, end)) = self
            .block_comment
            .filter(|(start, _)| text.starts_with(start))
        {
            let inner = text.get(2..)?;
            return Some(Skip::To(
                inner.find(end).map_or(text.len(), |at| at + 2 + end.len()),
            ));
        }
        if let Some(mark) = self
            .long_quotes
            .iter()
            .find(|mark| text.starts_with(**mark))
        {
            return Some(self.string(text, mark, true));
        }
        let c = text.chars().next()?;
        if self.quotes.contains(&c) {
            let mut mark = [0; 4];
            return Some(self.string(text, c.encode_utf8(&mut mark), false));
        }
        if c == '\'' && self.short_apostrophe {
            let inner = text.get(1..)?;
            let escaped = inner.starts_with('\\');
            let mut chars = inner.char_indices().skip(1 + usize::from(escaped));
            let end = chars.next().filter(|&(_, c)| c == '\'')?.0;
            return Some(Skip::To(end + 2));
        }
        None
    }

    /// Where a string ends that begins with `mark`.
    fn string(&self, text: &str, mark: &str, long: bool) -> Skip {
        let mut at = mark.len();
        while let Some(inner) = text.get(at..) {
            let Some(c) = inner.chars().next() else { break };
            if inner.starts_with(mark) {
                at += mark.len();
                let doubled =
                    self.doubled && text.get(at..).is_some_and(|next| next.starts_with(mark));
                if !doubled {
                    return Skip::To(at);
                }
                at += mark.len();
            } else if c == '\\' && !self.doubled {
                let escaped = inner.chars().nth(1).map_or(0, char::len_utf8);
                at += 1 + escaped;
            } else if c == '\n' && !long {
                return Skip::Unclosed;
            } else {
                at += c.len_utf8();
            }
        }
        Skip::Unclosed
    }
}

enum Skip {
    To(usize),
    Unclosed,
}
