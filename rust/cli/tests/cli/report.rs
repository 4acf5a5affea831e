//! `experiment report` from outside: what is on the page, and what must not be.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{json, run, stderr};

const AT: &str = "2026-11-26T12:00:00Z";
const HOSTILE: &str = "<script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>";

/// The committed fixtures, and a folder to write to.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// What a device would have kept.
    fn ledger(&self, definition: &str, name: &str, seed: &str, start: &str) -> String {
        let ledger = self.path(name);
        let simulate = ["experiment", "simulate", "--definition", definition];
        let items = fixture("items.jsonl");
        let world = ["--items", &items, "--experiments", "1", "--seed", seed];
        let out = ["--ledger-out", &ledger, "--ledger-start", start];
        let output = run(&[&simulate[..], &world, &out, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        ledger
    }

    fn report(&self, definition: &str, arguments: &[&str]) -> Output {
        let out = self.path("report.html");
        let report = ["experiment", "report", "--definition", definition];
        let rest = ["--at", AT, "--out", &out, "--json"];
        run(&[&report[..], arguments, &rest].concat())
    }

    fn page(&self, definition: &str, arguments: &[&str]) -> String {
        let output = self.report(definition, arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        fs::read_to_string(self.path("report.html")).unwrap()
    }

    /// A refusal, its kind and its message.
    fn refused(&self, definition: &str, arguments: &[&str]) -> (String, String) {
        let output = self.report(definition, arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(!Path::new(&self.path("report.html")).exists());
        let error = json(&output)["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("kind"), text("message"))
    }
}

fn fixture(name: &str) -> String {
    format!(
        "{}/tests/fixtures/report/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn a_report_holds_the_verdict_its_evidence_and_what_was_tested() {
    let desk = Desk::new();
    let definition = fixture("definition.json");
    let ledger = desk.ledger(&definition, "phone.jsonl", "3", "2026-11-01T00:00:00Z");
    let (reward, samples) = (fixture("reward.json"), fixture("samples.jsonl"));
    let subject = format!("suite={}", fixture("items.jsonl"));
    let everything = [
        "--ledger",
        &ledger,
        "--reward",
        &reward,
        "--samples",
        &samples,
        "--subject",
        &subject,
    ];
    let page = desk.page(&definition, &everything);

    let analyze = ["experiment", "analyze", "--definition", &definition];
    let decision = json(&run(&[
        &analyze[..],
        &["--ledger", &ledger, "--at", AT, "--json"],
    ]
    .concat()));
    let sentence = decision["sentence"].as_str().unwrap();
    assert!(page.contains(sentence), "{sentence}");
    assert_eq!(decision["verdict"], "promote");
    assert!(page.contains(r#"<h2 id="verdict" class="badge">Promote</h2>"#));
    for measure in ["pick", "critic_score", "first_token_ms", "edit_distance"] {
        assert!(page.contains(&format!("<code>{measure}</code>")));
    }
    // Sequence and metrics in two sizes, and the reliability diagram.
    assert_eq!(page.matches("<svg").count(), 5);
    assert_eq!(page.matches("</svg>").count(), 5);
    assert_eq!(page.matches(r#"role="img""#).count(), 5);
    assert_eq!(page.matches("<title id=").count(), 5);
    let tables = page.matches("<table").count();
    assert_eq!(page.matches("<caption>").count(), tables);
    assert!(page.contains("panel b") && page.contains("words shuffled"));
    assert!(page.contains("Rayleigh scattering"));
    assert!(
        page.contains("definition: the file definition.json")
            && page.contains("ledger: the file phone.jsonl")
    );
    let canonical = decision["experiment"].as_str().unwrap();
    assert!(page.contains(canonical));
    for file in [
        &definition,
        &ledger,
        &reward,
        &samples,
        &fixture("items.jsonl"),
    ] {
        let sha256 = pocketune_adapter::Digest::of(&fs::read(file).unwrap()).to_string();
        assert!(page.contains(&sha256), "{file}");
    }
    assert!(page.contains(&format!(r#"<time datetime="{AT}">"#)));
    assert!(
        !page.contains(desk.0.path().to_str().unwrap()),
        "no folders"
    );

    let again = desk.page(&definition, &everything);
    assert!(
        again == page,
        "the same files and moment give the same bytes"
    );
}

#[test]
fn whatever_files_say_is_text() {
    let desk = Desk::new();
    let mut hostile: Value =
        serde_json::from_slice(&fs::read(fixture("definition.json")).unwrap()).unwrap();
    hostile["hypothesis"] = json!(HOSTILE);
    hostile["arms"]["incumbent"]["name"] = json!(format!("a\"' {HOSTILE}"));
    hostile["arms"]["challenger"]["name"] = json!(format!("b</title></style> {HOSTILE}"));
    let definition = desk.write("definition.json", &hostile.to_string());
    let ledger = desk.ledger(&definition, "ledger.jsonl", "1", AT);
    let sample = json!({ "id": HOSTILE, "prompt": HOSTILE, "incumbent": HOSTILE,
        "challenger": "{{ verdict }}{% raw %}\u{1b}[2J", "picked": "tie", "consent": true });
    let samples = desk.write("samples.jsonl", &format!("{sample}\n"));
    let mut reward: Value =
        serde_json::from_slice(&fs::read(fixture("reward.json")).unwrap()).unwrap();
    reward["reliabilities"]["annotators"][0]["annotator"] = json!(HOSTILE);
    let reward = desk.write("reward.json", &reward.to_string());
    let subject = format!("{}={reward}", HOSTILE.replace('=', ":"));
    let files = [
        "--samples",
        &samples,
        "--reward",
        &reward,
        "--subject",
        &subject,
    ];
    let page = desk.page(&definition, &[&["--ledger", &ledger], &files[..]].concat());
    for markup in ["<script", "<img", "</title></style>", "\u{1b}"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.matches("&lt;script&gt;").count() >= 8);
    assert!(page.contains("{{ verdict }}{% raw %}\u{fffd}[2J"));
    assert_nothing_is_fetched(&page);
}

#[test]
fn a_report_needs_no_network_and_runs_nothing() {
    let desk = Desk::new();
    let definition = fixture("definition.json");
    let ledger = desk.ledger(&definition, "ledger.jsonl", "1", AT);
    let (reward, samples) = (fixture("reward.json"), fixture("samples.jsonl"));
    let all = [
        "--ledger",
        &ledger,
        "--reward",
        &reward,
        "--samples",
        &samples,
    ];
    assert_nothing_is_fetched(&desk.page(&definition, &all));
}

fn assert_nothing_is_fetched(page: &str) {
    // What is no text: tags with their attributes, and the style sheet.
    let parts = page.split('<').skip(1);
    let tags = parts.filter_map(|part| Some(part.split_once('>')?.0));
    let style = page.split_once("<style>").unwrap().1;
    let style = style.split_once("</style>").unwrap().0;
    let markup: Vec<&str> = tags.chain([style]).collect();
    for reference in [
        "src=", "href", "url(", "@import", "link", "script", "iframe", "object", "xmlns", "http:",
        "https:", "onerror",
    ] {
        let mut found = markup.iter().filter(|part| part.contains(reference));
        assert_eq!(found.next(), None, "{reference}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn summaries_alone_have_no_picture_over_time() {
    let desk = Desk::new();
    let definition = fixture("definition.json");
    let ledger = desk.ledger(&definition, "ledger.jsonl", "1", AT);
    let summary = desk.path("summary.json");
    let analyze = ["experiment", "analyze", "--definition", &definition];
    let out = ["--ledger", &ledger, "--summary-out", &summary];
    assert!(run(&[&analyze[..], &out].concat()).status.success());
    let page = desk.page(&definition, &["--summary", &summary]);
    assert!(page.contains("Summaries hold counts without their order"));
    assert!(!page.contains("sequence-wide"));
    assert!(page.contains("forest-wide"));
    let both = desk.page(&definition, &["--ledger", &ledger, "--summary", &summary]);
    assert!(both.contains("1 of the files are summaries") && both.contains("sequence-wide"));
}

#[test]
fn events_of_several_devices_are_drawn_in_the_order_of_their_clocks() {
    let desk = Desk::new();
    let definition = fixture("definition.json");
    let early = desk.ledger(&definition, "early.jsonl", "1", "2026-11-01T00:00:00Z");
    let late = desk.ledger(&definition, "late.jsonl", "2", "2026-11-04T00:30:00Z");
    let picture = |first: &str, second: &str| {
        let page = desk.page(&definition, &["--ledger", first, "--ledger", second]);
        let from = page.find(r#"id="sequence-wide-title""#).unwrap();
        let to = page.find(r#"id="sequence-narrow-title""#).unwrap();
        page[from..to].to_owned()
    };
    assert!(picture(&early, &late) == picture(&late, &early));
}

#[test]
fn a_sample_without_consent_is_not_shown() {
    let desk = Desk::new();
    let definition = fixture("definition.json");
    let ledger = desk.ledger(&definition, "ledger.jsonl", "1", AT);
    let good = json!({ "id": "1", "prompt": "p", "incumbent": "i", "challenger": "c",
        "consent": true });
    let refused = |line: &str| {
        let samples = desk.write("samples.jsonl", &format!("{good}\n\n{line}\n"));
        desk.refused(&definition, &["--ledger", &ledger, "--samples", &samples])
    };
    let mut sample = good.clone();
    sample["id"] = json!("2");
    sample["prompt"] = json!("a secret");
    sample["consent"] = json!(false);
    let (kind, message) = refused(&sample.to_string());
    assert_eq!(kind, "no_consent");
    assert!(message.contains("samples.jsonl, line 3"), "{message}");
    sample.as_object_mut().unwrap().remove("consent");
    assert_eq!(refused(&sample.to_string()).0, "no_consent");
    sample["consent"] = json!("a secret");
    let (kind, message) = refused(&sample.to_string());
    assert_eq!(kind, "data_invalid");
    assert!(
        message.contains("line 3") && !message.contains("secret"),
        "{message}"
    );
    assert_eq!(refused(&good.to_string()).0, "data_invalid", "the id again");
}

#[test]
fn files_that_cannot_be_are_refused_by_name() {
    let desk = Desk::new();
    let definition = fixture("definition.json");
    let ledger = desk.ledger(&definition, "ledger.jsonl", "1", AT);
    let torn = desk.write("torn.jsonl", "\n{\"event\":");
    let (kind, message) = desk.refused(&definition, &["--ledger", &ledger, "--ledger", &torn]);
    assert_eq!(kind, "experiment_invalid");
    assert!(message.contains("torn.jsonl: line 2"), "{message}");
    let absent = desk.path("absent");
    let subject = format!("adapter={absent}");
    let (kind, message) = desk.refused(&definition, &["--ledger", &ledger, "--subject", &subject]);
    assert_eq!(kind, "file_unreadable");
    assert!(message.contains("absent"), "{message}");
    let reward = fs::read_to_string(fixture("reward.json")).unwrap();
    for (of, to) in [
        (r#""ties": 28"#, r#""ties": 29"#),
        (r#""reliability": 0.94"#, r#""reliability": 1.94"#),
        (r#""mean_change": -1.42"#, r#""mean_change": null"#),
        (r#""count": 14"#, r#""count": 15"#),
        (r#""estimated": true"#, r#""estimated": true, "more": 1"#),
    ] {
        assert!(reward.contains(of));
        let reward = desk.write("reward.json", &reward.replacen(of, to, 1));
        let (kind, message) =
            desk.refused(&definition, &["--ledger", &ledger, "--reward", &reward]);
        assert_eq!(kind, "reward_report_invalid", "{to}");
        assert!(message.contains("reward.json"), "{message}");
    }
    let nothing = run(&[
        "experiment",
        "report",
        "--definition",
        &definition,
        "--out",
        "x",
    ]);
    assert_eq!(nothing.status.code(), Some(2));
}
