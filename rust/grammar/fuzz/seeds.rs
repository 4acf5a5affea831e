//! Writes sound grammars with replies as seeds: `cargo run --bin seeds -- corpus/grammar`.

use std::path::PathBuf;

const SEEDS: [(&str, &[&str]); 6] = [
    ("root ::= \"yes\" | \"no\"", &["ye", "s"]),
    (
        "root ::= [A-Z] [^a-z\\n]{2,3} (\" \" [\\u0430-\\u044F]+)* \"\\x41\" # end",
        &["A", "BC", " ж", "A"],
    ),
    (
        "root ::= \"(\" root \")\" | x+ | <[7]> !<[8]>\nx ::=\n  . |\n  \"\"",
        &["((", "y", "))"],
    ),
    (
        "root ::= (ws item)* \".\"\nws ::= (\" \" | [\\t])*\nitem ::= \"a\"{2} | \"b\"{1,}",
        &[" aa", "\tbbb."],
    ),
    ("root ::= ((\"a\"?)* \"b\"*)* \"c\"", &["aabb", "ac"]),
    (
        "root ::= \"a\" root \"x\" | \"a\" root \"y\" | \"b\"",
        &["aaa", "b", "xyx"],
    ),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    for (number, (grammar, reply)) in SEEDS.iter().enumerate() {
        let mut seed = grammar.as_bytes().to_vec();
        for token in *reply {
            seed.push(0xff);
            seed.extend_from_slice(token.as_bytes());
        }
        std::fs::write(directory.join(number.to_string()), seed)?;
    }
    Ok(())
}
