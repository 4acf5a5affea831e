//! Another language or script than was asked for.
//!
//! The expected language is the stated one, or the one that the prompt demands ("in Spanish"),
//! or the one it is written in. What stands in quotes, in code or in addresses has no
//! language. Scripts are counted; among languages of one script the frequent function words
//! vote (see [`votes`]), and whatlang's trigrams decide over long texts without votes. Caught:
//! a reply in another language, a slip into another script, a passage in another language.
//! Not caught: names, titles and terms of other languages, glosses in brackets, short replies
//! without a function word. Close relatives (Danish and Norwegian) count as one.

mod languages;
mod votes;

use super::Remark;
use super::reading::Reading;
use super::text::{Parts, Terms, plain, sentences, without_quotes};

use languages::{Language, Script, script_of};
use votes::{Votes, lead};

/// Bytes of a reply that are looked at: where a language is told at all, it is told by then.
const SPEECH_BYTES_MAX: usize = 8_000;

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    let speech = speech(reading);
    let counts = ScriptCounts::of(&speech);
    if counts.letters < 2 {
        return Remark::NONE;
    }
    let expected = expected(reading);
    if expected.is_empty() {
        // Latin letters are everywhere; another script out of nothing is not.
        let wrong = counts.letters >= 4 && !counts.is_mostly(Script::Latin) && latin(reading);
        return if wrong { other_script() } else { Remark::NONE };
    }
    wrong_script(reading, &counts, &expected, &speech)
        .or(wrong_language(&speech, &expected))
        .or(passages(&speech, &expected))
}

fn other_script() -> Remark {
    Remark::new(0.1, "it is written in another script")
}

/// What of a reply is in its own words.
fn speech(reading: &Reading<'_>) -> String {
    let prose = &reading.parts.prose;
    let end = (0..=SPEECH_BYTES_MAX.min(prose.len()))
        .rev()
        .find(|&end| prose.is_char_boundary(end));
    let unquoted = without_quotes(prose.get(..end.unwrap_or(0)).unwrap_or_default());
    let mut speech = String::with_capacity(unquoted.len());
    for piece in unquoted.split_inclusive(char::is_whitespace) {
        // Addresses, paths and tags are in no language.
        let foreign = ["://", "@", "<", ">", "=\""]
            .iter()
            .any(|sign| piece.contains(sign));
        if !(foreign || piece.starts_with(['/', '\\'])) {
            speech.push_str(piece);
        }
    }
    speech
}

/// Whether what came before the reply is in Latin letters only.
fn latin(reading: &Reading<'_>) -> bool {
    reading.sources().all(|source| {
        source
            .chars()
            .all(|c| matches!(script_of(c), None | Some(Script::Latin)))
    })
}

/// The languages that a reply may be in; empty when nothing can be told.
fn expected(reading: &Reading<'_>) -> Vec<Language> {
    let exchange = reading.exchange;
    if let Some(code) = &exchange.expect.language {
        return Language::of_code(code).into_iter().collect();
    }
    let named = languages::named(&reading.prompt_plain, exchange.prompt);
    let about_words = Terms("say|called|word|mean|means|sagt|heißt|nennt|dit|dice|phrase");
    let demanded: Vec<Language> = named
        .iter()
        .filter_map(|&(language, demanded)| demanded.then_some(language))
        .collect();
    if !demanded.is_empty() && !about_words.found_in(&reading.prompt_plain) {
        return demanded;
    }
    let prompt = Parts::of(exchange.prompt).prose;
    let mut languages = written_in(&without_quotes(&prompt));
    if languages.is_empty() {
        return languages;
    }
    languages.extend(named.into_iter().map(|(language, _)| language));
    languages
}

/// The languages that a text may be written in.
fn written_in(text: &str) -> Vec<Language> {
    let counts = ScriptCounts::of(text);
    let languages = counts.languages();
    if !languages.is_empty() {
        return languages;
    }
    let votes = Votes::of(&plain(text));
    let most = votes.most();
    if most.1 >= 2 {
        return votes.at_least(2.max((most.1 * 4).div_ceil(5)));
    }
    guess(text).into_iter().collect()
}

/// What trigrams say about a long text.
fn guess(text: &str) -> Option<Language> {
    let info = whatlang::detect(text)?;
    let long = text.chars().filter(|c| c.is_alphabetic()).count() >= 60;
    (long && info.is_reliable()).then(|| Language::of(info.lang()))
}

