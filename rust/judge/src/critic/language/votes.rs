//! Function words that tell languages apart where a text is too short for trigrams.
//!
//! Each list holds frequent articles, pronouns, prepositions, conjunctions and forms of to
//! be and to have, and the words that prompts begin with. A word of several lists votes for
//! each of them, so that it decides nothing between them.

use std::collections::HashMap;
use std::sync::LazyLock;

use whatlang::Lang;

use super::languages::Language;

/// How many words of a text each language claims.
pub(super) struct Votes {
    counts: [usize; LISTS.len()],
    pub(super) words: usize,
}

impl Votes {
    /// The votes of a [`Plain`](super::super::text::Plain) text.
    pub(super) fn of(plain: &str) -> Self {
        let mut votes = Self {
            counts: [0; LISTS.len()],
            words: 0,
        };
        for word in plain.split_ascii_whitespace() {
            votes.words += 1;
            let lists = INDEX.get(word).copied().unwrap_or(0) | by_letter(word);
            for (list, count) in votes.counts.iter_mut().enumerate() {
                *count += usize::from(lists >> list & 1 == 1);
            }
        }
        votes
    }

    /// The language with most votes, and their number.
    pub(super) fn most(&self) -> (Language, usize) {
        self.counted()
            .fold((Language::of(Lang::Eng), 0), |best, next| {
                if next.1 > best.1 { next } else { best }
            })
    }

    /// The languages with this many votes and more.
    pub(super) fn at_least(&self, least: usize) -> Vec<Language> {
        let enough = self.counted().filter(|&(_, count)| count >= least);
        enough.map(|(language, _)| language).collect()
    }

    fn counted(&self) -> impl Iterator<Item = (Language, usize)> + '_ {
        languages().zip(self.counts)
    }
}

/// A language outside `expected` that has clearly more votes than those.
pub(super) fn lead(votes: &Votes, expected: &[Language]) -> Option<Language> {
    let (mut own, mut other) = (0, (Language::of(Lang::Eng), 0));
    for (language, count) in votes.counted() {
        if expected.contains(&language) {
            own = own.max(count);
        } else if count > other.1 {
            other = (language, count);
        }
    }
    let clear = other.1 >= 2 && (other.1 >= own + 2 || own == 0);
    let frequent = other.1 * 7 >= votes.words;
    (clear && frequent).then_some(other.0)
}

/// The lists of languages that a letter of this word gives away.
fn by_letter(word: &str) -> u16 {
    let letters = word.chars().filter(|c| !c.is_ascii());
    letters.fold(0, |lists, c| {
        let langs: &[Lang] = match c {
            'ß' => &[Lang::Deu],
            'ñ' => &[Lang::Spa],
            'ã' | 'õ' => &[Lang::Por],
            'ø' | 'æ' => &[Lang::Dan],
            'å' => &[Lang::Dan, Lang::Swe],
            'ł' | 'ż' | 'ś' | 'ę' | 'ą' => &[Lang::Pol],
            'ı' | 'ğ' | 'ş' => &[Lang::Tur],
            _ => &[],
        };
        let own = LISTS
            .iter()
            .enumerate()
            .filter(|(_, (lang, _))| langs.contains(lang));
        own.fold(lists, |lists, (at, _)| lists | 1 << at)
    })
}

/// The languages with a list, in its order.
pub(super) fn languages() -> impl Iterator<Item = Language> {
    LISTS.iter().map(|&(lang, _)| Language::of(lang))
}

/// The lists that each word stands in, a bit a list.
static INDEX: LazyLock<HashMap<&str, u16>> = LazyLock::new(|| {
    let mut index = HashMap::new();
    for (at, (_, list)) in LISTS.iter().enumerate() {
        for word in list.split_ascii_whitespace() {
            *index.entry(word).or_insert(0) |= 1 << at;
        }
    }
    index
});

