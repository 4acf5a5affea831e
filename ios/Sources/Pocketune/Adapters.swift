import Foundation
import PocketuneFFI

/// An app's signed adapters: what its store keeps, and its engine computes under.
///
/// An adapter changes replies only if the trust policy lets it pass: ``review(_:)`` a
/// delivery, ``install(_:)`` it, ``activate(_:)`` it; ``rollBack()`` leads to what was
/// active before. Chats compute under other adapters from their next turn on, and the
/// model stays loaded.
///
/// May be used from any task or thread. Cancelling the task ends the waiting with
/// `CancellationError`; what was asked for goes on to its end.
public final class Adapters: Sendable {
    let native: PocketuneFFI.Adapters

    private init(_ native: PocketuneFFI.Adapters) {
        self.native = native
    }

    /// Opens the store in a directory, made where it is missing, for the engine's model.
    /// The first time it reads all of the model's weights: about a second a gigabyte.
    ///
    /// - Parameters:
    ///   - engine: whose replies adapters change.
    ///   - directory: the path of the store.
    ///   - deviceKey: the 32 bytes of this device's own public key, if it makes adapters
    ///     for itself.
    /// - Throws: `PocketuneError.StorageFailed`, `ModelUnreadable`, `InvalidArgument` for
    ///   bytes that are no key, or `Closed`.
    public static func open(
        _ engine: Engine,
        directory: String,
        deviceKey: Data? = nil
    ) async throws -> Adapters {
        let engine = try engine.openNative()
        return Adapters(
            try await untilCancelled {
                try await PocketuneFFI.Adapters.open(
                    engine: engine, directory: directory, deviceKey: deviceKey)
            })
    }

    /// Makes a policy the trust policy where there is none, or an older one: the one that
    /// ships with the app. Call it at each start. Returns the version in force.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` for what is no sound policy;
    ///   `StorageFailed`.
    @discardableResult
    public func pinPolicy(_ policy: Data) async throws -> UInt64 {
        try await untilCancelled { [native] in try await native.pinPolicy(policy: policy) }
    }

    /// Replaces the policy by the next one, which the root keys of both have signed. Call
    /// ``apply()`` after it. Returns the version in force.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` for what is not the next policy;
    ///   `StorageFailed`.
    @discardableResult
    public func rotatePolicy(_ policy: Data) async throws -> UInt64 {
        try await untilCancelled { [native] in try await native.rotatePolicy(policy: policy) }
    }

    /// Verifies what is active and lets the engine compute under it: at each start, and
    /// after a rotation. Where one is refused the model answers as it is. Returns why.
    ///
    /// - Throws: `PocketuneError.StorageFailed`, `Closed` or `OutOfMemory`.
    @discardableResult
    public func apply() async throws -> [RefusedAdapter] {
        try await untilCancelled { [native] in try await native.apply() }
    }

    /// Verifies the adapter at a path with the attestations beside it
    /// (`<path>.intoto.jsonl`). Changes nothing but the history.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` without a policy; `StorageFailed`.
    public func review(_ path: String) async throws -> AdapterVerdict {
        try await untilCancelled { [native] in try await native.review(path: path) }
    }

    /// Verifies and keeps the adapter at a path. It changes no reply before it is active.
    ///
    /// - Throws: as ``review(_:)``.
    public func install(_ path: String) async throws -> AdapterVerdict {
        try await untilCancelled { [native] in try await native.install(path: path) }
    }

    /// Lets replies be changed by these installed adapters, in place of those before. Each
    /// may be there once, and together they change no matrix by more than the policy allows
    /// one. Returns why not, where one no longer passes or they are no such set; what was
    /// active then stays so.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` for what is not installed, and for a scale
    ///   that is not between 0 and 1; `StorageFailed` or `Closed`.
    @discardableResult
    public func activate(_ adapters: [AdapterChoice]) async throws -> AdapterRefusal? {
        try await untilCancelled { [native] in try await native.activate(adapters: adapters) }
    }

    /// Lets the model answer as it is. What was active stays installed.
    ///
    /// - Throws: `PocketuneError.StorageFailed` or `Closed`.
    public func deactivate() async throws {
        try await untilCancelled { [native] in try await native.deactivate() }
    }

    /// Goes back to what was active before, and returns it: nothing, where that is the
    /// model as it is.
    ///
    /// - Throws: `PocketuneError.NotNow` when nothing ever was active;
    ///   `StorageFailed` or `Closed`.
    @discardableResult
    public func rollBack() async throws -> [AdapterChoice] {
        try await untilCancelled { [native] in try await native.rollBack() }
    }

    /// All installed adapters, by channel and version.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func installed() async throws -> [InstalledAdapter] {
        try await untilCancelled { [native] in try await native.installed() }
    }

    /// Removes an adapter that is not active.
    ///
    /// - Throws: `PocketuneError.NotNow` for one that is active; `InvalidArgument` for one
    ///   that is not installed; `StorageFailed`.
    public func remove(_ sha256: String) async throws {
        try await untilCancelled { [native] in try await native.remove(sha256: sha256) }
    }

    /// What happened, the latest first.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func history(limit: UInt32 = 100) async throws -> [HistoryEntry] {
        try await untilCancelled { [native] in try await native.history(limit: limit) }
    }

    /// How many seconds the clock is behind the latest time that the store has seen. What
    /// expired in between stays so until ``trustClock()``.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func clockBehindSeconds() async throws -> UInt64 {
        try await untilCancelled { [native] in try await native.clockBehindS() }
    }

    /// Trusts the device's clock again: call it when the user says that the clock is right.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func trustClock() async throws {
        try await untilCancelled { [native] in try await native.trustClock() }
    }
}
