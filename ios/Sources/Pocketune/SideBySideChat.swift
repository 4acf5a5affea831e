import PocketuneFFI

/// A conversation in which both arms of an ``Experiment`` answer and the user picks;
/// ``Experiment/sideBySide(_:reward:)`` starts one.
///
/// ``ask(_:options:)``, show both replies, ``pick(_:)``: the conversation goes on from the
/// reply that was picked. Which arm gave which reply is not said, so that nobody can be
/// swayed by it. May be used from any task or thread; letting go of it frees both caches.
public final class SideBySideChat: Sendable {
    private let native: PocketuneFFI.SideBySideChat

    init(_ native: PocketuneFFI.SideBySideChat) {
        self.native = native
    }

    /// The turns so far, without the system prompt.
    public var history: [Message] {
        native.history()
    }

    /// Asks both arms, one after the other, and returns both replies. Cancelling the task
    /// stops both. Where no pick followed the question before, the incumbent's reply to it
    /// counts as what was said. Where it fails or is cancelled, nothing was said or written
    /// down, and the question before is still open.
    ///
    /// - Throws: as reading ``Chat/send(_:options:)``, and as ``Experiment/assign(_:)``;
    ///   `CancellationError` when the task was cancelled.
    public func ask(
        _ text: String,
        options: GenerationOptions = GenerationOptions()
    ) async throws -> Asked {
        try await stoppedWhenCancelled { [native] cancellation in
            try await native.ask(text: text, options: options, cancellation: cancellation)
        }
    }

    /// Writes down what the user picked, and goes on from there; from the incumbent's
    /// reply where neither is better.
    ///
    /// - Throws: `PocketuneError.NotNow` where nothing waits for a pick, while a question is
    ///   being answered, and where the experiment was ended meanwhile; `InvalidArgument`
    ///   where the pick was recorded before; `StorageFailed`.
    public func pick(_ choice: Choice) async throws {
        try await untilCancelled { [native] in try await native.pick(choice: choice) }
    }
}
