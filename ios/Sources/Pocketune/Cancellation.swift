internal import PocketuneFFI

/// Waits for `work`, and throws `CancellationError` as soon as the calling task is
/// cancelled. Most of the library's calls do not notice that: `work` goes on
/// without anybody waiting for it.
func untilCancelled<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try Task.checkCancellation()
    let (results, continuation) = AsyncThrowingStream<Value, any Error>.makeStream()
    Task {
        do {
            continuation.yield(try await translated(work))
        } catch {
            continuation.finish(throwing: error)
        }
    }
    // Ends without a value when the calling task is cancelled, and only then.
    for try await value in results { return value }
    throw CancellationError()
}

/// Runs `work` with what stops it when the calling task is cancelled; then throws
/// `CancellationError`, once it has stopped.
func stoppedWhenCancelled<Value: Sendable>(
    _ work: @Sendable (Cancellation) async throws -> Value
) async throws -> Value {
    let cancellation = Cancellation()
    do {
        return try await withTaskCancellationHandler {
            try await translated { try await work(cancellation) }
        } onCancel: {
            cancellation.cancel()
        }
    } catch PocketuneError.notNow where Task.isCancelled {
        throw CancellationError()
    }
}
