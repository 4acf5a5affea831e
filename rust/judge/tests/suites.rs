//! The suites of this repository, and what is refused.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use pocketune_judge::suite::{ItemResult, Suite, SuiteError, SuiteResult, Task, compare};

const HELPFULNESS: &[u8] = include_bytes!("../suites/helpfulness.jsonl");
const FACTUALITY: &[u8] = include_bytes!("../suites/factuality.jsonl");

fn kinds(suite: &Suite) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for item in &suite.items {
        *kinds.entry(item.kind.as_str()).or_default() += 1;
    }
    kinds
}

#[test]
fn factuality_is_balanced() {
    let suite = Suite::parse("factuality", FACTUALITY).unwrap();
    assert!(suite.items.len() >= 250);
    assert!(kinds(&suite).len() >= 12);
    assert_eq!(suite.chance(), 0.25);
    let mut places = [0; 4];
    for item in &suite.items {
        places[item.answer()] += 1;
    }
    assert!(places.iter().all(|&count| count * 5 >= suite.items.len()));
    // Whoever takes the longest reply, or the shortest, knows nothing.
    let by_length = |longest: bool| {
        let right = suite.items.iter().filter(|item| {
            let replies = item.replies();
            let best = (0..replies.len()).max_by_key(|&place| {
                let length = replies[place].len() as isize;
                if longest { length } else { -length }
            });
            best == Some(item.answer())
        });
        right.count() as f64 / suite.items.len() as f64
    };
    for longest in [true, false] {
        let share = by_length(longest);
        assert!((0.15..0.35).contains(&share), "{share}");
    }
}

#[test]
fn helpfulness_has_five_kinds_and_does_not_like_length() {
    let suite = Suite::parse("helpfulness", HELPFULNESS).unwrap();
    let kinds = kinds(&suite);
    let names: Vec<&str> = kinds.keys().copied().collect();
    assert_eq!(
        names,
        ["adversarial", "everyday", "format", "hard", "safety"]
    );
    assert!(kinds.values().all(|&count| count >= 30));
    let lengths = |hard: bool| {
        let items = suite
            .items
            .iter()
            .filter(move |it| (it.kind == "hard") == hard);
        let [mut chosen_chars, mut rejected_chars] = [0; 2];
        for item in items {
            if let Task::Preference {
                chosen, rejected, ..
            } = &item.task
            {
                chosen_chars += chosen.len();
                rejected_chars += rejected.len();
            }
        }
        rejected_chars as f64 / chosen_chars as f64
    };
    assert!(
        lengths(true) > 1.5,
        "worse replies of hard pairs are longer"
    );
    assert!((0.9..1.1).contains(&lengths(false)), "{}", lengths(false));
}

const ITEM: &str = r#"{"form":"choice","id":"a","kind":"k","licence":"MIT","source":"s","question":"?","choices":["x","y"],"answer":1}"#;

#[test]
fn what_cannot_be_asked_is_refused_by_line_or_id() {
    let refused = |text: &str| Suite::parse("s", text.as_bytes()).unwrap_err();
    assert_eq!(refused("\n \n"), SuiteError::Empty);
    let torn = refused(&format!("{ITEM}\n\n{{\"form\":\"cho"));
    assert!(matches!(torn, SuiteError::LineMalformed { line: 3, .. }));
    let bytes = Suite::parse("s", b"\n\n\xff\n").unwrap_err();
    assert!(matches!(bytes, SuiteError::LineMalformed { line: 3, .. }));
    let twice = refused(&format!("{ITEM}\n{ITEM}"));
    assert_eq!(twice, SuiteError::DuplicateId { id: "a".to_owned() });
    for (from, to) in [
        (r#""answer":1"#, r#""answer":2"#),
        (r#"["x","y"]"#, r#"["x","x"]"#),
        (r#"["x","y"]"#, r#"["x"," "]"#),
        (r#"["x","y"]"#, r#"["x"]"#),
        (r#""question":"?""#, r#""question":"""#),
        (r#""licence":"MIT""#, r#""licence":"""#),
    ] {
        let error = refused(&ITEM.replace(from, to));
        assert!(matches!(error, SuiteError::ItemInvalid { .. }), "{error}");
    }
}

#[test]
fn results_are_counted_and_compared_item_by_item() {
    let lines: Vec<String> = (0..40)
        .map(|n| ITEM.replace(r#""id":"a""#, &format!(r#""id":"{n:02}""#)))
        .collect();
    let suite = Suite::parse("s", lines.join("\n").as_bytes()).unwrap();
    let result = |right: usize| {
        let items = suite.items.iter().enumerate().map(|(index, item)| {
            let by_token = if index < right {
                [-2.0, -1.0]
            } else {
                [-1.0, -1.0]
            };
            ItemResult::of(item, &by_token).unwrap()
        });
        SuiteResult::of(&suite, items.collect())
    };
    let (good, bad) = (result(30), result(10));
    assert_eq!(good.accuracy, 0.75);
    assert_eq!(good.kinds["k"].right, 30);
    assert_eq!(good.mean_margin, 0.75, "equal replies are not right");
    let worse = compare(&good.items, &bad.items, 0.05).unwrap();
    assert_eq!(worse.difference, -0.5);
    assert_eq!(worse.mcnemar.only_incumbent, 20);
    assert!(worse.mcnemar.p < 1e-5 && !worse.not_worse);
    let same = compare(&good.items, &good.items, 0.05).unwrap();
    assert_eq!((same.difference, same.mcnemar.p), (0.0, 1.0));
    assert_eq!((same.interval.low, same.interval.high), (0.0, 0.0));
    assert!(
        !same.not_worse && same.difference_at_least < -0.05,
        "40 items, and be none flipped, do not show a drop of less than 5 points"
    );
    let wide = compare(&good.items, &good.items, 0.15).unwrap();
    assert!(wide.not_worse && wide.difference_at_least > -0.15);
    assert_eq!(wide.difference_at_least, same.difference_at_least);
    let mut shorter = good.clone();
    shorter.items.pop();
    let unpaired = compare(&good.items, &shorter.items, 0.05);
    assert_eq!(
        unpaired,
        Err(SuiteError::Unpaired {
            id: "39".to_owned()
        })
    );
    let nan = ItemResult::of(&suite.items[0], &[f64::NAN, 0.0]);
    assert_eq!(
        nan,
        Err(SuiteError::NotFinite {
            id: "00".to_owned()
        })
    );
}
