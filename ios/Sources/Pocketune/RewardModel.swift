import Foundation
import PocketuneFFI

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
    /// - Throws: `PocketuneError.InvalidArgument` for bytes that are no head, or that of
    ///   another model; `ModelUnreadable` or `Closed`.
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
            try await native.score(prompt: prompt, reply: reply, cancellation: cancellation)
        }
    }
}

extension Adapters {
    /// A reward model that was delivered: its head is verified with the attestations beside
    /// it, at each start.
    ///
    /// - Parameter path: the head's file; the attestations are in `<path>.intoto.jsonl`.
    /// - Throws: `PocketuneError.InvalidArgument` for what the policy does not accept, or a
    ///   head of another model; `StorageFailed`.
    public func rewardModel(at path: String) async throws -> RewardModel {
        RewardModel(try await untilCancelled { [native] in try await native.rewardModel(path: path) })
    }
}

extension Chat {
    /// Asks for several replies and keeps the one that the reward model prefers,
    /// `BestOf.reply`. A handful is enough: many drafts find what fools the model.
    /// Cancelling the task stops them all, and none joins the history.
    ///
    /// - Throws: as reading ``send(_:options:)``, and as ``reward(_:)``;
    ///   `PocketuneError.InvalidArgument` for a count of 0 or above 64, or above 1 where
    ///   sampling is greedy; `CancellationError` when the task was cancelled.
    public func sendBestOf(
        _ text: String,
        count: UInt32,
        model: RewardModel,
        options: GenerationOptions = GenerationOptions()
    ) async throws -> BestOf {
        let model = model.native
        return try await stoppedWhenCancelled { [native] cancellation in
            try await native.sendBestOf(
                text: text, count: count, model: model, options: options, cancellation: cancellation)
        }
    }

    /// Scores the last reply of the history. Right after it, with no adapter active, that
    /// costs one token or two.
    ///
    /// - Throws: `PocketuneError.NotNow` when there is no reply; `InvalidArgument` where the
    ///   head is another model's; `ContextFull` or `Closed`.
    public func reward(_ model: RewardModel) async throws -> RewardScore {
        let model = model.native
        return try await stoppedWhenCancelled { [native] cancellation in
            try await native.reward(model: model, cancellation: cancellation)
        }
    }
}

extension BestOf {
    /// The reply that joined the history.
    public var reply: Reply {
        drafts[Int(best)].reply
    }
}