const LISTS: [(Lang, &str); 11] = [
    (
        Lang::Eng,
        "the of and to a in is it you that he was for on are with as i his they be at one \
        have this from or had by but not what all were we when your can said there use an each \
        which she do how their if will up about many then them these so some her would make him \
        into has more two no could my than been who its now did get may over know very also \
        tell write give name please explain describe list me where why it's i'm don't every \
        because through much our does should here",
    ),
    (
        Lang::Deu,
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als \
        auch es an er hat aus bei wird sind sie nach wie um am einen noch einem über so zum war \
        haben nur oder aber vor zur bis mehr durch man dann da sein sehr wir ich du dir mir mich \
        dich was wer wo wann warum kann können einer eines wenn weil dass ihr ihre mein dein \
        bitte erkläre schreibe nenne antworte gib gegen wurde welche welcher kein keine hier viele",
    ),
    (
        Lang::Fra,
        "le la les de des du et en un une est que qui dans pour pas sur au aux avec il elle \
        je tu nous vous ce cette ces se sa son ses ne plus par mais ou où comme on sont être \
        avoir a été fait c'est qu'il d'un d'une quel quelle quels quelles quoi comment pourquoi \
        votre vos notre très aussi leur leurs peut j'ai s'il explique écris donne moi lui bien",
    ),
    (
        Lang::Spa,
        "el la los las de del y en un una es que por para con no se lo su sus al como más \
        pero o este esta esto ese fue son ser está hay muy también cuando donde dónde qué cuál \
        cómo quién le les me te mi tu yo él ella nos si sin sobre entre tiene puede desde porque \
        todo todos cuáles cada explica escribe eres ha puedo hacer aprender dime necesito quiero cuánto cuántos",
    ),
    (
        Lang::Ita,
        "il lo la i gli le di del della dei delle e è in un una uno che per con non si da \
        dal al alla come più ma o questo questa sono essere ha ho hai anche quando dove chi cosa \
        qual quale perché mi ti ci vi suo sua nel nella molto se tra fra sul sulla puoi spiega \
        scrivi degli fai nei tutto tutti",
    ),
    (
        Lang::Por,
        "o a os as de do da dos das e é em um uma que por para com não se no na nos nas ao \
        à como mais mas ou este esta isso foi são ser está muito também quando onde qual quem \
        eu tu você ele ela meu sua seu porque pelo pela tem pode há sobre entre até me explique \
        escreva quais já",
    ),
    (
        Lang::Nld,
        "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar \
        bij of uit door naar over heeft hebben je ik hij zij ze we wij jullie u deze dit die wat \
        wie waar wanneer waarom hoe kan kunnen worden wordt werd nog wel geen meer zo mijn jouw \
        hun haar omdat schrijf leg geef welke",
    ),
    (
        Lang::Swe,
        "och i att det som en på är av för med till den har de inte om ett han men var jag \
        sig från vi så kan när år under också efter eller nu sin där vid mot ska skulle kommer \
        vad hur varför vem man hon du dig mig din mycket skriv ge blir detta alla",
    ),
    (
        Lang::Dan,
        "og i at det som en på er af for med til den har de ikke om et han men var jeg sig \
        fra vi så kan når år under også efter eller nu sin der ved mod skal skulle hvad hvor \
        hvordan hvorfor hvem man hun du dig mig din meget skriv giv av å hva jeg et ble blir \
        dette alle hvilken",
    ),
    (
        Lang::Pol,
        "i w na z do się nie jest to że o jak ale po co tak za od przez dla czy ma są był \
        była było przy oraz tylko może który która które jego jej ich ten ta tego tej już bardzo \
        czym kto gdzie kiedy dlaczego mnie ja ty my wy opisz napisz wyjaśnij podaj ze jako lub",
    ),
    (
        Lang::Tur,
        "ve bir bu da de için ile çok ne daha gibi en o olarak var kadar ama mi mı değil \
        sonra ben sen biz siz onlar nasıl neden kim nerede olan her ise veya ya şey bana sana \
        hakkında nedir yaz anlat bunu olduğu",
    ),
];
