//! Text literals and Python's way of writing text.

/// The text of a literal between its quotes, with Python's escapes.
pub(crate) fn unescape(literal: &str) -> Result<String, String> {
    let mut text = String::with_capacity(literal.len());
    let mut chars = literal.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        let Some(escape) = chars.next() else {
            return Err("a backslash ends the text".to_owned());
        };
        let code = match escape {
            '\n' => continue,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\\' | '\'' | '"' => escape,
            'x' => hexadecimal(&mut chars, 2)?,
            'u' => utf16(&mut chars)?,
            'U' => hexadecimal(&mut chars, 8)?,
            'N' => return Err("characters by name (`\\N`) are not supported".to_owned()),
            '0'..='7' => octal(escape, &mut chars),
            other => {
                // Python keeps the backslash of an escape that it does not know.
                text.push('\\');
                other
            }
        };
        text.push(code);
    }
    Ok(text)
}

fn hexadecimal(chars: &mut std::str::Chars<'_>, digits: usize) -> Result<char, String> {
    char::from_u32(hexadecimal_value(chars, digits)?)
        .ok_or_else(|| "an escape names no character".to_owned())
}

fn hexadecimal_value(chars: &mut std::str::Chars<'_>, digits: usize) -> Result<u32, String> {
    let mut value = 0u32;
    for _ in 0..digits {
        let digit = chars.next().and_then(|char| char.to_digit(16));
        let digit = digit.ok_or("an escape has too few hexadecimal digits")?;
        value = value.wrapping_mul(16) + digit;
    }
    Ok(value)
}

/// `\u` with four digits; two of them for characters beyond the first plane.
fn utf16(chars: &mut std::str::Chars<'_>) -> Result<char, String> {
    let first = hexadecimal_value(chars, 4)?;
    if let Some(char) = char::from_u32(first) {
        return Ok(char);
    }
    let mut ahead = chars.clone();
    if (0xD800..0xDC00).contains(&first) && ahead.next() == Some('\\') && ahead.next() == Some('u')
    {
        let second = hexadecimal_value(&mut ahead, 4)?;
        if (0xDC00..0xE000).contains(&second) {
            *chars = ahead;
            let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
    Err("half a surrogate pair is no character".to_owned())
}

fn octal(first: char, chars: &mut std::str::Chars<'_>) -> char {
    let mut value = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = chars.clone().next().and_then(|char| char.to_digit(8)) else {
            break;
        };
        value = value * 8 + digit;
        chars.next();
    }
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(unescape(r"a\n\x41\u00e9\101\q").unwrap(), "a\nAéA\\q");
        assert_eq!(unescape(r"\ud83d\ude00").unwrap(), "😀");
        assert!(unescape(r"\ud83d").is_err());
        assert!(unescape(r"\x4").is_err());
    }
}
