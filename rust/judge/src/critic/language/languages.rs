//! Languages, their scripts, and their names in prompts.

use whatlang::Lang;

use super::super::text::{Plain, Terms};
use super::votes;

/// A language; close relatives are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Language(Lang);

/// A script, or a family of scripts that is enough to tell languages apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Han,
    Kana,
    Hangul,
    Arabic,
    Hebrew,
    /// The scripts of India, Thailand and their neighbours, Armenian, Georgian, Ethiopic:
    /// by their block.
    Other,
}

impl Script {
    pub(super) const ALL: [Self; 9] = [
        Self::Latin,
        Self::Cyrillic,
        Self::Greek,
        Self::Han,
        Self::Kana,
        Self::Hangul,
        Self::Arabic,
        Self::Hebrew,
        Self::Other,
    ];
}

/// The script of a letter. Signs, digits, fullwidth and mathematical letters have none.
pub(super) fn script_of(c: char) -> Option<Script> {
    Some(match c {
        'a'..='z' | 'A'..='Z' => Script::Latin,
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' if c.is_alphabetic() => Script::Latin,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' if c.is_alphabetic() => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{590}'..='\u{5ff}' => Script::Hebrew,
        '\u{600}'..='\u{77f}' if c.is_alphabetic() => Script::Arabic,
        '\u{3041}'..='\u{30fa}' => Script::Kana,
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => {
            Script::Han
        }
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => Script::Hangul,
        '\u{530}'..='\u{58f}' | '\u{900}'..='\u{10ff}' | '\u{1200}'..='\u{17ff}'
            if c.is_alphabetic() =>
        {
            Script::Other
        }
        _ => return None,
    })
}

impl Language {
    pub(super) const JAPANESE: Self = Self(Lang::Jpn);
    pub(super) const CHINESE: Self = Self(Lang::Cmn);

    pub(super) fn of(lang: Lang) -> Self {
        // Written Danish and Norwegian share nearly all their function words.
        Self(if lang == Lang::Nob { Lang::Dan } else { lang })
    }

    /// A language by its ISO 639-1 or 639-3 code, with or without a region.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        let code = code.split(['-', '_']).next()?.to_ascii_lowercase();
        let long = CODES.iter().find(|(short, _)| *short == code);
        Lang::from_code(long.map_or(code.as_str(), |(_, long)| long)).map(Self::of)
    }

    /// The languages that a script, other than Latin, Han and kana, may stand for.
    pub(super) fn of_script(script: Script) -> Vec<Self> {
        let langs: &[Lang] = match script {
            Script::Cyrillic => &[Lang::Rus, Lang::Ukr, Lang::Bul, Lang::Bel, Lang::Mkd],
            Script::Greek => &[Lang::Ell],
            Script::Hangul => &[Lang::Kor],
            Script::Arabic => &[Lang::Ara, Lang::Pes, Lang::Urd],
            Script::Hebrew => &[Lang::Heb],
            Script::Other => &[Lang::Hin],
            Script::Latin | Script::Han | Script::Kana => &[],
        };
        langs.iter().copied().map(Self::of).collect()
    }

    pub(super) fn scripts(self) -> &'static [Script] {
        use whatlang::Lang::{
            Amh, Ara, Bel, Ben, Bul, Cmn, Ell, Guj, Heb, Hin, Hye, Jpn, Kan, Kat, Khm, Kor, Mal,
            Mar, Mkd, Mya, Nep, Ori, Pan, Pes, Rus, Sin, Srp, Tam, Tel, Tha, Ukr, Urd, Yid,
        };
        match self.0 {
            Cmn => &[Script::Han],
            Jpn => &[Script::Han, Script::Kana],
            Kor => &[Script::Hangul, Script::Han],
            Rus | Ukr | Bul | Bel | Mkd => &[Script::Cyrillic],
            Srp => &[Script::Cyrillic, Script::Latin],
            Ell => &[Script::Greek],
            Ara | Pes | Urd => &[Script::Arabic],
            Heb | Yid => &[Script::Hebrew],
            Hin | Ben | Guj | Pan | Tam | Tel | Kan | Mal | Mar | Nep | Ori | Sin | Tha | Mya
            | Khm | Kat | Hye | Amh => &[Script::Other],
            _ => &[Script::Latin],
        }
    }

    /// Whether its function words are known.
    pub(super) fn votes(self) -> bool {
        votes::languages().any(|language| language == self)
    }
}

