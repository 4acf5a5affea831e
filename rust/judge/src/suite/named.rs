//! Which of an item's choices a reply names.
//!
//! Choices mostly share a sentence ("The capital of Germany is …"). What tells them apart is
//! looked for: each choice without the words that all begin and all end with. A reply names a
//! choice when these words stand in it, one after the other. A word is a run of letters and
//! digits, with signs between digits ("1,000"); case counts where it is one word of one or two
//! characters ("He" is helium, "he" is not), and an s at a word's end does not ("newtons").
//! Choices that no words tell apart are looked for as they stand.
//!
//! It reads words, not meaning: "not Berlin" names Berlin, "five" is not "5", and a reply that
//! weighs two choices names both.

use std::cmp::Reverse;

/// A word of so many characters is a symbol, whose case counts.
const SYMBOL_CHARACTERS_MAX: usize = 2;

/// Whether `reply` names the choice at `answer` and no other one. What was read as a longer
/// choice is not read as a shorter one again: "New Guinea" does not name Guinea.
pub(super) fn names_only(reply: &str, choices: &[String], answer: usize) -> bool {
    let by_words: Vec<Vec<String>> = choices.iter().map(|choice| words(choice)).collect();
    let parts = apart(&by_words);
    if parts.iter().any(|part| part.is_empty()) {
        return as_they_stand(reply, choices, answer);
    }
    let mut longest_first: Vec<usize> = (0..parts.len()).collect();
    longest_first.sort_by_key(|&at| Reverse(parts.get(at).map_or(0, |part| part.len())));
    let mut left = words(reply);
    let mut named = Vec::new();
    for at in longest_first {
        let part = parts.get(at).copied().unwrap_or_default();
        if take(&mut left, part) {
            named.push(at);
        }
    }
    named == [answer]
}

/// The same of choices that differ by signs only.
fn as_they_stand(reply: &str, choices: &[String], answer: usize) -> bool {
    let plain = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    let reply = plain(reply);
    let named = choices.iter().map(|choice| reply.contains(&plain(choice)));
    { named.enumerate() }.all(|(at, named)| named == (at == answer))
}

/// What is left of each where all begin and all end the same.
fn apart(choices: &[Vec<String>]) -> Vec<&[String]> {
    let shortest = choices.iter().map(Vec::len).min().unwrap_or(0);
    let same = |word: &dyn Fn(&Vec<String>) -> Option<String>| {
        let mut words = choices.iter().map(word);
        let first = words.next();
        words.all(|word| Some(&word) == first.as_ref())
    };
    let lower = |word: Option<&String>| word.map(|word| word.to_lowercase());
    let start = (0..shortest)
        .take_while(|&at| same(&|choice| lower(choice.get(at))))
        .count();
    let end = (1..=shortest - start)
        .take_while(|&back| same(&|choice| lower(choice.get(choice.len() - back))))
        .count();
    let part = |choice: &'_ Vec<String>| start..choice.len().saturating_sub(end);
    choices
        .iter()
        .map(|choice| choice.get(part(choice)).unwrap_or_default())
        .collect()
}

/// Takes `part` out of `words` wherever it stands, and says whether it did. A gap stays, across
/// which nothing is read.
fn take(words: &mut Vec<String>, part: &[String]) -> bool {
    let exact = matches!(part, [word] if word.chars().count() <= SYMBOL_CHARACTERS_MAX);
    let same = |a: &String, b: &String| match exact {
        true => a == b,
        false => singular(a) == singular(b),
    };
    let mut rest = Vec::new();
    let mut found = false;
    let mut from = words.as_slice();
    while let Some((first, after)) = from.split_first() {
        let start = from.get(..part.len()).unwrap_or_default();
        let here = start.len() == part.len() && start.iter().zip(part).all(|(a, b)| same(a, b));
        found |= here;
        rest.push(if here { String::new() } else { first.clone() });
        from = if here {
            from.get(part.len()..).unwrap_or_default()
        } else {
            after
        };
    }
    *words = rest;
    found
}

/// A word in lower case, without an s at its end where more than three letters are before it.
fn singular(word: &str) -> String {
    let word = word.to_lowercase();
    match word.strip_suffix('s') {
        Some(stem) if stem.chars().count() > 3 => stem.to_owned(),
        _ => word,
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let between = matches!(character, '.' | ',' | ':' | '/' | '\'')
            && digit(word.chars().last())
            && digit(characters.peek().copied());
        if character.is_alphanumeric() || between {
            word.push(character);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::names_only;

    fn named(reply: &str, choices: [&str; 3]) -> bool {
        names_only(reply, &choices.map(str::to_owned), 0)
    }

    const CAPITALS: [&str; 3] = [
        "The capital of Germany is Berlin.",
        "The capital of Germany is Zurich.",
        "The capital of Germany is New Prague.",
    ];

    #[test]
    fn the_words_that_differ_are_looked_for() {
        assert!(named("berlin!", CAPITALS));
        assert!(named("It is **Berlin**, on the Spree.", CAPITALS));
        assert!(named("Prague is new; the capital is Berlin", CAPITALS));
        assert!(!named("I do not know the capital of Germany.", CAPITALS));
        assert!(named("two Berlins", CAPITALS));
        assert!(!named("The Berliner Dom", CAPITALS));
        assert!(!named("Berlin, not Zurich", CAPITALS));
        assert!(!named("Berlin or New Prague", CAPITALS));
        assert!(!named("", CAPITALS));
    }

    #[test]
    fn what_holds_another_choice_is_told_from_it() {
        let longer = ["It is New Guinea.", "It is Guinea.", "It is Chad."];
        assert!(named("New Guinea is.", longer));
        assert!(!named("New Guinea, or Guinea", longer));
        let shorter = ["It is Guinea.", "It is New Guinea.", "It is Chad."];
        assert!(named("Guinea", shorter));
        assert!(!named("New Guinea", shorter));
    }

    #[test]
    fn numbers_symbols_and_signs_are_whole() {
        let numbers = ["It is 5.", "It is 1.5.", "It is 1,000."];
        assert!(named("x=5", numbers));
        assert!(!named("1.5", numbers) && !named("0.5", numbers));
        let symbols = ["Iron is Fe.", "Iron is He.", "Iron is A."];
        assert!(named(
            "He said he saw a sign: Fe",
            ["Iron is Fe.", "Iron is Pb.", "Iron is A."]
        ));
        assert!(!named("He said Fe", symbols) && named("so he said Fe", symbols));
        let signs = ["It has an @.", "It has an &.", "It has an #."];
        assert!(named("Well, it  has an @. Always.", signs));
        assert!(!named("@", signs));
    }
}
