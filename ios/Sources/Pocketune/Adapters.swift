import Foundation
internal import PocketuneFFI

/// The signed adapters of a ``Store``: what it keeps, and its engine computes under.
///
/// An adapter changes replies only if the trust policy lets it pass: ``verify(_:)`` a
/// delivery, ``install(_:)`` it, ``activate(_:)`` it; ``rollBack()`` leads to what was
/// active before. Chats compute under other adapters from their next turn on, and the
/// model stays loaded. May be used from any task or thread; cancelling works as in ``Store``.
public final class Adapters: Sendable {
    private let native: PocketuneFFI.Adapters

    init(_ native: PocketuneFFI.Adapters) {
        self.native = native
    }

    /// Verifies what is active and lets the engine compute under it: at each start, and
    /// after a rotation. Where one is refused the model answers as it is. Returns why.
    ///
    /// - Throws: `PocketuneError.notNow` without an engine; `storageFailed`, `closed` or
    ///   `outOfMemory`.
    @discardableResult
    public func apply() async throws -> [RefusedAdapter] {
        try await untilCancelled { [native] in try await native.apply() }.map(RefusedAdapter.init)
    }

    /// Verifies an adapter with the attestations beside it (`<file>.intoto.jsonl`). Changes
    /// nothing but the history.
    ///
    /// - Throws: `PocketuneError.invalidArgument` without a policy; `notNow` without an
    ///   engine; `storageFailed`. A refusal is a verdict.
    public func verify(_ file: URL) async throws -> AdapterVerdict {
        let path = try path(of: file, "file")
        return AdapterVerdict(try await untilCancelled { [native] in try await native.verify(path: path) })
    }

    /// Verifies and keeps an adapter. It changes no reply before it is active.
    ///
    /// - Throws: as ``verify(_:)``.
    public func install(_ file: URL) async throws -> AdapterVerdict {
        let path = try path(of: file, "file")
        return AdapterVerdict(try await untilCancelled { [native] in try await native.install(path: path) })
    }

    /// Lets replies be changed by these installed adapters, in place of those before. Each
    /// may be there once, and together they change no matrix by more than the policy allows
    /// one. Returns why not, where one no longer passes or they are no such set; what was
    /// active then stays so.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for what is not installed, and for a scale
    ///   that is not between 0 and 1; `storageFailed` or `closed`.
    @discardableResult
    public func activate(_ adapters: [AdapterChoice]) async throws -> AdapterRefusal? {
        let wanted = adapters.map(\.native)
        return try await untilCancelled { [native] in try await native.activate(adapters: wanted) }
            .map(AdapterRefusal.init)
    }

    /// Lets the model answer as it is. What was active stays installed.
    ///
    /// - Throws: `PocketuneError.storageFailed` or `closed`.
    public func deactivate() async throws {
        try await untilCancelled { [native] in try await native.deactivate() }
    }

    /// Goes back to what was active before, and returns it: nothing, where that is the
    /// model as it is.
    ///
    /// - Throws: `PocketuneError.notNow` when nothing ever was active;
    ///   `storageFailed` or `closed`.
    @discardableResult
    public func rollBack() async throws -> [AdapterChoice] {
        try await untilCancelled { [native] in try await native.rollBack() }.map(AdapterChoice.init)
    }

    /// All installed adapters, by channel and version.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func installed() async throws -> [InstalledAdapter] {
        try await untilCancelled { [native] in try await native.installed() }.map(InstalledAdapter.init)
    }

    /// Removes an adapter that is not active.
    ///
    /// - Throws: `PocketuneError.notNow` for one that is active; `invalidArgument` for one
    ///   that is not installed; `storageFailed`.
    public func remove(_ sha256: String) async throws {
        try await untilCancelled { [native] in try await native.remove(sha256: sha256) }
    }

    /// What happened, the latest first.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for a limit below 0; `storageFailed`.
    public func history(limit: Int = 100) async throws -> [HistoryEntry] {
        let limit: UInt32 = try exactly(limit, "limit")
        return try await untilCancelled { [native] in try await native.history(limit: limit) }
            .map(HistoryEntry.init)
    }
}
