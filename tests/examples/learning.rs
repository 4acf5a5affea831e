//! Does the default recipe teach a preference without breaking anything?
//!
//!     cargo run --release --example learning -- [--out FOLDER] [RECIPE...]
//!
//! A recipe is a kind of `tests/preferences`, and options of `tune` in the same argument
//! where another recipe than the default is to be judged: `"style --steps 20"`. Without
//! any, the three kinds with the defaults.
//!
//! For each: `pocketune tune`, then greedy replies to unseen prompts, before and after,
//! by a deterministic measure; held-out pairs; KL; repetition and empty replies; a factual
//! probe. Prints one JSON line a recipe; fails unless two pass. About 20 minutes on two
//! cores.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use pocketune_adapter::CandidateAdapter;
use pocketune_core::{
    CancelToken, ChatOptions, DigestCache, Engine, EngineOptions, EvaluationSession,
    GenerationOptions, Message, ModelSource, Prompt, TemplateChoice,
};
use pocketune_tests::measures::{KINDS, Kind, Measured, interval, is_repetitive};
use pocketune_tests::smollm2;
use serde::Deserialize;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Longest reply that is looked at.
const REPLY_TOKENS: u32 = 120;

/// Limits that a kind must keep.
const KL_MOST: f64 = 0.2;
const FACTS_LOST_MOST: f64 = 0.03;

