package dev.pocketune

/*
 * Types that the native library and this facade share as they are. Types with
 * nested ones (ModelSource, ReplyPart, ...) are declared here instead, because
 * an alias does not carry nested types along.
 */

/** How to load a model: context length, threads, KV cache, memory limits. */
public typealias EngineOptions = dev.pocketune.ffi.EngineOptions

/** Storage type of cached keys and values. */
public typealias KvCacheType = dev.pocketune.ffi.KvCacheType

/** How a token is chosen: temperature, top-k, top-p, min-p, penalties, seed. */
public typealias Sampling = dev.pocketune.ffi.Sampling

/** Lowers the logits of tokens that were used before. */
public typealias Penalties = dev.pocketune.ffi.Penalties

/** Adds to one token's logit. */
public typealias TokenBias = dev.pocketune.ffi.TokenBias

/** How hidden states of several tokens become one vector. */
public typealias Pooling = dev.pocketune.ffi.Pooling

/** One message of a conversation: who wrote it, and what it says. */
public typealias Message = dev.pocketune.ffi.Message

/** Who wrote a message. */
public typealias Role = dev.pocketune.ffi.Role

/** What to do when a conversation no longer fits the context. */
public typealias OverflowPolicy = dev.pocketune.ffi.OverflowPolicy

/** A finished reply: its text, why it ended, token counts and timings. */
public typealias Reply = dev.pocketune.ffi.Reply

/** Why a reply ended. */
public typealias StopReason = dev.pocketune.ffi.StopReason

/** Facts about a model file, read from its checked header. */
public typealias ModelFacts = dev.pocketune.ffi.ModelFacts

/** Memory that a model needs with given options, in bytes. */
public typealias MemoryEstimate = dev.pocketune.ffi.MemoryEstimate

/** How likely a reply is, as natural-log probabilities. */
public typealias Score = dev.pocketune.ffi.Score

/** One token of a scored reply. */
public typealias TokenScore = dev.pocketune.ffi.TokenScore

/** A pooled hidden state; not normalized. */
public typealias Embedding = dev.pocketune.ffi.Embedding

/** How much is logged. No level logs prompts, replies or paths. */
public typealias LogLevel = dev.pocketune.ffi.LogLevel

/** An adapter with the scale of its change. */
public typealias AdapterChoice = dev.pocketune.ffi.AdapterChoice

/** An installed adapter. */
public typealias InstalledAdapter = dev.pocketune.ffi.InstalledAdapter

/** An accepted adapter, for whoever decides about it. */
public typealias AdapterSummary = dev.pocketune.ffi.AdapterSummary

/** One figure of a validation. */
public typealias AdapterMeasurement = dev.pocketune.ffi.AdapterMeasurement

/** Why an adapter does not pass. */
public typealias AdapterRefusal = dev.pocketune.ffi.AdapterRefusal

/** An active adapter that no longer passes. */
public typealias RefusedAdapter = dev.pocketune.ffi.RefusedAdapter

/** The verifier's checks, in their order. */
public typealias RefusalReason = dev.pocketune.ffi.RefusalReason

/** What was done with adapters, or not done. */
public typealias HistoryAction = dev.pocketune.ffi.HistoryAction

/** One line of an app's history of adapters. */
public typealias HistoryEntry = dev.pocketune.ffi.HistoryEntry

/** One of the two variants of an experiment: incumbent or challenger. */
public typealias Arm = dev.pocketune.ffi.Arm

/** What is measured of a reply, or of a conversation. */
public typealias Measure = dev.pocketune.ffi.Measure

/** What an experiment proves: promote, roll back, keep going, inconclusive. */
public typealias Verdict = dev.pocketune.ffi.Verdict

/** A verdict with its evidence. */
public typealias Decision = dev.pocketune.ffi.Decision

/** Why an experiment proves what it proves. */
public typealias VerdictReason = dev.pocketune.ffi.VerdictReason

/** Whether a verdict is in sight. */
public typealias Forecast = dev.pocketune.ffi.Forecast

/** An experiment that cannot be read, and why. */
public typealias DamagedExperiment = dev.pocketune.ffi.DamagedExperiment

/** What one metric of an experiment says. */
public typealias MetricEvidence = dev.pocketune.ffi.MetricEvidence

/** Which of two replies the user picked, in the order in which they were shown. */
public typealias Choice = dev.pocketune.ffi.Choice

/** What a reward model says of one reply. */
public typealias RewardScore = dev.pocketune.ffi.RewardScore

/** Several replies to the same message, and which of them was kept. */
public typealias BestOf = dev.pocketune.ffi.BestOf

/** One of several replies to the same message. */
public typealias Draft = dev.pocketune.ffi.Draft

/** A ruling of the critics and what it rests on. */
public typealias Judgement = dev.pocketune.ffi.Judgement

/** What one critic objects. */
public typealias Objection = dev.pocketune.ffi.Objection

/** What the critics decide: pass, fail, or a person should look. */
public typealias Ruling = dev.pocketune.ffi.Ruling

/** A reply that waits for a person, or has been looked at. */
public typealias DoubtfulReply = dev.pocketune.ffi.DoubtfulReply

/** What one person said of a reply: `pass` or `fail`. */
public typealias ReviewLabel = dev.pocketune.ffi.ReviewLabel

/** What consent is asked for: to keep doubtful replies, or to share those marked out. */
public typealias ReviewConsent = dev.pocketune.ffi.ReviewConsent
