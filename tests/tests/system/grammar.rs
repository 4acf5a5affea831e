//! Our grammars against llama.cpp's own sampler, over a real vocabulary: the same tokens
//! are allowed at each step of replies under grammars that llama.cpp survives.

use std::sync::Arc;

use pocketune_grammar::{Grammar, Matcher, TokenText};
use pocketune_tests::reference::Reference;
use pocketune_tests::smollm2;

const GRAMMARS: [&str; 9] = [
    "root ::= \"yes\" | \"no\" | \"perhaps, \" root",
    "root ::= [A-Z] [a-z]{2,8} (\" \" [a-z]+){0,3} [.!?]",
    "root ::= .{1,20}",
    "root ::= [^a-zA-Z]+ \"\\n\"",
    "root ::= (\"日本\" | \"é\" | [а-я]+ | \"😀\"){1,3} \"x\"?",
    "root ::= \"(\" root \")\" | [0-9]+ | root2 \"+\" root\nroot2 ::= [0-9] \"*\"",
    "root ::= ws (item ws)* \"end\"\nws ::= [ \\t\\n]{0,4}\nitem ::= \"-\" [a-z]{0,3} # items\n\n",
    "root ::= object\n\
     value ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n\
     object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? \"}\" ws\n\
     array ::= \"[\" ws (value (\",\" ws value)*)? \"]\" ws\n\
     string ::= \"\\\"\" ([^\"\\\\\\x7F\\x01-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4}))* \"\\\"\" ws\n\
     number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws\n\
     ws ::= | \" \" | \"\\n\" [ \\t]{0,20}",
    "root ::= \"a\"? \"b\"* (\"c\" | \"cc\")+ | \"\" \"ab\" \"c\"{3} \"d\"{2,}",
];

#[test]
fn the_same_tokens_are_allowed_as_by_llama_cpp() {
    let reference = Reference::load(&smollm2());
    for (number, gbnf) in GRAMMARS.iter().enumerate() {
        for seed in 0..2 {
            walk(&reference, gbnf, number * 7919 + seed * 104_729);
        }
    }
}

/// Follows one reply of tokens that a number chooses among those allowed.
fn walk(reference: &Reference, gbnf: &str, mut chance: usize) {
    let mut theirs = reference.grammar(gbnf);
    let texts = theirs.texts();
    let ends: Vec<bool> = (0..)
        .take(texts.len())
        .map(|token| theirs.ends(token))
        .collect();
    let text = |token: u32| TokenText {
        bytes: &texts[token as usize],
        ends: ends[token as usize],
    };
    let grammar = Grammar::parse(gbnf, "root", &|_| None).unwrap();
    let mut ours = Matcher::new(Arc::new(grammar)).unwrap();
    for step in 0..12 {
        let expected = theirs.allowed();
        let mut logits = vec![0.0f32; texts.len()];
        ours.mask(&mut logits, text).unwrap();
        let mut allowed = Vec::new();
        for token in (0u32..).take(texts.len()) {
            let TokenText { bytes, ends } = text(token);
            // llama.cpp writes control tokens out, which a reply does not show, and lets a
            // reply end inside of a character.
            let seen = ends || !bytes.is_empty();
            let here = logits[token as usize] == 0.0;
            let same = here == expected[token as usize] || (ends && !here);
            assert!(
                !seen || same,
                "{gbnf}, step {step}: {:?} is {here} here",
                String::from_utf8_lossy(bytes)
            );
            if here && !ends {
                allowed.push(token);
            }
        }
        if allowed.is_empty() {
            assert!(ours.is_finished(), "{gbnf}");
            return;
        }
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let token = allowed[(chance >> 33) % allowed.len()];
        ours.accept(token, text(token)).unwrap();
        theirs.accept(i32::try_from(token).unwrap());
    }
}
