internal import PocketuneFFI

/// What the native library hands out part by part.
protocol PartSource: AnyObject, Sendable {
    associatedtype Part: Sendable
    /// The next part, and whether it is the last; nil where it ended without one.
    func pull() async throws -> (part: Part, isLast: Bool)?
    func cancel()
}

extension ReplyStream: PartSource {
    func pull() async throws -> (part: ReplyPart, isLast: Bool)? {
        guard let native = try await next() else { return nil }
        let part = ReplyPart(native)
        if case .done = part { return (part, true) }
        return (part, false)
    }
}

extension AskedStream: PartSource {
    func pull() async throws -> (part: AskedPart, isLast: Bool)? {
        guard let native = try await next() else { return nil }
        let part = AskedPart(native)
        if case .done = part { return (part, true) }
        return (part, false)
    }
}

/// Pulls the parts of one request. Letting go of it stops generation.
actor Feed<Source: PartSource> {
    private let start: @Sendable () throws -> Source
    private var source: Source?
    private var hasEnded = false

    init(start: @escaping @Sendable () throws -> Source) {
        self.start = start
    }

    /// The next part; nil after the end, and once the calling task is cancelled.
    func next() async throws -> Source.Part? {
        guard !hasEnded, !Task.isCancelled else { return nil }
        do {
            let source = try opened()
            // A stream that ends without its last part lost its engine.
            guard let (part, isLast) = try await untilCancelled({ try await source.pull() }) else {
                throw PocketuneError.closed
            }
            if isLast { end() }
            return part
        } catch is CancellationError {
            source?.cancel()
            end()
            return nil
        } catch {
            end()
            throw error
        }
    }

    private func opened() throws -> Source {
        if let source { return source }
        let new = try translated(start)
        source = new
        return new
    }

    private func end() {
        hasEnded = true
        source = nil
    }
}

/// A stream that makes its request when it is first read.
func stream<Source: PartSource>(
    start: @escaping @Sendable () throws -> Source
) -> AsyncThrowingStream<Source.Part, any Error> {
    let feed = Feed(start: start)
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
