//! The form that a prompt plainly demands, in English and German.
//!
//! Only demands that leave no doubt: "as a JSON object", "in one word", "in three bullet
//! points", "answer yes or no", "in einem Satz". A prompt that is about a form ("how do I parse
//! JSON?", "the article has three bullet points") demands none.

use super::exchange::Format;
use super::text::{Plain, Terms, plain, sentences};

/// What a prompt demands, the most particular demand first.
pub(super) fn demanded(prompt: &str) -> Option<Format> {
    sentences(prompt)
        .into_iter()
        .map(plain)
        .find_map(|sentence| of_sentence(&sentence))
}

fn of_sentence(sentence: &Plain) -> Option<Format> {
    if Terms(
        "in one word|in a single word|with one word|one word only|only one word|one word answer|\
         in einem wort|mit einem wort|in just one word|with a single word",
    )
    .found_in(sentence)
    {
        return Some(Format::SingleWord);
    }
    if Terms(
        "with a number only|only a number|just the number|only the number|just a number|\
         nur mit einer zahl|nur die zahl|number only",
    )
    .found_in(sentence)
    {
        return Some(Format::Number);
    }
    json(sentence)
        .or_else(|| yes_no(sentence))
        .or_else(|| list(sentence))
        .or_else(|| table(sentence))
        .or_else(|| few_sentences(sentence))
}

fn json(sentence: &Plain) -> Option<Format> {
    let about = Terms("parse|read a json|difference|what is|was ist|why|convert this json|explain");
    if about.found_in(sentence) {
        return None;
    }
    let as_json = Terms(
        "as json|as valid json|in json|valid json|json only|only json|output json|return json|\
         json format|as a json|to json|als json|als gültiges json|im json format",
    )
    .found_in(sentence);
    let a = |kind: &str| {
        ["as a json", "as json", "a json", "als json"]
            .iter()
            .any(|start| sentence.mentions(&format!("{start} {kind}")))
    };
    if as_json && (a("array") || a("list")) {
        Some(Format::JsonArray)
    } else if as_json && (a("object") || a("objekt")) {
        Some(Format::JsonObject)
    } else {
        as_json.then_some(Format::Json)
    }
}

fn yes_no(sentence: &Plain) -> Option<Format> {
    let asked = Terms("yes or no|ja oder nein|yes/no|mit ja|oui ou non|sí o no").found_in(sentence);
    let verbs =
        Terms("answer|answers|reply|respond|say|antworte|antworten|réponds|responde|only|just");
    let opens = [" yes or no ", " ja oder nein "]
        .iter()
        .any(|start| sentence.starts_with(start));
    let demands = verbs.found_in(sentence) && !Terms("said|he|she").found_in(sentence) || opens;
    (asked && demands).then_some(Format::YesNo)
}

fn list(sentence: &Plain) -> Option<Format> {
    let numbered = Terms("numbered list|nummerierte liste|numbered steps|nummerierten liste")
        .found_in(sentence);
    let bullets = Terms(
        "bullet point|bullet points|bullets|bulleted list|bullet list|stichpunkt|stichpunkte|\
         stichpunkten|aufzählungspunkte|aufzählungspunkten|stichworten",
    )
    .found_in(sentence);
    let wants = Terms(
        "in|as|give|list|write|use|make|with|nenne|schreibe|gib|als|mit|answer|create|show|\
         summarize|summarise",
    )
    .found_in(sentence);
    let exists =
        Terms("has|have|had|which|wrote|contains|what is|hat|welche*|are").found_in(sentence);
    if !(numbered || bullets) || !wants || exists {
        return None;
    }
    let count = count(sentence);
    Some(if numbered {
        Format::NumberedList { count }
    } else {
        Format::List { count }
    })
}

fn table(sentence: &Plain) -> Option<Format> {
    let asked = Terms(
        "in a table|as a table|in a markdown table|as a markdown table|in table form|\
         in tabular form|als tabelle|in einer tabelle",
    )
    .found_in(sentence);
    let verbs = Terms(
        "compare|show|give|list|write|put|make|present|vergleiche|zeige|format|summarize|\
         summarise|answer|stelle",
    )
    .found_in(sentence);
    (asked && verbs).then_some(Format::Table)
}

fn few_sentences(sentence: &Plain) -> Option<Format> {
    if Terms(
        "in one sentence|in a single sentence|in einem satz|with one sentence|write one sentence|\
         in just one sentence|en une phrase|en una frase",
    )
    .found_in(sentence)
    {
        return Some(Format::SingleSentence);
    }
    let openers =
        Terms("in|write|use|with|most|schreibe|maximum|max|than|give me|only|just|höchstens");
    let units = Terms("sentences|short sentences|sätzen|sätze|kurzen sätzen");
    (2..=10).find_map(|value: u32| {
        let names = [
            number_word(value)?.0.to_owned(),
            number_word(value)?.1.to_owned(),
            value.to_string(),
        ];
        let asked = names.iter().any(|name| {
            let unit = |opener: &str| {
                units
                    .iter()
                    .any(|unit| sentence.mentions(&format!("{opener} {name} {unit}")))
            };
            sentence.contains(name.as_str()) && openers.iter().any(unit)
        });
        asked.then_some(Format::Sentences { max: value })
    })
}

/// The only number of a sentence, in digits or as a word.
fn count(sentence: &Plain) -> Option<u32> {
    let mut numbers = sentence.split_ascii_whitespace().filter_map(|word| {
        let named = (2..=10)
            .find(|&value| number_word(value).is_some_and(|(en, de)| en == word || de == word));
        named.or_else(|| word.parse().ok())
    });
    let first = numbers.next()?;
    numbers.next().is_none().then_some(first)
}

fn number_word(value: u32) -> Option<(&'static str, &'static str)> {
    const NAMES: [(&str, &str); 9] = [
        ("two", "zwei"),
        ("three", "drei"),
        ("four", "vier"),
        ("five", "fünf"),
        ("six", "sechs"),
        ("seven", "sieben"),
        ("eight", "acht"),
        ("nine", "neun"),
        ("ten", "zehn"),
    ];
    NAMES
        .get(usize::try_from(value.checked_sub(2)?).ok()?)
        .copied()
}
