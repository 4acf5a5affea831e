//! What goes in.

use pocketune_base::Timestamp;
use pocketune_judge::experiment::{Decision, Definition, Pick};
use pocketune_judge::reward::RewardReport;
use serde::Serialize;

/// All that the page shows.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was tested.
    pub definition: &'a Definition,
    /// What came out.
    pub decision: &'a Decision,
    /// How much longer, in words.
    pub outlook: String,
    /// What somebody who reads the verdict ought to know of it.
    pub remarks: Vec<String>,
    /// The first exposure and the latest event, in seconds since 1970.
    pub span: [Option<i64>; 2],
    /// Events of each device, as lines of JSON.
    pub ledgers: Vec<&'a str>,
    /// Whether they are of one device, about whose user the verdict is.
    pub of_one_device: bool,
    /// How many devices gave counts alone.
    pub summaries: usize,
    /// Files that did not count, and why.
    pub passed_over: Vec<(String, String)>,
    /// What the reward model is worth.
    pub reward: Option<&'a RewardReport>,
    /// Replies of both arms, shown with the consent of those who asked.
    pub samples: Option<Vec<Sample>>,
    /// What exactly was tested, with its SHA-256.
    pub digests: Vec<(String, String)>,
    /// The version of what makes the page.
    pub version: &'static str,
    /// The moment of the verdict.
    pub at: Timestamp,
}

/// Replies of both arms to one prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Unique on the page.
    pub id: String,
    /// What was asked.
    pub prompt: String,
    /// The incumbent's reply.
    pub incumbent: String,
    /// The challenger's reply.
    pub challenger: String,
    /// Which one the user picked, where somebody did.
    pub picked: Option<Pick>,
}
