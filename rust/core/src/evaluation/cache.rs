//! Answers of the model as it is, kept: each candidate is compared with the same ones.
//!
//! Only what was computed is kept, not what critics make of it. The key names everything that
//! the bits of an answer may depend on; a file that does not fit its key, is damaged or is too
//! long counts as none. Builds of one version compute alike only where they are the same build:
//! whoever changes the code keeps no cache across that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pocketune_adapter::{AskedBy, Digest};
use pocketune_base::{Readers, read_regular, write_whole};
use pocketune_llama::{LLAMA_BUILD, cpu_facts};
use serde::{Deserialize, Serialize};

use super::arm::{ItemScores, RawReply};
use crate::engine::Engine;
use crate::error::Error;

/// Most bytes of one suite's answers: thousands of replies of a page each.
const FILE_BYTES_MAX: usize = 16 << 20;
/// Most suites and ways of asking that are kept; the oldest go first.
const FILES_MAX: usize = 64;
/// How names of its files end: nothing else in the folder is touched.
const SUFFIX: &str = ".answers";
const HEX_DIGITS: usize = 64;

/// Keeps answers of the model as it is in a folder of its own, bounded: at most 64 files of at
/// most 16 MiB. Thread-safe; several processes may share it.
#[derive(Debug, Clone)]
pub struct AnswerCache {
    folder: PathBuf,
}

/// What the bits of an answer depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    /// Versions of llama.cpp and of this, architecture and instruction sets.
    build: String,
    model: Digest,
    /// Adapters that were active, with their scales.
    adapters: Vec<String>,
    suite: Digest,
    asked_by: AskedBy,
    max_tokens: Option<u32>,
    context_tokens: u32,
    kv_cache_type: String,
    /// How a prompt is cut decides which sums are formed together.
    batch_tokens: [u32; 2],
    full_sliding_window: bool,
    use_mmap: bool,
    threads: Option<u32>,
}

/// What was computed, by item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answers {
    Scores(Vec<ItemScores>),
    Replies(Vec<RawReply>),
}

/// A file: the digest of this as JSON, a line break, and the JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    key: Key,
    answers: Answers,
}

impl Key {
    pub(super) fn of(
        engine: &Engine,
        suite: Digest,
        asked_by: AskedBy,
        max_tokens: Option<u32>,
    ) -> Result<Self, Error> {
        let options = engine.options();
        Ok(Self {
            build: format!(
                "{LLAMA_BUILD} pocketune {} {} {}",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::ARCH,
                cpu_facts().features
            ),
            model: engine.digest()?,
            adapters: engine.shared().active().names(),
            suite,
            asked_by,
            max_tokens,
            context_tokens: engine.memory_estimate().context_tokens,
            kv_cache_type: options.kv_cache_type.name().to_owned(),
            batch_tokens: [options.batch_tokens, options.micro_batch_tokens],
            full_sliding_window: options.full_sliding_window,
            use_mmap: options.use_mmap,
            threads: options.threads,
        })
    }

    fn file_name(&self) -> io::Result<String> {
        let digest = Digest::of(&serde_json::to_vec(self)?);
        Ok(format!("{digest}{SUFFIX}"))
    }
}

impl Answers {
    fn count(&self) -> usize {
        match self {
            Self::Scores(scores) => scores.len(),
            Self::Replies(replies) => replies.len(),
        }
    }
}

impl AnswerCache {
    /// Keeps answers in this folder, which is made when the first are kept. Does not block.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The answers to all of a suite's `items`, where they are kept whole and sound.
    pub(super) fn get(&self, key: &Key, items: usize) -> Option<Answers> {
        let path = self.folder.join(key.file_name().ok()?);
        let file = read_regular(&path, FILE_BYTES_MAX as u64).ok().flatten()?;
        let (sha256, json) = file.split_at_checked(HEX_DIGITS)?;
        let json = json.strip_prefix(b"\n")?;
        let kept: Kept = match Digest::from_hex(str::from_utf8(sha256).ok()?) {
            Some(digest) if digest == Digest::of(json) => serde_json::from_slice(json).ok()?,
            _ => return None,
        };
        (kept.key == *key && kept.answers.count() == items).then_some(kept.answers)
    }

    /// Keeps answers. Failure is logged only: they are computed again the next time.
    pub(super) fn put(&self, key: Key, answers: Answers) {
        if let Err(error) = self.write(key, answers) {
            log::warn!("answers could not be kept: {}", error.kind());
        }
    }

    fn write(&self, key: Key, answers: Answers) -> io::Result<()> {
        let name = key.file_name()?;
        let json = serde_json::to_vec(&Kept { key, answers })?;
        let file = [Digest::of(&json).to_string().as_bytes(), b"\n", &json].concat();
        if file.len() > FILE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        fs::create_dir_all(&self.folder)?;
        write_whole(&self.folder.join(name), &file, Readers::Owner)?;
        self.drop_oldest()
    }

    fn drop_oldest(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.folder)?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                is_ours(&path).then_some(())?;
                Some((path.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        files.sort_unstable();
        let excess = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.iter().take(excess) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.len() == HEX_DIGITS + SUFFIX.len() && name.ends_with(SUFFIX))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pocketune_adapter::{AskedBy, Digest};

    use super::{AnswerCache, Answers, FILES_MAX, Key};

    fn key(context_tokens: u32) -> Key {
        Key {
            build: "a build".to_owned(),
            model: Digest::of(b"model"),
            adapters: Vec::new(),
            suite: Digest::of(b"suite"),
            asked_by: AskedBy::Probability,
            max_tokens: None,
            context_tokens,
            kv_cache_type: "f16".to_owned(),
            batch_tokens: [512, 512],
            full_sliding_window: true,
            use_mmap: true,
            threads: None,
        }
    }

    #[test]
    fn answers_come_back_to_the_last_bit_and_for_their_own_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = AnswerCache::in_folder(folder.path().join("made"));
        let answers = Answers::Scores(vec![vec![-0.1_f64.next_up(), -1.0 / 3.0], vec![-2.5]]);
        assert_eq!(cache.get(&key(256), 2), None);
        cache.put(key(256), answers.clone());
        assert_eq!(cache.get(&key(256), 2), Some(answers));
        assert_eq!(cache.get(&key(512), 2), None, "another key");
        assert_eq!(cache.get(&key(256), 3), None, "another number of items");
    }

    #[test]
    fn a_damaged_file_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let cache = AnswerCache::in_folder(folder.path());
        cache.put(key(256), Answers::Scores(vec![vec![-1.5]]));
        let path = folder.path().join(key(256).file_name().unwrap());
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.get(&key(256), 1), None, "byte {at}");
            fs::write(&path, &sound[..at]).unwrap();
            assert_eq!(cache.get(&key(256), 1), None, "cut at {at}");
        }
    }

    #[test]
    fn the_folder_is_bounded_and_what_is_not_of_the_cache_stays() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("somebody's.answers");
        fs::write(&other, "").unwrap();
        let cache = AnswerCache::in_folder(folder.path());
        for context in 0..u32::try_from(FILES_MAX).unwrap() + 3 {
            cache.put(key(context), Answers::Scores(vec![vec![-1.0]]));
        }
        let kept = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(kept, FILES_MAX + 1);
        assert!(other.exists());
    }
}
