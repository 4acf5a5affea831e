import Foundation
internal import PocketuneFFI

/// A small head over the model's hidden state that scores replies.
///
/// It judges the model as it is, whatever adapters are active: an adapter does not move
/// its judge. May be used from any task or thread.
public final class RewardModel: Sendable {
    /// The native object, for what works beside it.
    let native: PocketuneFFI.RewardModel

    init(_ native: PocketuneFFI.RewardModel) {
        self.native = native
    }

    /// Reads the head of a file that ships with the app, for the engine's model. The first
    /// time it reads all of the model's weights: about a second a gigabyte.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for bytes that are no head, or that of
    ///   another model; `modelUnreadable` or `closed`.
    public static func read(_ engine: Engine, head: Data) async throws -> RewardModel {
        let engine = try engine.openNative()
        return RewardModel(
            try await untilCancelled { try await PocketuneFFI.RewardModel.read(engine: engine, head: head) })
    }

    /// Scores a reply after a prompt. Cancelling the task stops it. For the last reply of a
    /// chat, ``Chat/reward(_:)`` costs next to nothing.
    ///
    /// - Throws: as ``Engine/score(_:reply:)``.
    public func score(_ prompt: Prompt, reply: String) async throws -> RewardScore {
        try await stoppedWhenCancelled { [native] cancellation in
            RewardScore(
                try await native.score(prompt: prompt.native, reply: reply, cancellation: cancellation))
        }
    }
}

/// The reward models of a ``Store``. May be used from any task or thread.
public final class RewardModels: Sendable {
    private let native: PocketuneFFI.RewardModels

    init(_ native: PocketuneFFI.RewardModels) {
        self.native = native
    }

    /// A reward model that was delivered: its head is verified with the attestations beside
    /// it (`<file>.intoto.jsonl`), at each start.
    ///
    /// - Throws: `PocketuneError.invalidArgument`, with the refusal, for what the policy does
    ///   not accept, and for no head of this model; `notNow` without an engine;
    ///   `storageFailed`.
    public func open(_ file: URL) async throws -> RewardModel {
        let path = try path(of: file, "file")
        return RewardModel(try await untilCancelled { [native] in try await native.open(path: path) })
    }
}

/// What a reward model says of one reply.
public struct RewardScore: Codable, Hashable, Sendable {
    /// Standard deviations from the mean of the replies that it was trained on, within ±3.
    public let reward: Double
    /// The calibrated probability that it is preferred to a reply of mean score.
    public let quality: Double
    /// Tokens that had to be computed for it.
    public let computedTokens: Int
}

/// Several replies to the same message.
public struct BestOf: Codable, Hashable, Sendable {
    /// In the order in which they were generated; at least one.
    public let drafts: [Draft]
    /// Index of the one that joined the history.
    public let best: Int

    /// The reply that joined the history.
    public var reply: Reply {
        drafts[best].reply
    }
}

/// One of several replies to the same message.
public struct Draft: Codable, Hashable, Sendable {
    /// The reply.
    public let reply: Reply
    /// Nil for a reply that is empty or fills the context.
    public let score: RewardScore?
}

extension Chat {
    /// Asks for several replies and keeps the one that the reward model prefers,
    /// `BestOf.reply`. A handful is enough: many drafts find what fools the model.
    /// Cancelling the task stops them all, and none joins the history.
    ///
    /// - Throws: as reading ``send(_:options:)``, and as ``reward(_:)``;
    ///   `PocketuneError.invalidArgument` for a count of 0 or above 64, or above 1 where
    ///   sampling is greedy; `CancellationError` when the task was cancelled.
    public func sendBestOf(
        _ text: String,
        count: Int,
        model: RewardModel,
        options: GenerationOptions = GenerationOptions()
    ) async throws -> BestOf {
        let (model, options) = (model.native, try options.native())
        let count: UInt32 = try exactly(count, "count")
        return try await stoppedWhenCancelled { [native] cancellation in
            BestOf(
                try await native.sendBestOf(
                    text: text, count: count, model: model, options: options, cancellation: cancellation))
        }
    }

    /// Scores the last reply of the history. Right after it, with no adapter active, that
    /// costs one token or two.
    ///
    /// - Throws: `PocketuneError.notNow` when there is no reply; `invalidArgument` where the
    ///   head is another model's; `contextFull` or `closed`.
    public func reward(_ model: RewardModel) async throws -> RewardScore {
        let model = model.native
        return try await stoppedWhenCancelled { [native] cancellation in
            RewardScore(try await native.reward(model: model, cancellation: cancellation))
        }
    }
}

extension RewardScore {
    init(_ native: PocketuneFFI.RewardScore) {
        reward = native.reward
        quality = native.quality
        computedTokens = Int(clamping: native.computedTokens)
    }
}

extension BestOf {
    init(_ native: PocketuneFFI.BestOf) {
        drafts = native.drafts.map { Draft(reply: Reply($0.reply), score: $0.score.map(RewardScore.init)) }
        best = Int(clamping: native.best)
    }
}
