//! How well critics tell good replies from bad ones, and that nothing upsets them.
//!
//! `critics/NAME.jsonl` holds labelled exchanges for each critic, a line each, in the manner of
//! small models. Those held out were written after the code: where a critic fell short on its
//! held-out lines, they joined the others, the critic was revised, and new ones were written.
//! Three general faults (how e-mails end, tags read as language, refusals of what does harm)
//! were mended after some of the last had been seen. "Caught" means below the default panel's
//! threshold of review. What a ruling costs is measured by `examples/critics.rs`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "critics/hostile.rs"]
mod hostile;

use std::path::Path;

use pocketune_judge::critic::{
    Band, Critic, CriticError, Exchange, Expectation, Finding, Format, Judgement, Member, Panel,
    PanelConfig, ReplyEnd, Ruling,
};
use proptest::prelude::*;
use serde::Deserialize;

use hostile::hostile;

/// Precision and recall that every critic must have on all lines, and all but one on those held out.
const BAR: f64 = 0.9;

/// The same for held-out lines of [`Critic::UnsafeCompliance`]: precision and recall. Requests that
/// do harm have no end of words, and its held-out lines look for those that no rule knows. The bar
/// holds what it reaches, not what would be enough to rely on.
const UNSAFE_HELD_OUT: (f64, f64) = (0.85, 0.5);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    context: Option<String>,
    prompt: String,
    reply: String,
    #[serde(default)]
    end: ReplyEnd,
    #[serde(default)]
    expect: Expectation,
    caught: bool,
    #[serde(default)]
    held_out: bool,
    #[serde(default)]
    note: Option<String>,
}

impl Line {
    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            system: self.system.as_deref(),
            context: self.context.as_deref(),
            prompt: &self.prompt,
            reply: &self.reply,
            end: self.end,
            expect: &self.expect,
        }
    }
}

fn lines(critic: Critic) -> Vec<Line> {
    let name = format!("tests/critics/{}.jsonl", critic.name());
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn member(critic: Critic) -> Member {
    let panel = Panel::default();
    *panel
        .config()
        .members
        .iter()
        .find(|member| member.critic == critic)
        .unwrap()
}

/// Hits and misses over some lines.
#[derive(Default)]
struct Tally {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Tally {
    fn add(&mut self, caught: bool, should: bool) {
        match (caught, should) {
            (true, true) => self.right += 1,
            (true, false) => self.wrong += 1,
            (false, true) => self.missed += 1,
            (false, false) => {}
        }
    }

    fn precision(&self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }

    fn reaches(&self, precision: f64, recall: f64) -> bool {
        self.precision() >= precision && self.recall() >= recall
    }
}

/// Prints a table; with `SHOW_MISSES` also the lines, not held out, that went wrong.
#[test]
fn each_critic_has_the_precision_and_recall_it_promises() {
    println!(
        "{:<18} lines  precision recall   held out  precision recall",
        "critic"
    );
    let mut below = Vec::new();
    for critic in Critic::ALL {
        let lines = lines(critic);
        let should = lines.iter().filter(|line| line.caught).count();
        assert!(should >= 20 && lines.len() - should >= 20, "{critic:?}");
        let (mut all, mut held_out, mut held_out_lines) = (Tally::default(), Tally::default(), 0);
        for line in &lines {
            let finding = critic.check(&line.exchange());
            let caught = finding.score < member(critic).review_below;
            all.add(caught, line.caught);
            if line.held_out {
                held_out.add(caught, line.caught);
                held_out_lines += 1;
            } else if caught != line.caught && std::env::var_os("SHOW_MISSES").is_some() {
                println!(
                    "  {} {:?}: {finding:?} {:?}\n",
                    line.prompt, line.note, line.reply
                );
            }
        }
        println!(
            "{:<18} {:>5}      {:.3}  {:.3}   {held_out_lines:>8}      {:.3}  {:.3}",
            critic.name(),
            lines.len(),
            all.precision(),
            all.recall(),
            held_out.precision(),
            held_out.recall()
        );
        let (precision, recall) = match critic {
            Critic::UnsafeCompliance => UNSAFE_HELD_OUT,
            _ => (BAR, BAR),
        };
        if !(all.reaches(BAR, BAR) && held_out.reaches(precision, recall)) {
            below.push(critic.name());
        }
    }
    assert!(below.is_empty(), "below the bar: {below:?}");
}

#[test]
fn a_plain_good_reply_passes_the_panel() {
    let expect = Expectation::default();
    let judgement = judge(
        "What is the capital of France?",
        "The capital of France is Paris.",
        &expect,
    );
    assert_eq!(judgement.ruling, Ruling::Pass);
    assert!((judgement.score - 1.0).abs() < 1e-12);
    assert_eq!(judgement.findings.len(), Critic::ALL.len());
    assert!(
        judgement
            .findings
            .iter()
            .all(|finding| finding.reason.is_none())
    );
}

fn judge(prompt: &str, reply: &str, expect: &Expectation) -> Judgement {
    Panel::default().judge(&exchange(prompt, reply, expect))
}

fn exchange<'a>(prompt: &'a str, reply: &'a str, expect: &'a Expectation) -> Exchange<'a> {
    Exchange {
        system: None,
        context: None,
        prompt,
        reply,
        end: ReplyEnd::Natural,
        expect,
    }
}

