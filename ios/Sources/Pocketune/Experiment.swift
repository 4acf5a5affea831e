internal import PocketuneFFI

/// An A/B test on this device; ``Experiments/start(_:)`` starts one.
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
    /// ``Experiments/forget(_:)``.
    public let sha256: String

    /// What it compares, with every default filled in.
    public let definition: ExperimentDefinition

    /// What the definition calls it.
    public var id: String { definition.id }

    private let native: PocketuneFFI.Experiment

    init(_ native: PocketuneFFI.Experiment) {
        sha256 = native.sha256()
        definition = ExperimentDefinition(native.definition())
        self.native = native
    }

    /// The arm of a unit, always the same, also after a restart; nil where it takes no
    /// part. The first time it is written down as an exposure: call it where the unit is
    /// about to see the arm.
    ///
    /// - Throws: `PocketuneError.storageFailed`, also where the experiment's ledger is
    ///   damaged.
    @discardableResult
    public func assign(_ unit: String) async throws -> Arm? {
        try await untilCancelled { [native] in try await native.assign(unit: unit) }.map(Arm.init)
    }

    /// Writes down what came of a unit, once a measure; where the clock went back, as at the
    /// time of the event before.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for a unit that was not assigned, a
    ///   second outcome, a measure that the experiment does not take, and a value that is no
    ///   number; `notNow` after the end; `storageFailed`. Then nothing was written.
    public func record(_ unit: String, _ measure: Measure, _ outcome: Outcome) async throws {
        try await untilCancelled { [native] in
            try await native.record(unit: unit, measure: measure.native, outcome: outcome.native)
        }
    }

    /// What is proven now. May be asked after every outcome, and changes nothing.
    ///
    /// - Throws: `PocketuneError.storageFailed`, also where the experiment's ledger is
    ///   damaged.
    public func verdict() async throws -> Decision {
        Decision(try await untilCancelled { [native] in try await native.verdict() })
    }

    /// Does what the verdict says and ends the experiment, both or neither: a promotion
    /// activates the challenger's adapters, anything else those of the incumbent. Where it
    /// has ended before, returns the verdict and changes nothing.
    ///
    /// - Throws: `PocketuneError.notNow` while nothing is proven; `invalidArgument` where
    ///   an adapter no longer passes; `storageFailed` or `closed`.
    @discardableResult
    public func conclude() async throws -> Decision {
        Decision(try await untilCancelled { [native] in try await native.conclude() })
    }

    /// Ends it without a verdict: nothing more is recorded.
    ///
    /// - Throws: `PocketuneError.notNow` when it has ended before; `storageFailed`.
    public func end() async throws {
        try await untilCancelled { [native] in try await native.end() }
    }

    /// Whether it has ended, by ``conclude()`` or ``end()``.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func ended() async throws -> Bool {
        try await untilCancelled { [native] in try await native.ended() }
    }

    /// Counts alone, as JSON: neither units nor texts. `pocketune experiment` on a
    /// workstation judges those of several devices, each as one person.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func summary() async throws -> String {
        try await untilCancelled { [native] in try await native.summary() }
    }

    /// All events as lines of JSON, with the units' names and without any text.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func ledger() async throws -> String {
        try await untilCancelled { [native] in try await native.ledger() }
    }

    /// Starts a conversation under the arm of a unit, and writes the exposure down. Where
    /// it takes no part (the arm is nil), as after the end, the conversation is under
    /// whatever is active.
    ///
    /// - Throws: as ``assign(_:)`` and ``Engine/chat(_:)``;
    ///   `PocketuneError.invalidArgument` for an experiment of the other design, or where an
    ///   adapter no longer passes.
    public func chat(
        _ unit: String,
        options: ChatOptions = ChatOptions()
    ) async throws -> (chat: Chat, arm: Arm?) {
        let started = try await untilCancelled { [native] in
            try await native.chat(unit: unit, options: options.native)
        }
        return (Chat(started.chat), started.arm.map(Arm.init))
    }

    /// Starts a conversation in which both arms answer and the user picks, for an
    /// experiment whose design is `ExperimentDesign.sideBySide`.
    ///
    /// - Parameters:
    ///   - options: how to start it.
    ///   - reward: scores both replies, where the experiment measures that.
    /// - Throws: `PocketuneError.invalidArgument` for an experiment of the other design,
    ///   or where an adapter no longer passes; as ``Engine/chat(_:)``.
    public func sideBySide(
        _ options: ChatOptions = ChatOptions(),
        reward: RewardModel? = nil
    ) async throws -> SideBySideChat {
        let model = reward?.native
        return SideBySideChat(
            try await untilCancelled { [native] in
                try await native.sideBySide(options: options.native, reward: model)
            })
    }
}