/// A reply in the letters of another script, or a slip into one.
fn wrong_script(
    reading: &Reading<'_>,
    counts: &ScriptCounts,
    expected: &[Language],
    speech: &str,
) -> Remark {
    let fits = |script| {
        expected
            .iter()
            .any(|language| language.scripts().contains(&script))
    };
    let foreign = Script::ALL.into_iter().filter(|&script| !fits(script));
    let share = foreign
        .map(|script| counts.of_script(script))
        .sum::<usize>() as f64
        / counts.letters.max(1) as f64;
    if fits(Script::Latin) {
        let slip = longest_foreign_run(speech, &fits) >= 3 && latin(reading);
        return match (share > 0.5 && counts.letters >= 4, slip) {
            (true, _) => other_script(),
            (_, true) => Remark::new(0.4, "it slips into another script"),
            _ => Remark::NONE,
        };
    }
    let latin = counts.of_script(Script::Latin) as f64 / counts.letters.max(1) as f64;
    // Terms and names stand in Latin letters in every script; sentences do not.
    let sentence = lead(&Votes::of(&plain(speech)), &[]).is_some();
    if latin > 0.7 && sentence || share - latin > 0.5 {
        return other_script();
    }
    let (han, kana) = (
        counts.of_script(Script::Han),
        counts.of_script(Script::Kana),
    );
    let only = |language: Language| expected.iter().all(|&other| other == language);
    if only(Language::JAPANESE) && kana == 0 && han >= 8 {
        return Remark::new(0.2, "it is in Chinese rather than Japanese");
    }
    Remark::NONE
}

/// Letters of a foreign script in one run, outside brackets. Spaces do not end it.
fn longest_foreign_run(speech: &str, fits: &impl Fn(Script) -> bool) -> usize {
    let (mut longest, mut run, mut depth) = (0, 0, 0usize);
    for c in speech.chars() {
        match c {
            '(' | '（' | '[' => depth += 1,
            ')' | '）' | ']' => depth = depth.saturating_sub(1),
            '\n' => depth = 0,
            _ => {}
        }
        match script_of(c) {
            Some(script) if depth == 0 && !fits(script) => run += 1,
            None if c == ' ' => {}
            _ => run = 0,
        }
        longest = longest.max(run);
    }
    longest
}

/// A reply whose function words are those of another language.
fn wrong_language(speech: &str, expected: &[Language]) -> Remark {
    let votes = Votes::of(&plain(speech));
    if !expected.iter().any(|language| language.votes()) {
        return Remark::NONE;
    }
    if lead(&votes, expected).is_some() {
        return Remark::new(0.1, "it is in another language");
    }
    let silent = votes.most().1 == 0;
    let other = || guess(speech).filter(|other| !expected.contains(other));
    if silent && other().is_some() {
        return Remark::new(0.3, "it seems to be in another language");
    }
    Remark::NONE
}

/// Sentences of another language that make up a third of a reply.
fn passages(speech: &str, expected: &[Language]) -> Remark {
    if !expected.iter().any(|language| language.votes()) {
        return Remark::NONE;
    }
    let (mut all, mut foreign) = (0, 0);
    for sentence in sentences(speech) {
        let votes = Votes::of(&plain(sentence));
        all += votes.words;
        if votes.words >= 6 && votes.most().1 >= 3 && lead(&votes, expected).is_some() {
            foreign += votes.words;
        }
    }
    if foreign * 10 >= all * 3 && foreign > 0 {
        Remark::new(0.4, "a passage is in another language")
    } else {
        Remark::NONE
    }
}

/// How many letters of each script a text has.
struct ScriptCounts {
    counts: [usize; Script::ALL.len()],
    letters: usize,
}

impl ScriptCounts {
    fn of(text: &str) -> Self {
        let mut counts = [0; Script::ALL.len()];
        for script in text.chars().filter_map(script_of) {
            if let Some(count) = counts.get_mut(script as usize) {
                *count += 1;
            }
        }
        Self {
            counts,
            letters: counts.iter().sum(),
        }
    }

    fn of_script(&self, script: Script) -> usize {
        self.counts.get(script as usize).copied().unwrap_or(0)
    }

    fn is_mostly(&self, script: Script) -> bool {
        self.of_script(script) * 2 > self.letters
    }

    /// Languages that the scripts alone give away.
    fn languages(&self) -> Vec<Language> {
        let (han, kana) = (self.of_script(Script::Han), self.of_script(Script::Kana));
        // A Latin instruction about a text in another script is not in that script.
        if self.of_script(Script::Latin) > self.letters / 2 {
            return Vec::new();
        }
        if kana > 0 && (han + kana) * 2 > self.letters {
            return vec![Language::JAPANESE];
        }
        if han * 2 > self.letters {
            // Few characters without kana may be either.
            return if han <= 4 {
                vec![Language::CHINESE, Language::JAPANESE]
            } else {
                vec![Language::CHINESE]
            };
        }
        let main = Script::ALL
            .into_iter()
            .max_by_key(|&script| self.of_script(script));
        main.map_or_else(Vec::new, Language::of_script)
    }
}