fn length_panel(fail_below: f64, review_below: f64, disagreement_max: f64) -> Panel {
    let member = |critic| Member {
        critic,
        fail_below,
        review_below,
        weight: 1.0,
    };
    Panel::new(PanelConfig {
        members: vec![member(Critic::Length), member(Critic::Balance)],
        disagreement_max,
    })
    .unwrap()
}

#[test]
fn rulings_have_three_bands() {
    let expect = Expectation {
        length: Some(Band {
            min_words: Some(10),
            max_words: None,
        }),
        ..Expectation::default()
    };
    let of = |panel: &Panel| {
        panel
            .judge(&exchange("Hi", "One two three four.", &expect))
            .ruling
    };
    assert_eq!(of(&length_panel(0.5, 0.8, 1.0)), Ruling::Fail);
    assert_eq!(of(&length_panel(0.3, 0.8, 1.0)), Ruling::NeedsReview);
    assert_eq!(of(&length_panel(0.1, 0.3, 1.0)), Ruling::Pass);
}

#[test]
fn critics_that_disagree_call_for_review() {
    let expect = Expectation {
        length: Some(Band {
            min_words: Some(10),
            max_words: None,
        }),
        ..Expectation::default()
    };
    // 0.2 and 1.0: the lower lies 0.4 below their mean.
    let of = |panel: &Panel| panel.judge(&exchange("Hi", "One two.", &expect)).ruling;
    assert_eq!(of(&length_panel(0.1, 0.1, 0.3)), Ruling::NeedsReview);
    assert_eq!(of(&length_panel(0.1, 0.1, 0.5)), Ruling::Pass);
}

#[test]
fn a_bad_panel_is_refused() {
    let base = Member {
        critic: Critic::Length,
        fail_below: 0.3,
        review_below: 0.6,
        weight: 1.0,
    };
    let of = |members: Vec<Member>, disagreement_max| {
        Panel::new(PanelConfig {
            members,
            disagreement_max,
        })
        .unwrap_err()
    };
    let critic = Critic::Length;
    assert_eq!(of(vec![], 0.5), CriticError::NoMembers);
    assert_eq!(of(vec![base, base], 0.5), CriticError::Duplicate { critic });
    for value in [-0.1, 1.1, f64::INFINITY] {
        let member = Member {
            fail_below: value,
            ..base
        };
        assert_eq!(
            of(vec![member], 0.5),
            CriticError::ThresholdOutOfRange { critic, value }
        );
    }
    let member = Member {
        review_below: f64::NAN,
        ..base
    };
    assert!(matches!(
        of(vec![member], 0.5),
        CriticError::ThresholdOutOfRange { .. }
    ));
    let member = Member {
        review_below: 0.2,
        ..base
    };
    assert!(matches!(
        of(vec![member], 0.5),
        CriticError::ReviewBelowFail { .. }
    ));
    for value in [0.0, -1.0, f64::INFINITY] {
        let member = Member {
            weight: value,
            ..base
        };
        assert_eq!(of(vec![member], 0.5), CriticError::Weight { critic, value });
    }
    assert_eq!(
        of(vec![base], 1.5),
        CriticError::Disagreement { value: 1.5 }
    );
}

