//! From preferences to the comparisons that a head is trained and looked at with.

use std::collections::HashMap;

use pocketune_judge::reward::{
    Comparison, Comparisons, ComparisonsBuilder, Edit, EditKind, Reply, ReplyIndex, nonsense,
};

use crate::cancel::CancelToken;
use crate::conversation::Prompt;
use crate::engine::Engine;
use crate::error::Error;

/// Nonsense edits of every preferred reply.
const EDITS: [EditKind; 3] = [EditKind::Repeat, EditKind::Praise, EditKind::Shuffle];

/// How many comparisons one edit counts for in training: enough that nonsense does not
/// pay, too little to drown what people said.
const EDIT_WEIGHT: f64 = 0.3;

/// What one annotator thought of two replies to the same prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Preference {
    /// Names it in errors; unique.
    pub id: String,
    /// What both answer.
    pub prompt: Prompt,
    /// The better reply; either of them in a tie.
    pub chosen: String,
    /// The other reply.
    pub rejected: String,
    /// Who compared.
    pub annotator: String,
    /// Neither was better.
    pub tie: bool,
}

/// Computes the features of all replies, and of nonsense edits of the preferred ones.
/// Blocks: some tens of milliseconds a reply of a small model, three edits for each
/// preferred reply. `on_reply` hears of each reply that is done.
///
/// # Errors
/// As [`Engine::features`]; [`Error::RewardModel`] for duplicate ids, contradictions of one
/// annotator, and fewer than `minimum` comparisons.
pub fn comparisons(
    engine: &Engine,
    preferences: &[Preference],
    minimum: usize,
    cancel: &CancelToken,
    on_reply: impl FnMut(),
) -> Result<Comparisons, Error> {
    let features = engine.facts().header.embedding_length as usize;
    let mut reader = Reader {
        engine,
        cancel,
        builder: ComparisonsBuilder::new(features),
        replies: HashMap::new(),
        on_reply,
    };
    for preference in preferences {
        reader.read(preference)?;
    }
    Ok(reader.builder.build(minimum)?)
}

/// How many replies [`comparisons`] computes at most.
#[must_use]
pub fn replies_at_most(preferences: &[Preference]) -> usize {
    preferences.len() * (2 + EDITS.len())
}

struct Reader<'a, F> {
    engine: &'a Engine,
    cancel: &'a CancelToken,
    builder: ComparisonsBuilder,
    /// By prompt, and by reply.
    replies: HashMap<(String, String), ReplyIndex>,
    on_reply: F,
}

impl<F: FnMut()> Reader<'_, F> {
    fn read(&mut self, preference: &Preference) -> Result<(), Error> {
        let group = self.engine.prompt_key(&preference.prompt)?;
        let edits_are_new = !self.knows(&group, &preference.chosen);
        let chosen = self.reply(&group, preference, &preference.chosen)?;
        let rejected = self.reply(&group, preference, &preference.rejected)?;
        self.builder.comparison(Comparison {
            id: preference.id.clone(),
            group: group.clone(),
            annotator: preference.annotator.clone(),
            chosen,
            rejected,
            tie: preference.tie,
        })?;
        if edits_are_new && !preference.tie {
            self.edits(&group, preference, chosen)?;
        }
        Ok(())
    }

    fn edits(
        &mut self,
        group: &str,
        preference: &Preference,
        original: ReplyIndex,
    ) -> Result<(), Error> {
        for (seed, kind) in (0..).zip(EDITS) {
            let Some(text) = nonsense(kind, &preference.chosen, seed) else {
                continue;
            };
            let edited = self.reply(group, preference, &text)?;
            if edited == original {
                continue;
            }
            self.builder.edit(Edit {
                id: format!("{}, {}", preference.id, kind.name()),
                group: group.to_owned(),
                kind,
                original,
                edited,
                weight: EDIT_WEIGHT,
            })?;
        }
        Ok(())
    }

    fn knows(&self, group: &str, reply: &str) -> bool {
        self.replies
            .contains_key(&(group.to_owned(), reply.to_owned()))
    }

    fn reply(
        &mut self,
        group: &str,
        preference: &Preference,
        text: &str,
    ) -> Result<ReplyIndex, Error> {
        let key = (group.to_owned(), text.to_owned());
        if let Some(&known) = self.replies.get(&key) {
            return Ok(known);
        }
        let prompt = &preference.prompt;
        let features = self.engine.features(prompt, text, self.cancel)?;
        (self.on_reply)();
        let index = self.builder.reply(Reply {
            id: format!("reply {}", self.replies.len() + 1),
            features: features.values,
            tokens: self.engine.tokenize(text, false)?.len(),
        })?;
        self.replies.insert(key, index);
        Ok(index)
    }
}
