import Foundation
import PocketuneFFI

// Types that the native library and this facade share. They are value types and
// `Sendable`; their members are documented where they are generated.

/// A model file in GGUF form: a path, or an open descriptor, which the caller keeps.
public typealias ModelSource = PocketuneFFI.ModelSource

/// How to load a model: context length, threads, KV cache, memory limits.
public typealias EngineOptions = PocketuneFFI.EngineOptions

/// Storage type of cached keys and values.
public typealias KvCacheType = PocketuneFFI.KvCacheType

/// How to start a chat: system prompt, history, template, what to do on overflow.
public typealias ChatOptions = PocketuneFFI.ChatOptions

/// Where a chat's template comes from.
public typealias TemplateChoice = PocketuneFFI.TemplateChoice

/// What to do when a conversation no longer fits the context.
public typealias OverflowPolicy = PocketuneFFI.OverflowPolicy

/// What one reply may be like: length, sampling, stop strings, a constraint.
public typealias GenerationOptions = PocketuneFFI.GenerationOptions

/// How a token is chosen: temperature, top-k, top-p, min-p, penalties, seed.
public typealias Sampling = PocketuneFFI.Sampling

/// Lowers the logits of tokens that were used before.
public typealias Penalties = PocketuneFFI.Penalties

/// Adds to one token's logit.
public typealias TokenBias = PocketuneFFI.TokenBias

/// A form that a reply must have: a GBNF grammar or a JSON Schema.
public typealias Constraint = PocketuneFFI.Constraint

/// One message of a conversation: who wrote it, and what it says.
public typealias Message = PocketuneFFI.Message

/// Who wrote a message.
public typealias Role = PocketuneFFI.Role

/// A part of a reply as it is generated: a piece of text, or the end.
public typealias ReplyPart = PocketuneFFI.ReplyPart

/// A finished reply: its text, why it ended, token counts and timings.
public typealias Reply = PocketuneFFI.Reply

/// Why a reply ended.
public typealias StopReason = PocketuneFFI.StopReason

/// A prompt for ``Engine/score(_:reply:)`` and ``Engine/embed(_:pooling:)``.
public typealias Prompt = PocketuneFFI.Prompt

/// How hidden states of several tokens become one vector.
public typealias Pooling = PocketuneFFI.Pooling

/// How likely a reply is, as natural-log probabilities.
public typealias Score = PocketuneFFI.Score

/// One token of a scored reply.
public typealias TokenScore = PocketuneFFI.TokenScore

/// A pooled hidden state; not normalized.
public typealias Embedding = PocketuneFFI.Embedding

/// Facts about a model file, read from its checked header.
public typealias ModelFacts = PocketuneFFI.ModelFacts

/// Memory that a model needs with given options, in bytes.
public typealias MemoryEstimate = PocketuneFFI.MemoryEstimate

/// Why a call failed. There is one case for each thing an app may do about it.
/// Messages contain no prompt, reply or path.
public typealias PocketuneError = PocketuneFFI.PocketuneError

/// An adapter with the scale of its change.
public typealias AdapterChoice = PocketuneFFI.AdapterChoice

/// An installed adapter.
public typealias InstalledAdapter = PocketuneFFI.InstalledAdapter

/// An accepted adapter, for whoever decides about it.
public typealias AdapterSummary = PocketuneFFI.AdapterSummary

/// One figure of a validation.
public typealias AdapterMeasurement = PocketuneFFI.AdapterMeasurement

/// The verifier's word on a delivery: accepted or refused.
public typealias AdapterVerdict = PocketuneFFI.AdapterVerdict

/// Why an adapter does not pass.
public typealias AdapterRefusal = PocketuneFFI.AdapterRefusal

/// An active adapter that no longer passes.
public typealias RefusedAdapter = PocketuneFFI.RefusedAdapter

/// The verifier's checks, in their order.
public typealias RefusalReason = PocketuneFFI.RefusalReason

/// What was done with adapters, or not done.
public typealias HistoryAction = PocketuneFFI.HistoryAction

/// One line of an app's history of adapters.
public typealias HistoryEntry = PocketuneFFI.HistoryEntry

/// One of the two variants of an experiment: incumbent or challenger.
public typealias Arm = PocketuneFFI.Arm

/// What is measured of a reply, or of a conversation.
public typealias Measure = PocketuneFFI.Measure

/// What came of a unit of an experiment, by one measure: a pick, one value, or a pair.
public typealias Outcome = PocketuneFFI.Outcome

/// What an experiment proves: promote, roll back, keep going, inconclusive.
public typealias Verdict = PocketuneFFI.Verdict

/// A verdict with its evidence.
public typealias Decision = PocketuneFFI.Decision

/// Why an experiment proves what it proves.
public typealias VerdictReason = PocketuneFFI.VerdictReason

/// Whether a verdict is in sight.
public typealias Forecast = PocketuneFFI.Forecast

/// An experiment that cannot be read, and why.
public typealias DamagedExperiment = PocketuneFFI.DamagedExperiment

/// What one metric of an experiment says.
public typealias MetricEvidence = PocketuneFFI.MetricEvidence

/// What came of a question to a ``SideBySideChat``: one reply, or two to pick from.
public typealias Asked = PocketuneFFI.Asked

/// Which of two replies the user picked, in the order in which they were shown.
public typealias Choice = PocketuneFFI.Choice

/// What a reward model says of one reply.
public typealias RewardScore = PocketuneFFI.RewardScore

/// Several replies to the same message, and which of them was kept.
public typealias BestOf = PocketuneFFI.BestOf

/// One of several replies to the same message.
public typealias Draft = PocketuneFFI.Draft

/// A ruling of the critics and what it rests on.
public typealias Judgement = PocketuneFFI.Judgement

/// What one critic objects.
public typealias Objection = PocketuneFFI.Objection

/// What the critics decide: pass, fail, or a person should look.
public typealias Ruling = PocketuneFFI.Ruling

/// A reply that waits for a person, or has been looked at.
public typealias DoubtfulReply = PocketuneFFI.DoubtfulReply

/// What one person said of a reply: `pass` or `fail`.
public typealias ReviewLabel = PocketuneFFI.ReviewLabel

/// What consent is asked for: to keep doubtful replies, or to share those marked out.
public typealias ReviewConsent = PocketuneFFI.ReviewConsent

/// How much is logged. No level logs prompts, replies or paths.
public typealias LogLevel = PocketuneFFI.LogLevel

extension ModelSource {
    /// A model file in the app's bundle or container.
    ///
    /// - Parameter url: a file URL.
    public static func file(_ url: URL) -> ModelSource {
        .path(path: url.path)
    }
}