/// Languages whose name stands in a prompt, and whether the reply is demanded in it.
pub(super) fn named(prompt: &Plain, raw: &str) -> Vec<(Language, bool)> {
    let before = Terms("in|into|to|auf|ins|en|em|vers|na|på|in het|ne|al");
    let mut found = Vec::new();
    for (lang, names) in NAMES {
        for name in names.iter() {
            let native = !name.is_ascii() && raw.contains(name);
            let Some(at) = prompt.place_of(name) else {
                if native {
                    found.push((Language::of(*lang), true));
                }
                continue;
            };
            let demanded = before.iter().any(|word| {
                prompt
                    .get(..at)
                    .is_some_and(|text| text.ends_with(&format!(" {word} ")))
            });
            let task = prompt.mentions("translate") || prompt.mentions("übersetz*");
            let source = prompt.mentions(&format!("from {name}"))
                || prompt.mentions(&format!("aus dem {name}"));
            found.push((Language::of(*lang), demanded || task && !source));
        }
    }
    found
}

const NAMES: &[(Lang, Terms)] = &[
    (
        Lang::Eng,
        Terms("english|englisch|englische|anglais|inglés|inglese|inglês|英语|英文|英語"),
    ),
    (
        Lang::Deu,
        Terms("german|deutsch|deutsche|allemand|alemán|tedesco|alemão|德语|ドイツ語"),
    ),
    (
        Lang::Fra,
        Terms("french|französisch|französische|français|francés|francese|francês|法语|フランス語"),
    ),
    (
        Lang::Spa,
        Terms("spanish|spanisch|spanische|espagnol|español|spagnolo|espanhol|西班牙语"),
    ),
    (
        Lang::Ita,
        Terms("italian|italienisch|italienische|italien|italiano"),
    ),
    (
        Lang::Por,
        Terms("portuguese|portugiesisch|portugais|portugués|portoghese|português"),
    ),
    (
        Lang::Nld,
        Terms("dutch|niederländisch|néerlandais|nederlands"),
    ),
    (Lang::Swe, Terms("swedish|schwedisch|svenska")),
    (
        Lang::Dan,
        Terms("danish|dänisch|dansk|norwegian|norwegisch|norsk"),
    ),
    (Lang::Fin, Terms("finnish|finnisch|suomeksi")),
    (Lang::Pol, Terms("polish|polnisch|polski|polsku")),
    (Lang::Ces, Terms("czech|tschechisch|česky")),
    (Lang::Tur, Terms("turkish|türkisch|türkçe")),
    (Lang::Rus, Terms("russian|russisch|русский|по-русски")),
    (Lang::Ukr, Terms("ukrainian|ukrainisch|українською")),
    (Lang::Ell, Terms("greek|griechisch")),
    (Lang::Ara, Terms("arabic|arabisch|بالعربية")),
    (Lang::Heb, Terms("hebrew|hebräisch")),
    (Lang::Hin, Terms("hindi")),
    (
        Lang::Cmn,
        Terms("chinese|mandarin|chinesisch|中文|chinois|chino"),
    ),
    (
        Lang::Jpn,
        Terms("japanese|japanisch|日本語|日语|japonais|japonés"),
    ),
    (Lang::Kor, Terms("korean|koreanisch|한국어")),
    (Lang::Vie, Terms("vietnamese|vietnamesisch")),
    (Lang::Tha, Terms("thai")),
    (Lang::Lat, Terms("latin|latein")),
];

/// ISO 639-1 and the code of whatlang.
const CODES: &[(&str, &str)] = &[
    ("en", "eng"),
    ("de", "deu"),
    ("fr", "fra"),
    ("es", "spa"),
    ("it", "ita"),
    ("pt", "por"),
    ("nl", "nld"),
    ("sv", "swe"),
    ("da", "dan"),
    ("no", "nob"),
    ("nb", "nob"),
    ("fi", "fin"),
    ("pl", "pol"),
    ("cs", "ces"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("hr", "hrv"),
    ("sr", "srp"),
    ("hu", "hun"),
    ("ro", "ron"),
    ("bg", "bul"),
    ("mk", "mkd"),
    ("ru", "rus"),
    ("uk", "ukr"),
    ("be", "bel"),
    ("el", "ell"),
    ("tr", "tur"),
    ("az", "aze"),
    ("ar", "ara"),
    ("fa", "pes"),
    ("ur", "urd"),
    ("he", "heb"),
    ("hi", "hin"),
    ("bn", "ben"),
    ("gu", "guj"),
    ("pa", "pan"),
    ("mr", "mar"),
    ("ne", "nep"),
    ("ta", "tam"),
    ("te", "tel"),
    ("kn", "kan"),
    ("ml", "mal"),
    ("th", "tha"),
    ("my", "mya"),
    ("km", "khm"),
    ("ka", "kat"),
    ("hy", "hye"),
    ("am", "amh"),
    ("ko", "kor"),
    ("ja", "jpn"),
    ("zh", "cmn"),
    ("zho", "cmn"),
    ("vi", "vie"),
    ("id", "ind"),
    ("jv", "jav"),
    ("tl", "tgl"),
    ("la", "lat"),
    ("ca", "cat"),
    ("lv", "lav"),
    ("lt", "lit"),
    ("et", "est"),
    ("af", "afr"),
    ("eo", "epo"),
];
