//! Writes sound inputs of a target, named by the last part of the directory, as seeds
//! into it: `cargo run --bin seeds -- corpus/candidate`.

use std::path::{Path, PathBuf};

use pocketune_adapter::fixtures::{attest, key, policy, sign_policy, suite};
use pocketune_adapter::{
    AskedBy, BaseModelRef, Digest, Envelope, Halt, LoraFacts, Predicate, Procedure, Release, Stage,
    SubjectKind, TestResult, Timestamp, Validation,
};
use pocketune_gguf::fixtures::TinyModel;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    let target = directory.file_name().unwrap_or_default().to_owned();
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(directory.join(name), bytes);
    match target.to_str() {
        Some("candidate") => adapters(&directory)?,
        Some("policy") => write("policy", serde_json::to_vec(&policy())?)?,
        Some("bundle") => {
            for (name, line) in lines_of_others()? {
                write(name, line.into_bytes())?;
            }
        }
        Some("envelope") => {
            for (name, line) in lines_of_others()? {
                write(name, line.into_bytes())?;
            }
            write("statement", line(release()?).into_bytes())?;
            write("policy", sign_policy(&policy(), &[1, 2]))?;
        }
        _ => {
            write("release", payload(release()?)?)?;
            write("validation", payload(validation()?)?)?;
            write("halt", payload(halt())?)?;
            let doubles = String::from_utf8(payload(release()?)?)?.replace(":3,", ":3.0,");
            write("doubles", doubles.into_bytes())?;
            let commit = String::from_utf8(payload(halt())?)?.replace("sha256", "gitCommit");
            write("commit", commit.into_bytes())?;
        }
    }
    Ok(())
}

fn adapters(directory: &Path) -> Outcome<()> {
    let mut adapter = TinyModel::llama().adapter(1, 8.0);
    adapter.set("pocketune.objective", "dpo");
    std::fs::write(directory.join("whole"), adapter.build()?)?;
    adapter
        .tensors
        .retain(|tensor| tensor.name.starts_with("blk.0.attn_q"));
    std::fs::write(directory.join("pair"), adapter.build()?)?;
    Ok(())
}

fn line(predicate: Predicate) -> String {
    attest(Digest::of(b"adapter"), predicate, &[11])
}

fn payload(predicate: Predicate) -> Outcome<Vec<u8>> {
    let envelope = Envelope::parse(line(predicate).trim().as_bytes())?;
    Ok(envelope.unverified_payload().to_vec())
}

fn release() -> Outcome<Predicate> {
    Ok(Predicate::Release(Box::new(Release {
        kind: SubjectKind::Adapter,
        name: "brief".try_into()?,
        channel: "stable".try_into()?,
        version: 3,
        created: Timestamp::from_unix(1_790_000_000),
        expires: Timestamp::from_unix(1_800_000_000),
        size_bytes: 7,
        base_models: vec![BaseModelRef {
            name: "tiny".to_owned(),
            sha256: Digest::of(b"model"),
            tokenizer_sha256: Digest::of(b"tokenizer"),
        }],
        lora: Some(LoraFacts {
            rank: 4,
            alpha: Some(8.0),
            targets: vec!["attn_q".to_owned()],
        }),
        objective: "dpo".to_owned(),
        data_summary: "pairs".to_owned(),
        changelog: "Shorter.".to_owned(),
        device: Some(key(31).public().id()),
        stages: Some(
            vec![Stage {
                percent: 0.5,
                from: Timestamp::from_unix(1_790_000_000),
            }]
            .try_into()?,
        ),
    })))
}

fn halt() -> Predicate {
    Predicate::Halt(Box::new(Halt {
        created: Timestamp::from_unix(1_790_000_000),
        reason: "Too short.".to_owned(),
    }))
}

/// As they stand in bundles beside ours.
fn lines_of_others() -> Outcome<Vec<(&'static str, String)>> {
    let honest = line(release()?);
    let sigstore = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":"#;
    let strange = "\"signatures\":[{\"sig\":\"*\"},null,{\"keyid\":7,\"sig\":\"\"},";
    Ok(vec![
        ("sigstore", format!("{sigstore}{}}}", honest.trim())),
        ("signatures", honest.replace("\"signatures\":[", strange)),
        ("unnamed", honest.replace(&key(11).public().id().to_string(), "")),
        ("halt", line(halt())),
        ("older", line(halt()).replace("in-toto+json", "in-toto")),
        ("text", "hello".to_owned()),
    ])
}

fn validation() -> Outcome<Predicate> {
    Ok(Predicate::Validation(Box::new(Validation {
        result: TestResult::Passed,
        configuration: vec![suite()],
        base_model_sha256: Digest::of(b"model"),
        created: Timestamp::from_unix(1_790_000_000),
        passed_tests: vec!["facts".to_owned()],
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
        measurements: Vec::new(),
        procedure: Some(Procedure {
            tool: "pocketune 0.1.0".to_owned(),
            adapter_sha256: Digest::of(b"adapter"),
            asked_by: vec![AskedBy::Generation],
            margin: 0.05,
            max_tokens: Some(128),
            context_tokens: 2_048,
            kv_cache_type: "f16".to_owned(),
        }),
    })))
}