fn main() -> ExitCode {
    match run() {
        Ok(passed) if passed >= 2 => ExitCode::SUCCESS,
        Ok(passed) => {
            eprintln!("{passed} kinds pass, two should");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<usize> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut folder = PathBuf::from("target/learning");
    if let Some(at) = arguments.iter().position(|argument| argument == "--out") {
        folder = arguments
            .drain(at..at + 2)
            .nth(1)
            .unwrap_or_default()
            .into();
    }
    fs::create_dir_all(&folder)?;
    if arguments.is_empty() {
        arguments = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    }
    let recipes = arguments.iter().map(|argument| Recipe::parse(argument));
    let recipes = recipes.collect::<Result<Vec<_>>>()?;

    let options = EngineOptions {
        context_tokens: Some(512),
        ..EngineOptions::default()
    };
    let source = ModelSource::Path(smollm2());
    let engine = Engine::load(
        &source,
        &options,
        Arc::new(DigestCache::in_memory()),
        |_| true,
    )?;
    let before = Behaviour::of(&engine, None)?;
    println!("base: {}", before.summary());
    let mut passed = 0;
    for (number, recipe) in recipes.iter().enumerate() {
        let name = format!("{}-{}", number + 1, recipe.kind.name);
        let adapter = folder.join(format!("{name}.gguf"));
        let figures = recipe.tune(&adapter)?;
        let candidate = CandidateAdapter::parse(fs::read(&adapter)?, engine.base_model())?;
        let session = engine.evaluate(candidate)?;
        let after = Behaviour::of(&engine, Some(&session))?;
        let verdict = Verdict::new(recipe, &before, &after, &figures);
        println!("{name}: {}", after.summary());
        println!("{}", verdict.line);
        let replies = folder.join(format!("{name}-replies.txt"));
        fs::write(replies, side_by_side(&before, &after))?;
        passed += usize::from(verdict.passed);
    }
    Ok(passed)
}

/// What is taught, and how.
struct Recipe {
    kind: &'static Kind,
    options: Vec<String>,
}

impl Recipe {
    fn parse(argument: &str) -> Result<Self> {
        let mut words = argument.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| format!("no kind of preference: {name:?}"))?;
        Ok(Self {
            kind,
            options: words.collect(),
        })
    }

    /// Runs `pocketune tune` beside this program; the final figures.
    fn tune(&self, adapter: &Path) -> Result<Value> {
        let program = std::env::current_exe()?;
        let release = program.ancestors().nth(2).ok_or("no folder of programs")?;
        let kind = self.kind.name;
        let output = Command::new(release.join("pocketune"))
            .args(["tune", "--objective", "dpo", "--json", "--data"])
            .arg(preferences(&format!("{kind}.jsonl")))
            .arg("--heldout")
            .arg(preferences(&format!("{kind}-heldout.jsonl")))
            .arg("--ordinary")
            .arg(preferences("ordinary.jsonl"))
            .arg("--out")
            .arg(adapter)
            .args(&self.options)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("tune on {kind} failed").into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn preferences(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("preferences")
        .join(name)
}

#[derive(Deserialize)]
struct Unseen {
    prompt: String,
}

#[derive(Deserialize)]
struct Fact {
    question: String,
    options: Vec<String>,
    answer: usize,
}

fn records<T: for<'a> Deserialize<'a>>(name: &str) -> Result<Vec<T>> {
    let text = fs::read_to_string(preferences(name))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// What an arm says to unseen prompts, and which facts it knows.
struct Behaviour {
    prompts: Vec<String>,
    replies: Vec<Measured>,
    known: Vec<bool>,
}

impl Behaviour {
    fn of(engine: &Engine, session: Option<&EvaluationSession>) -> Result<Self> {
        let unseen: Vec<Unseen> = records("unseen-prompts.jsonl")?;
        let prompts: Vec<String> = unseen.into_iter().map(|unseen| unseen.prompt).collect();
        let options = GenerationOptions {
            max_tokens: REPLY_TOKENS,
            ..GenerationOptions::greedy()
        };
        let answer = |prompt: &String| -> Result<Measured> {
            let chat = ChatOptions::default();
            let reply = match session {
                Some(session) => session.chat(chat)?.send(prompt, &options)?.finish()?,
                None => engine.chat(chat)?.send(prompt, &options)?.finish()?,
            };
            Ok(Measured {
                tokens: reply.generated_tokens,
                text: reply.text,
            })
        };
        let replies = prompts.iter().map(answer).collect::<Result<Vec<_>>>()?;
        let facts: Vec<Fact> = records("facts.jsonl")?;
        let knows = |fact: &Fact| -> Result<bool> {
            let prompt = Prompt::Chat {
                system_prompt: None,
                turns: vec![Message::user(fact.question.as_str())],
                template: TemplateChoice::Model,
            };
            let mut best = (f64::NEG_INFINITY, 0);
            for (index, option) in fact.options.iter().enumerate() {
                let cancel = CancelToken::new();
                let score = match session {
                    Some(session) => session.score(&prompt, option, &cancel)?,
                    None => engine.score(&prompt, option, &cancel)?,
                };
                let mean = score.log_probability() / score.tokens.len() as f64;
                if mean > best.0 {
                    best = (mean, index);
                }
            }
            Ok(best.1 == fact.answer)
        };
        let known = facts.iter().map(knows).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            prompts,
            replies,
            known,
        })
    }

    fn share(&self, is: impl Fn(&Measured) -> bool) -> f64 {
        let count = self.replies.iter().filter(|reply| is(reply)).count();
        count as f64 / self.replies.len() as f64
    }

    fn repetitive(&self) -> f64 {
        self.share(|reply| is_repetitive(&reply.text))
    }

    fn empty(&self) -> f64 {
        self.share(|reply| reply.text.trim().is_empty())
    }

    fn facts(&self) -> f64 {
        let known = self.known.iter().filter(|&&known| known).count();
        known as f64 / self.known.len() as f64
    }

    fn summary(&self) -> String {
        let tokens: u32 = self.replies.iter().map(|reply| reply.tokens).sum();
        format!(
            "{} replies of {:.1} tokens, {:.1} % repetitive, {:.1} % empty; {:.1} % of {} facts",
            self.replies.len(),
            f64::from(tokens) / self.replies.len() as f64,
            100.0 * self.repetitive(),
            100.0 * self.empty(),
            100.0 * self.facts(),
            self.known.len()
        )
    }
}

struct Verdict {
    passed: bool,
    line: Value,
}

impl Verdict {
    fn new(recipe: &Recipe, before: &Behaviour, after: &Behaviour, figures: &Value) -> Self {
        let moved: Vec<f64> = before
            .replies
            .iter()
            .zip(&after.replies)
            .map(|(before, after)| (recipe.kind.measure)(after) - (recipe.kind.measure)(before))
            .collect();
        let (mean, half) = interval(&moved);
        let number = |key: &str| figures[key].as_f64().unwrap_or(f64::NAN);
        let lost = before.facts() - after.facts();
        let checks = [
            ("moves", mean - half > 0.0),
            ("margin", number("margin_after") > 0.0),
            ("kl", number("kl_per_token") <= KL_MOST),
            ("repetition", after.repetitive() <= before.repetitive()),
            ("empty", after.empty() <= before.empty()),
            ("facts", lost <= FACTS_LOST_MOST),
            ("time", number("tuning_s") <= 180.0),
        ];
        let failed: Vec<&str> = checks.iter().filter(|it| !it.1).map(|it| it.0).collect();
        let line = json!({
            "kind": recipe.kind.name,
            "options": recipe.options.join(" "),
            "moved": mean,
            "interval": [mean - half, mean + half],
            "unit": recipe.kind.unit,
            "prompts": moved.len(),
            "margin_after": number("margin_after"),
            "accuracy_after": number("accuracy_after"),
            "kl_per_token": number("kl_per_token"),
            "steps": number("steps"),
            "tuning_s": number("tuning_s"),
            "repetitive": [before.repetitive(), after.repetitive()],
            "empty": [before.empty(), after.empty()],
            "facts": [before.facts(), after.facts()],
            "failed": failed,
        });
        Self {
            passed: failed.is_empty(),
            line,
        }
    }
}

/// Both arms' replies, to be read by a person.
fn side_by_side(before: &Behaviour, after: &Behaviour) -> String {
    let replies = before.replies.iter().zip(&after.replies);
    let entries = before.prompts.iter().zip(replies);
    entries
        .map(|(prompt, (before, after))| {
            format!(
                "? {prompt}\n- {}\n+ {}\n\n",
                before.text.trim(),
                after.text.trim()
            )
        })
        .collect()
}
