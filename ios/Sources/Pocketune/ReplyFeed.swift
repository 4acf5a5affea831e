import PocketuneFFI

/// Pulls the parts of one reply. Letting go of it stops generation.
actor ReplyFeed {
    private let start: @Sendable () throws -> ReplyStream
    private var stream: ReplyStream?
    private var hasEnded = false

    init(start: @escaping @Sendable () throws -> ReplyStream) {
        self.start = start
    }

    /// The next part; nil after the end, and once the calling task is cancelled.
    func next() async throws -> ReplyPart? {
        guard !hasEnded, !Task.isCancelled else { return nil }
        do {
            let stream = try opened()
            // A stream that ends without its last part lost its engine.
            guard let part = try await untilCancelled({ try await stream.next() }) else {
                throw PocketuneError.Closed
            }
            if case .done = part { end() }
            return part
        } catch is CancellationError {
            stream?.cancel()
            end()
            return nil
        } catch {
            end()
            throw error
        }
    }

    private func opened() throws -> ReplyStream {
        if let stream { return stream }
        let new = try start()
        stream = new
        return new
    }

    private func end() {
        hasEnded = true
        stream = nil
    }
}

/// A stream that makes its request when it is first read.
func replyStream(
    start: @escaping @Sendable () throws -> ReplyStream
) -> AsyncThrowingStream<ReplyPart, any Error> {
    let feed = ReplyFeed(start: start)
    return AsyncThrowingStream { try await feed.next() }
}

extension AsyncThrowingStream<ReplyPart, any Error> {
    /// Reads to the end.
    func reply() async throws -> Reply {
        for try await part in self {
            if case .done(let reply) = part { return reply }
        }
        // Only a cancelled task's stream ends without the last part.
        throw CancellationError()
    }
}
