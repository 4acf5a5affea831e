/// Waits for `work`, and throws `CancellationError` as soon as the calling task is
/// cancelled. The library's calls do not notice that by themselves: `work` goes on
/// without anybody waiting for it.
func untilCancelled<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try Task.checkCancellation()
    let (results, continuation) = AsyncThrowingStream<Value, any Error>.makeStream()
    Task {
        do {
            continuation.yield(try await work())
        } catch {
            continuation.finish(throwing: error)
        }
    }
    // Ends without a value when the calling task is cancelled, and only then.
    for try await value in results { return value }
    throw CancellationError()
}
