//! Several devices from the command line: whom a verdict rests on, and who cannot change it.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{json, run, stderr, stdout};

const AT: &str = "1970-01-03T00:00:00Z";

struct Desk {
    folder: TempDir,
    definition: String,
}

impl Desk {
    fn new() -> Self {
        Self::of("side_by_side", "pick")
    }

    fn of(design: &str, measure: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let definition = json!({
            "format": 1,
            "id": "brief",
            "hypothesis": "Short replies are picked.",
            "design": design,
            "salt": "brief",
            "arms": { "incumbent": { "name": "base" }, "challenger": { "name": "brief" } },
            "metrics": [{ "measure": measure, "role": "primary" }],
            "limits": { "maxOutcomes": 4_000, "maxDays": 28 },
        });
        let mut desk = Self {
            folder,
            definition: String::new(),
        };
        desk.definition = desk.write("definition.json", definition.to_string());
        desk
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn sha256(&self) -> String {
        let empty = self.write("empty.jsonl", "");
        let nothing = self.analyze(&["--ledger", &empty]);
        nothing["experiment"].as_str().unwrap().to_owned()
    }

    /// What a device keeps on which so many of each ten picks were the challenger's.
    fn ledger(&self, run: &str, picks: usize, tenths: usize) -> String {
        let mut lines = vec![json!({ "event": "start", "experiment": self.sha256(), "run": run })];
        for index in 0..picks {
            let unit = format!("{run}/{index}");
            let arm = ["incumbent", "challenger"][index % 2];
            let pick = ["incumbent", "challenger"][usize::from((index * 7 + 3) % 10 < tenths)];
            lines.push(json!({ "event": "exposure", "unit": unit, "arm": arm, "at_s": index }));
            lines.push(json!({ "event": "outcome", "unit": unit, "measure": "pick",
                "outcome": { "pick": pick }, "at_s": index }));
        }
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        self.write(&format!("{run}.jsonl"), lines.join("\n"))
    }

    fn summary(&self, run: &str, picks: usize, tenths: usize) -> String {
        let ledger = self.ledger(run, picks, tenths);
        let summary = self.path(&format!("{run}.json"));
        self.analyze(&["--ledger", &ledger, "--summary-out", &summary]);
        summary
    }

    /// All picks are the challenger's, as somebody would write who wants it.
    fn forged(&self, run: &str, picks: usize) -> String {
        let forged = json!({
            "experiment": self.sha256(), "runs": [run],
            "exposures": [picks / 2, picks - picks / 2], "startedAtS": 1, "lastAtS": 2,
            "outcomes": { "pick": { "paired": { "differences": { "1000": picks },
                "incumbent_sum": 0, "challenger_sum": 1_000 * picks } } },
        });
        self.write(&format!("{run}.json"), forged.to_string())
    }

    fn key(&self, name: &str) -> String {
        let key = self.path(name);
        let made = run(&["key", "generate", "--no-passphrase", "--out", &key]);
        assert!(made.status.success(), "{}", stderr(&made));
        key
    }

    fn signed(&self, summary: &str, key: &str) -> String {
        let out = summary.replace(".json", &format!(".{}.signed", name_of(key)));
        let sign = [
            "experiment",
            "sign-summary",
            "--definition",
            &self.definition,
        ];
        let files = ["--summary", summary, "--sign", key, "--out", &out, "--json"];
        let done = run(&[&sign[..], &files].concat());
        assert!(done.status.success(), "{}", stderr(&done));
        assert!(json(&done)["signed_by"].is_string());
        out
    }

    fn analyze(&self, files: &[&str]) -> Value {
        let analyze = ["experiment", "analyze", "--definition", &self.definition];
        let output = run(&[&analyze[..], files, &["--at", AT, "--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        json(&output)
    }

    fn refused(&self, files: &[&str]) -> Value {
        let analyze = ["experiment", "analyze", "--definition", &self.definition];
        let output = run(&[&analyze[..], files, &["--at", AT, "--json"]].concat());
        assert!(!output.status.success());
        json(&output)["error"].clone()
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// The files, each behind this flag.
fn each<'f>(flag: &'f str, files: &'f [String]) -> Vec<&'f str> {
    files
        .iter()
        .flat_map(|file| [flag, file.as_str()])
        .collect()
}

fn reasons(analysis: &Value) -> Vec<(&str, &str)> {
    let passed_over = analysis["passed_over"].as_array();
    let each = passed_over.into_iter().flatten();
    each.map(|it| {
        let file = name_of(it["file"].as_str().unwrap());
        (file, it["kind"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn a_forged_summary_of_800_picks_decides_nothing() {
    let desk = Desk::new();
    let forged = desk.forged("forged", 800);
    let alone = desk.analyze(&["--summary", &forged]);
    assert_eq!(alone["verdict"], "keep_going", "{alone}");
    let mut all: Vec<String> = (0..5)
        .map(|device| desk.summary(&format!("phone{device}"), 40, 5))
        .collect();
    all.push(forged);
    let decision = desk.analyze(&each("--summary", &all));
    assert_eq!(decision["verdict"], "keep_going", "{decision}");
    assert_eq!(decision["people"]["counted"], 6);
    assert_eq!(decision["people"]["unordered"], 1);
    assert_eq!(decision["metrics"][0]["outcomes"], 5 * 8 + 800);
    // The page says the same.
    let out = desk.path("report.html");
    let report = ["experiment", "report", "--definition", &desk.definition];
    let files = each("--summary", &all);
    let done = run(&[&report[..], &files, &["--at", AT, "--out", &out]].concat());
    assert!(done.status.success(), "{}", stderr(&done));
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains(decision["sentence"].as_str().unwrap()));
    assert!(page.contains("people: 6, each counted once"));
}

#[test]
fn people_who_agree_decide_and_people_who_differ_do_not() {
    let desk = Desk::new();
    let of = |name: &str, tenths: &dyn Fn(usize) -> usize| -> Vec<String> {
        let device = |it| desk.ledger(&format!("{name}{it}"), 40, tenths(it));
        (0..40).map(device).collect()
    };
    let (agreed, other) = (of("a", &|_| 7), of("b", &|_| 3));
    let agreed = desk.analyze(&each("--ledger", &agreed));
    assert_eq!(agreed["verdict"], "promote", "{agreed}");
    assert_eq!(agreed["metrics"][0]["people"], 40);
    let sentence = agreed["sentence"].as_str().unwrap();
    assert!(sentence.contains("over 40 people"), "{sentence}");
    let other = desk.analyze(&each("--ledger", &other));
    assert_eq!(other["verdict"], "roll_back");
    let divided = of("c", &|it| if it % 2 == 0 { 9 } else { 1 });
    let files = each("--ledger", &divided);
    assert_eq!(desk.analyze(&files)["verdict"], "keep_going");
    let analyze = ["experiment", "analyze", "--definition", &desk.definition];
    let text = stdout(&run(&[&analyze[..], &files, &["--at", AT]].concat()));
    assert!(
        text.contains("people: 40, each counted once by the first 8"),
        "{text}"
    );
    // The picture goes from person to person.
    let out = desk.path("report.html");
    let report = ["experiment", "report", "--definition", &desk.definition];
    assert!(
        run(&[&report[..], &files, &["--out", &out]].concat())
            .status
            .success()
    );
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("After 40 people the interval reaches"));
}

#[test]
fn several_peoples_counts_are_not_written_as_one_summary() {
    let desk = Desk::new();
    let (one, other) = (desk.ledger("a", 20, 7), desk.ledger("b", 20, 7));
    let out = desk.path("sum.json");
    let both = ["--ledger", &one, "--ledger", &other, "--summary-out", &out];
    assert_eq!(desk.refused(&both)["kind"], "usage");
    assert!(!fs::exists(&out).unwrap());
    // A sum that was made elsewhere, beside others.
    let summary = desk.summary("c", 20, 7);
    let mut sum: Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
    sum["runs"] = json!(["c", "d"]);
    let sum = desk.write("sum.json", sum.to_string());
    let error = desk.refused(&["--ledger", &one, "--summary", &sum]);
    assert_eq!(error["kind"], "experiment_invalid");
    assert!(
        error["message"].as_str().unwrap().contains("several runs"),
        "{error}"
    );
}

#[test]
fn only_what_accepted_keys_signed_counts_where_that_is_demanded() {
    let desk = Desk::new();
    let folder = desk.path("devices");
    fs::create_dir(&folder).unwrap();
    let keys: Vec<String> = (0..3)
        .map(|device| {
            let key = desk.key(&format!("phone{device}.pem"));
            let public = format!("{key}.pub");
            fs::rename(public, format!("{folder}/phone{device}.pem.pub")).unwrap();
            key
        })
        .collect();
    fs::write(format!("{folder}/README"), "no key").unwrap();
    let stranger = desk.key("stranger.pem");
    let summaries: Vec<String> = (0..3)
        .map(|device| desk.summary(&format!("run{device}"), 20, 7))
        .collect();
    let good = desk.signed(&summaries[0], &keys[0]);
    // Later counts of the same device, and another run of it.
    let later = desk.signed(&desk.forged("run0", 60), &keys[0]);
    let again = desk.signed(&desk.forged("more", 60), &keys[0]);
    let unknown = desk.signed(&summaries[1], &stranger);
    let other_keys = desk.signed(&summaries[2], &keys[1]);
    // Signed anew, or changed after it was signed.
    let taken = desk.signed(&summaries[2], &keys[2]);
    let torn = desk.write("torn.signed", "{\"payload\":");
    let envelope = fs::read_to_string(&good).unwrap();
    let altered = envelope.replacen("\"payload\":\"", "\"payload\":\"AAAA", 1);
    let altered = desk.write("altered.signed", altered);
    let policy = envelope.replace("summary+json", "policy+json");
    let policy = desk.write("policy.signed", policy);

    let counted = |files: &[&str]| {
        let files: Vec<&str> = files.iter().flat_map(|it| ["--summary", *it]).collect();
        desk.analyze(&[&files[..], &["--require-signed", &folder]].concat())
    };
    let people = |files: &[&str]| counted(files)["people"]["counted"].clone();
    assert_eq!(people(&[&good]), 1);
    assert_eq!(
        people(&[&good, &good, &later, &again]),
        1,
        "a key is one person"
    );
    assert_eq!(people(&[&good, &other_keys]), 2);
    let all = counted(&[
        &good,
        &summaries[1],
        &unknown,
        &other_keys,
        &taken,
        &torn,
        &altered,
        &policy,
    ]);
    assert_eq!(all["people"]["counted"], 1, "{all}");
    let expected = [
        ("run1.json", "not_signed"),
        ("run1.stranger.pem.signed", "signer_not_accepted"),
        ("torn.signed", "not_signed"),
        ("altered.signed", "signer_not_accepted"),
        ("policy.signed", "other_payload_type"),
        ("run2.phone1.pem.signed", "run_of_others"),
        ("run2.phone2.pem.signed", "run_of_others"),
    ];
    assert_eq!(reasons(&all), expected);
    // Whoever forges without a key does nothing at all.
    let forged: Vec<String> = (0..40)
        .map(|it| desk.forged(&format!("f{it}"), 20))
        .collect();
    let mut files = each("--summary", &forged);
    assert_eq!(
        desk.analyze(&files)["verdict"],
        "promote",
        "nobody demanded a signature"
    );
    files.extend(["--summary", &good, "--require-signed", &folder]);
    let safe = desk.analyze(&files);
    assert_eq!(
        (&safe["verdict"], reasons(&safe).len()),
        (&"keep_going".into(), 40)
    );
    let ledger = desk.ledger("z", 20, 7);
    let both = ["--ledger", &ledger, "--require-signed", &folder];
    let analyze = ["experiment", "analyze", "--definition", &desk.definition];
    assert_eq!(run(&[&analyze[..], &both].concat()).status.code(), Some(2));
    let empty = desk.path("nobody");
    fs::create_dir(&empty).unwrap();
    let error = desk.refused(&["--summary", &good, "--require-signed", &empty]);
    assert_eq!(error["kind"], "key");
}

#[test]
fn a_signed_summary_counts_as_any_other_where_nothing_is_demanded() {
    let desk = Desk::new();
    let key = desk.key("phone.pem");
    let summary = desk.summary("a", 20, 7);
    let signed = desk.signed(&summary, &key);
    assert_eq!(
        desk.analyze(&["--summary", &signed]),
        desk.analyze(&["--summary", &summary])
    );
    let twice = desk.refused(&["--summary", &signed, "--summary", &summary]);
    assert_eq!(twice["kind"], "experiment_invalid", "one run counts once");
    let envelope = fs::read_to_string(&signed).unwrap();
    let other = envelope.replace("pocketune.summary", "pocketune.policy");
    let other = desk.write("other.signed", other);
    let error = desk.refused(&["--summary", &other]);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("no summary but"),
        "{error}"
    );
    // What is no summary of this experiment is not signed either.
    let thumbs = Desk::of("by_conversation", "thumb");
    let sign = [
        "experiment",
        "sign-summary",
        "--definition",
        &thumbs.definition,
    ];
    let out = desk.path("never.signed");
    let files = [
        "--summary",
        &summary,
        "--sign",
        &key,
        "--out",
        &out,
        "--json",
    ];
    let refused = run(&[&sign[..], &files].concat());
    assert_eq!(json(&refused)["error"]["kind"], "experiment_invalid");
    assert!(!fs::exists(&out).unwrap());
}

#[test]
fn a_world_of_several_people_is_simulated() {
    let desk = Desk::new();
    let simulate = |more: &[&str]| {
        let simulate = ["experiment", "simulate", "--definition", &desk.definition];
        let world = [
            "--rate",
            "pick=0.3:0.7",
            "--experiments",
            "40",
            "--exposures",
            "40",
        ];
        let output = run(&[&simulate[..], &world, more, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        json(&output)
    };
    let agreed = simulate(&["--people", "40"]);
    assert!(agreed["promoted"].as_f64().unwrap() >= 0.9, "{agreed}");
    assert!(agreed["mean_people"].as_f64().unwrap() < 40.0);
    let divided = simulate(&["--people", "20", "--reversed", "0.5"]);
    assert!(divided["still_going"].as_f64().unwrap() >= 0.9, "{divided}");
    assert!(simulate(&[]).get("mean_people").is_none());
    let alone = ["experiment", "simulate", "--definition", &desk.definition];
    let reversed = run(&[&alone[..], &["--rate", "pick=0.3:0.7", "--reversed", "0.5"]].concat());
    assert_eq!(reversed.status.code(), Some(2));
}
