import Foundation

/// A native object that can be let go of before its owner is.
final class Handle<Native: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    // Only touched while `lock` is held.
    private var native: Native?

    init(_ native: Native) {
        self.native = native
    }

    /// The native object; throws `PocketuneError.closed` after `take`.
    func open() throws -> Native {
        guard let native = lock.withLock({ native }) else { throw PocketuneError.closed }
        return native
    }

    /// Lets go of the native object and returns it to the first caller.
    func take() -> Native? {
        lock.withLock {
            defer { native = nil }
            return native
        }
    }
}