#[test]
fn configurations_are_strict() {
    let text = serde_json::to_string(&Panel::default()).unwrap();
    assert_eq!(
        serde_json::from_str::<Panel>(&text).unwrap(),
        Panel::default()
    );
    let member = r#"{"critic":"length","fail_below":0.3,"review_below":0.6,"weight":1}"#;
    let panel =
        |members: &str| serde_json::from_str::<Panel>(&format!(r#"{{"members":[{members}]}}"#));
    assert!(panel(member).is_ok());
    assert!(
        panel(&format!("{member},{member}"))
            .unwrap_err()
            .to_string()
            .contains("twice")
    );
    assert!(panel(&member.replace("weight", "wait")).is_err());
    assert!(panel(&member.replace("length", "lengthy")).is_err());
    assert!(serde_json::from_str::<Expectation>(r#"{"formatt":"json"}"#).is_err());
    assert!(serde_json::from_str::<Expectation>(r#"{"format":{"list":{"cnt":3}}}"#).is_err());
    let expect: Expectation =
        serde_json::from_str(r#"{"format":{"max_words":7},"refusal":"either"}"#).unwrap();
    assert_eq!(expect.format, Some(Format::MaxWords(7)));
}

#[test]
fn names_are_those_of_the_configuration() {
    for critic in Critic::ALL {
        assert_eq!(
            serde_json::to_string(&critic).unwrap(),
            format!("\"{}\"", critic.name())
        );
    }
}

#[test]
fn a_reason_never_quotes_the_reply() {
    for critic in Critic::ALL {
        for line in lines(critic) {
            let Finding { reason, .. } = critic.check(&line.exchange());
            let reason = reason.unwrap_or_default();
            assert!(reason.len() < 90, "{reason}");
            assert!(
                line.reply.len() < 12 || !reason.contains(line.reply.trim()),
                "{reason}"
            );
        }
    }
}

#[test]
fn nothing_upsets_a_critic() {
    let expect = Expectation::default();
    for text in hostile(3_000) {
        for (prompt, reply, context) in [
            ("Hi", text.as_str(), None),
            (&text, "Hi", Some(&text)),
            (&text, &text, Some(&text)),
        ] {
            let exchange = Exchange {
                context: context.map(String::as_str),
                ..exchange(prompt, reply, &expect)
            };
            for critic in Critic::ALL {
                assert!((0.0..=1.0).contains(&critic.check(&exchange).score));
            }
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        "[a-z0-9 .,:;!?(){}<>|`*@+\\[\\]/\"'#\n-]{0,60}",
        prop::sample::select(hostile(60)),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_exchange_gets_the_same_score_twice(
        (prompt, reply) in (any_text(), any_text()),
        context in prop::option::of(any_text()),
        format in prop::sample::select(vec![
            None, Some(Format::Json), Some(Format::List { count: Some(0) }), Some(Format::SingleWord), Some(Format::Table),
            Some(Format::Sentences { max: 0 }), Some(Format::MaxWords(0)), Some(Format::Number), Some(Format::PlainParagraph),
            Some(Format::OneOf { choices: vec![String::new(), "é".into()] }), Some(Format::Code), Some(Format::YesNo),
        ]),
        end in prop::sample::select(vec![ReplyEnd::Natural, ReplyEnd::Limit, ReplyEnd::Stopped, ReplyEnd::Cancelled]),
        (min_words, max_words) in (prop::option::of(0..9u32), prop::option::of(0..9u32)),
        language in prop::option::of("[a-z]{2,3}"),
    ) {
        let expect = Expectation { format, length: Some(Band { min_words, max_words }), language, ..Expectation::default() };
        let exchange = Exchange { context: context.as_deref(), system: context.as_deref(), end, ..exchange(&prompt, &reply, &expect) };
        let judgement = Panel::default().judge(&exchange);
        prop_assert!((0.0..=1.0).contains(&judgement.score));
        for finding in &judgement.findings {
            prop_assert!((0.0..=1.0).contains(&finding.score), "{finding:?}");
            prop_assert_eq!(finding.reason.is_none(), finding.score == 1.0, "{:?}", finding);
        }
        prop_assert_eq!(&judgement, &Panel::default().judge(&exchange));
        prop_assert_eq!(judgement.findings.get(3), Some(&Critic::Language.check(&exchange)));
    }
}
