//! Writes sound inputs of a target, named by the last part of the directory, as seeds
//! into it: `cargo run --bin seeds -- corpus/saved_chat`.

use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: seeds DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    let target = directory.file_name().unwrap_or_default().to_owned();
    if target == "saved_chat" {
        std::fs::write(directory.join("sound"), saved_chat())?;
    }
    Ok(())
}

const HEADER: &str = r#"{"build":"b","model":"m","kv_type":"F16","system_prompt":"s","history":[{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"user","content":"v"},{"role":"assistant","content":"b","reply":{"id":"00112233445566778899aabbccddeeff","time":"2026-11-30T12:00:00Z","adapters":[{"sha256":"1111111111111111111111111111111111111111111111111111111111111111","scale":0.5}],"sampling":{"temperature":0.7,"top_k":40,"top_p":0.95,"min_p":0.05,"penalties":{"last_tokens":64,"repeat":1.0,"frequency":0.0,"presence":0.0},"seed":7,"max_tokens":512}}}],"dropped":2,"tokens":[1,2,3],"adapters":["x 1"]}"#;

/// Magic, length of the header, header, keys and values; the digest is the target's.
fn saved_chat() -> Vec<u8> {
    let length = (HEADER.len() as u64).to_le_bytes();
    [b"PTCHAT\0\x01", &length[..], HEADER.as_bytes(), &[0; 16]].concat()
}
