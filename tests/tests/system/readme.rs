//! What the README and the guides show is what is compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pocketune_core::{
    ChatOptions, DigestCache, Engine, EngineOptions, GenerationOptions, ModelSource, ReplyPart,
};
use pocketune_tests::smollm2;

// snippet:start
fn chat(model: &std::path::Path) -> Result<(), pocketune_core::Error> {
    let source = ModelSource::Path(model.to_owned());
    let digests = Arc::new(DigestCache::in_memory());
    let engine = Engine::load(&source, &EngineOptions::default(), digests, |_progress| {
        true
    })?;
    let chat = engine.chat(ChatOptions::default())?;
    let stream = chat.send(
        "What is the capital of France?",
        &GenerationOptions::greedy(),
    )?;
    for part in &stream {
        match part? {
            ReplyPart::Text(piece) => print!("{piece}"),
            ReplyPart::Done(reply) => println!("\n{:.0} tokens/s", reply.decode_tokens_per_s),
        }
    }
    Ok(())
}
// snippet:end

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text between the snippet marks of a source file.
fn snippet(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (_, after) = text.split_once("// snippet:start\n").expect("a start mark");
    let (snippet, _) = after.split_once("// snippet:end").expect("an end mark");
    let lines: Vec<&str> = snippet.trim_end().lines().collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    lines
        .iter()
        .map(|line| line.get(least..).unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_rust_snippet_runs() {
    chat(&smollm2()).unwrap();
}

#[test]
fn documents_show_the_compiled_snippets() {
    let kotlin = "tests/kotlin/src/test/kotlin/dev/pocketune/readme";
    let swift = "ios/Tests/PocketuneTests";
    for (document, file) in [
        ("README.md", format!("{kotlin}/ReadmeSnippet.kt")),
        ("README.md", format!("{swift}/ReadmeSnippet.swift")),
        (
            "docs/experiments.md",
            format!("{kotlin}/ReadmeExperiment.kt"),
        ),
        (
            "docs/experiments.md",
            format!("{swift}/ReadmeExperiment.swift"),
        ),
        ("docs/rust.md", "tests/tests/system/readme.rs".to_owned()),
    ] {
        let snippet = snippet(&root().join(&file));
        let text = fs::read_to_string(root().join(document)).unwrap();
        assert!(
            text.contains(&snippet),
            "{document} must show the snippet of {file}:\n{snippet}"
        );
    }
}

/// Lines of all Swift examples of the guide for iOS apps are lines of a file that is compiled.
#[test]
fn the_ios_guide_shows_what_is_compiled() {
    let trimmed = |text: &str| {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        lines.join("\n")
    };
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let compiled = trimmed(&read("ios/Tests/PocketuneTests/GuideSnippets.swift"));
    let guide = read("ios/README.md");
    let examples: Vec<_> = guide.split("```swift\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let (example, _) = example.split_once("```").unwrap();
        assert!(compiled.contains(&trimmed(example)), "{example}");
    }
}

/// Whoever looks at the project for the first time reads all of it.
#[test]
fn the_readme_is_short() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let words = readme.split_whitespace().count();
    assert!(words <= 700, "README.md has {words} words, at most 700");
}
