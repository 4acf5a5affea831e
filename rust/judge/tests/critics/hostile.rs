//! Texts that are long and hostile to scanners that look back.

/// Of so many bytes each.
pub(crate) fn hostile(bytes: usize) -> Vec<String> {
    let seeds = [
        "a",
        "( ",
        "[{(",
        "```\n",
        "``` ",
        "<",
        "<a ",
        "<div>",
        "<|",
        "<think>",
        "{{",
        "**",
        "“",
        "\"",
        "'",
        "12 ",
        "1.",
        "+1 ",
        "DE12",
        "a@",
        "@b.c",
        "1600 Main ",
        "\n",
        "\n- ",
        "。",
        "的",
        "的是",
        "User: ",
        "no, ",
        "I can't ",
        "the cat sat on ",
        "🙂",
        "e\u{301}",
        "\u{202e}",
        "1,",
        "Anna Berg ",
        "12 May ",
        "3 pm ",
        "20 apples, ",
        "{\"a\":",
        "&",
        "|",
        "0",
        "//",
        "/*",
        "`a ",
        "\u{0}",
        "word ",
        "Ġ",
        "▁",
        "in 20 words ",
        "##",
        "```python\n\"",
        "```js\n`",
        "```rust\n/*",
        "x\u{2028}",
        ":(",
    ];
    let mut texts: Vec<String> = seeds
        .iter()
        .map(|seed| seed.repeat(bytes / seed.len()))
        .collect();
    let mixed = texts
        .iter()
        .map(|text| text.chars().take(bytes / 60).collect::<String>());
    let mixed: String = mixed.collect();
    texts.push(mixed);
    // Words that never repeat.
    texts.push((0..bytes / 7).map(|n| format!("w{n:05} ")).collect());
    texts
}
