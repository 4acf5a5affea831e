internal import PocketuneFFI

/// A conversation in which both arms of an ``Experiment`` answer and the user picks;
/// ``Experiment/sideBySide(_:reward:)`` starts one.
///
/// ``ask(_:options:)`` or ``stream(_:options:)``, show both replies, ``pick(_:)``: the
/// conversation goes on from the reply that was picked. Which arm gave which reply is not
/// said, so that nobody can be swayed by it. May be used from any task or thread; letting go
/// of it frees both caches.
public final class SideBySideChat: Sendable {
    private let native: PocketuneFFI.SideBySideChat

    init(_ native: PocketuneFFI.SideBySideChat) {
        self.native = native
    }

    /// The turns so far, without the system prompt.
    public var history: [Message] {
        native.history().map(Message.init)
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
        let options = try options.native()
        return Asked(
            try await stoppedWhenCancelled { [native] cancellation in
                try await native.ask(text: text, options: options, cancellation: cancellation)
            })
    }

    /// As ``ask(_:options:)``, with both replies as they are generated: first all of the one
    /// that is to be shown first.
    ///
    /// The question is asked when the stream is first read; a stream can be read once. Its
    /// last part is `AskedPart.done`. Cancelling the reading task, or letting go of the
    /// stream, stops both replies: the stream then ends without `AskedPart.done`.
    public func stream(
        _ text: String,
        options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<AskedPart, any Error> {
        Pocketune.stream { [native] in try native.stream(text: text, options: options.native()) }
    }

    /// Writes down what the user picked, and goes on from there; from the incumbent's
    /// reply where neither is better.
    ///
    /// - Throws: `PocketuneError.notNow` where nothing waits for a pick, while a question is
    ///   being answered, and where the experiment was ended meanwhile; `invalidArgument`
    ///   where the pick was recorded before; `storageFailed`.
    public func pick(_ choice: Choice) async throws {
        try await untilCancelled { [native] in try await native.pick(choice: choice.native) }
    }
}

/// What came of a question to a ``SideBySideChat``.
public enum Asked: Codable, Hashable, Sendable {
    /// It takes no part: the reply is in the history.
    case one(Reply)
    /// Two replies to show, in this order; then ``SideBySideChat/pick(_:)``. `unit` is the
    /// question's in the experiment.
    case two(unit: String, first: Reply, second: Reply)
}

/// A part of what comes of a question, as it is generated. Which arm it is of is not said.
public enum AskedPart: Hashable, Sendable {
    /// The next piece of the reply that is to be shown first, or of the only one.
    case first(String)
    /// The next piece of the reply that is to be shown second.
    case second(String)
    /// The end; nothing follows.
    case done(Asked)
}

/// Which of two replies the user picked, in the order in which they were shown.
public enum Choice: String, Codable, Hashable, Sendable, CaseIterable {
    /// The reply that was shown first.
    case first
    /// The reply that was shown second.
    case second
    /// Neither is better.
    case neither
}

extension Asked {
    init(_ native: PocketuneFFI.Asked) {
        switch native {
        case .one(let reply): self = .one(Reply(reply))
        case .two(let unit, let first, let second):
            self = .two(unit: unit, first: Reply(first), second: Reply(second))
        }
    }
}

extension AskedPart {
    init(_ native: PocketuneFFI.AskedPart) {
        switch native {
        case .first(let text): self = .first(text)
        case .second(let text): self = .second(text)
        case .done(let asked): self = .done(Asked(asked))
        }
    }
}

extension Choice {
    var native: PocketuneFFI.Choice {
        switch self {
        case .first: .first
        case .second: .second
        case .neither: .neither
        }
    }
}
