import Foundation
internal import PocketuneFFI

/// The A/B tests of a ``Store``. May be used from any task or thread; cancelling works as
/// in ``Store``.
public final class Experiments: Sendable {
    private let native: PocketuneFFI.Experiments

    init(_ native: PocketuneFFI.Experiments) {
        self.native = native
    }

    /// Starts an experiment that the app defines, or goes on with it. The adapters of both
    /// arms must be installed.
    ///
    /// - Throws: `PocketuneError.invalidArgument`, which names the field, for a definition
    ///   that cannot be, or an adapter that is not installed; `storageFailed`.
    public func start(_ definition: ExperimentDefinition) async throws -> Experiment {
        let definition = try definition.native()
        return Experiment(try await untilCancelled { [native] in try await native.start(definition: definition) })
    }

    /// Starts an experiment that was delivered, or goes on with it: its definition is
    /// verified with the attestations beside it (`<file>.intoto.jsonl`).
    ///
    /// - Throws: as ``start(_:)``; `PocketuneError.invalidArgument` with the refusal for what
    ///   the policy does not accept; `notNow` without an engine.
    public func startDelivered(_ file: URL) async throws -> Experiment {
        let path = try path(of: file, "file")
        return Experiment(try await untilCancelled { [native] in try await native.startDelivered(path: path) })
    }

    /// All experiments that were started and not forgotten, the earliest first; also those
    /// that have ``Experiment/ended()``, and without ``damaged()``.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func all() async throws -> [Experiment] {
        try await untilCancelled { [native] in try await native.all() }.map(Experiment.init)
    }

    /// Experiments that cannot be read: damaged, or started by a newer version of the app.
    /// ``forget(_:)`` removes them.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func damaged() async throws -> [DamagedExperiment] {
        try await untilCancelled { [native] in try await native.damaged() }
            .map { DamagedExperiment(sha256: $0.sha256, reason: $0.reason) }
    }

    /// Removes an experiment with all that was recorded in it.
    ///
    /// - Parameter sha256: ``Experiment/sha256``.
    /// - Throws: `PocketuneError.invalidArgument` for one that was not started;
    ///   `storageFailed`.
    public func forget(_ sha256: String) async throws {
        try await untilCancelled { [native] in try await native.forget(sha256: sha256) }
    }
}

/// An experiment that cannot be read.
public struct DamagedExperiment: Codable, Hashable, Identifiable, Sendable {
    /// Its name, with which it can be forgotten.
    public let sha256: String
    /// What is wrong with it.
    public let reason: String

    /// Its name.
    public var id: String { sha256 }
}
