import Foundation
internal import PocketuneFFI

/// Stands between the library and the app's callback. It keeps what the callback
/// throws, of which the library only learns that it failed, and carries the
/// cancellation of the calling task, of which the library learns nothing else.
final class ProgressListener: LoadListener, @unchecked Sendable {
    private let onProgress: (@Sendable (Float) throws -> Bool)?
    private let lock = NSLock()
    // Only touched while `lock` is held, which it never is while app code runs.
    private var isCancelled = false
    private var thrown: (any Error)?

    init(_ onProgress: (@Sendable (Float) throws -> Bool)?) {
        self.onProgress = onProgress
    }

    /// Why the load was stopped from here: what the callback threw, or a cancellation.
    var failure: (any Error)? {
        lock.withLock { thrown ?? (isCancelled ? CancellationError() : nil) }
    }

    func cancel() {
        lock.withLock { isCancelled = true }
    }

    func onProgress(fraction: Float) throws -> Bool {
        if lock.withLock({ isCancelled }) { return false }
        do {
            let goesOn = try onProgress?(fraction) ?? true
            if !goesOn { cancel() }
            return goesOn
        } catch {
            lock.withLock { thrown = thrown ?? error }
            return false
        }
    }
}
