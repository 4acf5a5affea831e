import PocketuneFFI

/// An A/B test on this device; ``Adapters/startExperiment(_:)`` starts one.
///
/// Two arms are compared: the incumbent, which is in use, and the challenger. Each unit
/// (a conversation, or one question of a ``SideBySideChat``) is assigned to an arm by its
/// name, what came of it is recorded, and the verdict may be asked for at any time: it is
/// valid at every look.
///
/// What was recorded is on disk when a call returns. May be used from any task or thread.
/// Cancelling the task ends the waiting with `CancellationError`; what was asked for goes
/// on to its end.
public final class Experiment: Sendable {
    /// SHA-256 of the definition: its name in summaries, and for
    /// ``Adapters/forgetExperiment(_:)``.
    public let sha256: String

    /// What the definition calls it.
    public let id: String

    private let native: PocketuneFFI.Experiment

    init(_ native: PocketuneFFI.Experiment) {
        sha256 = native.sha256()
        id = native.id()
        self.native = native
    }

    /// The arm of a unit, always the same, also after a restart; nil where it takes no
    /// part. The first time it is written down as an exposure: call it where the unit is
    /// about to see the arm.
    ///
    /// - Throws: `PocketuneError.StorageFailed`, also where the experiment's ledger is
    ///   damaged.
    @discardableResult
    public func assign(_ unit: String) async throws -> Arm? {
        try await untilCancelled { [native] in try await native.assign(unit: unit) }
    }

    /// Writes down what came of a unit, once a measure; where the clock went back, as at the
    /// time of the event before.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` for a unit that was not assigned, a
    ///   second outcome, a measure that the experiment does not take, and a value that is no
    ///   number; `NotNow` after the end; `StorageFailed`. Then nothing was written.
    public func record(_ unit: String, _ measure: Measure, _ outcome: Outcome) async throws {
        try await untilCancelled { [native] in
            try await native.record(unit: unit, measure: measure, outcome: outcome)
        }
    }

    /// What is proven now. May be asked after every outcome, and changes nothing.
    ///
    /// - Throws: `PocketuneError.StorageFailed`, also where the experiment's ledger is
    ///   damaged.
    public func verdict() async throws -> Decision {
        try await untilCancelled { [native] in try await native.verdict() }
    }

    /// Does what the verdict says and ends the experiment, both or neither: a promotion
    /// activates the challenger's adapters, anything else those of the incumbent. Where it
    /// has ended before, returns the verdict and changes nothing.
    ///
    /// - Throws: `PocketuneError.NotNow` while nothing is proven; `InvalidArgument` where
    ///   an adapter no longer passes; `StorageFailed` or `Closed`.
    @discardableResult
    public func conclude() async throws -> Decision {
        try await untilCancelled { [native] in try await native.conclude() }
    }

    /// Ends it without a verdict: nothing more is recorded.
    ///
    /// - Throws: `PocketuneError.NotNow` when it has ended before; `StorageFailed`.
    public func end() async throws {
        try await untilCancelled { [native] in try await native.end() }
    }

    /// Whether it has ended, by ``conclude()`` or ``end()``.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func ended() async throws -> Bool {
        try await untilCancelled { [native] in try await native.ended() }
    }

    /// Counts alone, as JSON: neither units nor texts. `pocketune experiment` on a
    /// workstation judges those of several devices, each as one person.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func summary() async throws -> String {
        try await untilCancelled { [native] in try await native.summary() }
    }

    /// All events as lines of JSON, with the units' names and without any text.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func ledger() async throws -> String {
        try await untilCancelled { [native] in try await native.ledger() }
    }

    /// Starts a conversation under the arm of a unit, and writes the exposure down. Where
    /// it takes no part (the arm is nil), as after the end, the conversation is under
    /// whatever is active.
    ///
    /// - Throws: as ``assign(_:)`` and ``Engine/chat(_:)``;
    ///   `PocketuneError.InvalidArgument` for an experiment of the other design, or where an
    ///   adapter no longer passes.
    public func chat(
        _ unit: String,
        options: ChatOptions = ChatOptions()
    ) async throws -> (chat: Chat, arm: Arm?) {
        let started = try await untilCancelled { [native] in
            try await native.chat(unit: unit, options: options)
        }
        return (Chat(started.chat), started.arm)
    }

    /// Starts a conversation in which both arms answer and the user picks, for an
    /// experiment whose design is `side_by_side`.
    ///
    /// - Parameters:
    ///   - options: how to start it.
    ///   - reward: scores both replies, where the experiment measures that.
    /// - Throws: `PocketuneError.InvalidArgument` for an experiment of the other design,
    ///   or where an adapter no longer passes; as ``Engine/chat(_:)``.
    public func sideBySide(
        _ options: ChatOptions = ChatOptions(),
        reward: RewardModel? = nil
    ) async throws -> SideBySideChat {
        let model = reward?.native
        return SideBySideChat(
            try await untilCancelled { [native] in
                try await native.sideBySide(options: options, reward: model)
            })
    }
}

extension Adapters {
    /// Starts an experiment that the app defines, or goes on with it. The adapters of both
    /// arms must be installed.
    ///
    /// - Parameter definition: JSON: what is compared, measured and waited for, as in the
    ///   README.
    /// - Throws: `PocketuneError.InvalidArgument` for a definition that cannot be, or an
    ///   adapter that is not installed; `StorageFailed`.
    public func startExperiment(_ definition: String) async throws -> Experiment {
        Experiment(
            try await untilCancelled { [native] in
                try await native.startExperiment(definition: definition)
            })
    }

    /// Starts an experiment that was delivered, or goes on with it: its definition is
    /// verified with the attestations beside it.
    ///
    /// - Parameter path: the definition's file; the attestations are in
    ///   `<path>.intoto.jsonl`.
    /// - Throws: `PocketuneError.InvalidArgument` as ``startExperiment(_:)``, and for what
    ///   the policy does not accept; `StorageFailed`.
    public func startDeliveredExperiment(at path: String) async throws -> Experiment {
        Experiment(
            try await untilCancelled { [native] in
                try await native.startDeliveredExperiment(path: path)
            })
    }

    /// All experiments that were started and not forgotten, the earliest first; also those
    /// that have ``Experiment/ended()``, and without ``damagedExperiments()``.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func experiments() async throws -> [Experiment] {
        try await untilCancelled { [native] in try await native.experiments() }.map(Experiment.init)
    }

    /// Experiments that cannot be read: damaged, or started by a newer version of the app.
    /// ``forgetExperiment(_:)`` removes them.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func damagedExperiments() async throws -> [DamagedExperiment] {
        try await untilCancelled { [native] in try await native.damagedExperiments() }
    }

    /// Removes an experiment with all that was recorded in it.
    ///
    /// - Parameter sha256: ``Experiment/sha256``.
    /// - Throws: `PocketuneError.InvalidArgument` for one that was not started;
    ///   `StorageFailed`.
    public func forgetExperiment(_ sha256: String) async throws {
        try await untilCancelled { [native] in try await native.forgetExperiment(sha256: sha256) }
    }
}
