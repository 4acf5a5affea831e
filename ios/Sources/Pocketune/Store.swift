import Foundation
internal import PocketuneFFI

/// Everything of an app that lasts: trust policy, adapters, experiments, replies for review,
/// consents.
///
/// Opened with an engine it owns it: nobody passes the engine again, and ``close()`` closes
/// both. Without one it still lists, exports, forgets and removes; what needs the model
/// fails with `PocketuneError.notNow`.
///
/// May be used from any task or thread. Cancelling the task ends the waiting with
/// `CancellationError`; what was asked for goes on to its end.
public final class Store: Sendable {
    /// The engine that it was opened with.
    public let engine: Engine?

    /// Signed adapters: what the store keeps, and the engine computes under.
    public let adapters: Adapters

    /// A/B tests on this device.
    public let experiments: Experiments

    /// Replies that the critics leave to a person.
    public let reviews: Reviews

    /// Reward models that are delivered.
    public let rewardModels: RewardModels

    private let native: PocketuneFFI.Store

    private init(_ native: PocketuneFFI.Store, engine: Engine?) {
        self.engine = engine
        adapters = Adapters(native.adapters())
        experiments = Experiments(native.experiments())
        reviews = Reviews(native.reviews())
        rewardModels = RewardModels(native.rewardModels())
        self.native = native
    }

    /// Opens the store in a folder, made where it is missing. With an engine, the first time
    /// it reads all of the model's weights: about a second a gigabyte.
    ///
    /// - Parameters:
    ///   - directory: the folder, by its file URL.
    ///   - engine: whose replies adapters change.
    ///   - deviceKey: the 32 bytes of this device's own public key, if it makes adapters
    ///     for itself.
    /// - Throws: `PocketuneError.storageFailed`, `modelUnreadable`, `modelInvalid`,
    ///   `invalidArgument` for bytes that are no key, or `closed`.
    public static func open(
        _ directory: URL,
        engine: Engine? = nil,
        deviceKey: Data? = nil
    ) async throws -> Store {
        let path = try path(of: directory, "directory")
        let loaded = try engine?.openNative()
        let native = try await untilCancelled {
            try await PocketuneFFI.Store.open(directory: path, engine: loaded, deviceKey: deviceKey)
        }
        return Store(native, engine: engine)
    }

    /// Makes a policy the trust policy where there is none, or an older one: the one that
    /// ships with the app. Call it at each start. Returns the version in force.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for what is no sound policy;
    ///   `storageFailed`.
    @discardableResult
    public func pinPolicy(_ policy: Data) async throws -> Int {
        Int(clamping: try await untilCancelled { [native] in try await native.pinPolicy(policy: policy) })
    }

    /// Replaces the policy by the next one, which the root keys of both have signed. Call
    /// ``Adapters/apply()`` after it. Returns the version in force.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for what is not the next policy;
    ///   `storageFailed`.
    @discardableResult
    public func rotatePolicy(_ policy: Data) async throws -> Int {
        Int(clamping: try await untilCancelled { [native] in try await native.rotatePolicy(policy: policy) })
    }

    /// How far the clock is behind the latest time that the store has seen. What expired in
    /// between stays so until ``trustClock()``.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func clockBehind() async throws -> Duration {
        .seconds(try await untilCancelled { [native] in try await native.clockBehind() })
    }

    /// Trusts the device's clock again: call it when the user says that the clock is right.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func trustClock() async throws {
        try await untilCancelled { [native] in try await native.trustClock() }
    }

    /// What the user has agreed to. Nothing, at first.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func consents() async throws -> Set<ConsentPurpose> {
        Set(try await untilCancelled { [native] in try await native.consents() }.map(ConsentPurpose.init))
    }

    /// Gives a consent or takes it back. What rested on it is gone when this returns: taking
    /// `ConsentPurpose.review` back removes what was kept for review, taking
    /// `ConsentPurpose.reviewSharing` back every mark for sharing.
    ///
    /// - Throws: `PocketuneError.notNow` for giving what nothing in this version uses;
    ///   `storageFailed`.
    public func setConsent(_ purpose: ConsentPurpose, given: Bool) async throws {
        try await untilCancelled { [native] in
            try await native.setConsent(purpose: purpose.native, given: given)
        }
    }

    /// Closes the engine, where the store was opened with one. Blocks for some milliseconds.
    /// What needs no engine goes on working.
    public func close() {
        native.shutDown()
        engine?.close()
    }
}

/// What a consent is for. Nothing is given by default.
public enum ConsentPurpose: String, Codable, Hashable, Sendable, CaseIterable {
    /// To keep replies that critics are in doubt about, for a person to look at.
    case review
    /// To hand out those that were marked for sharing.
    case reviewSharing
    /// To learn from the user's feedback on this device. Nothing in this version uses it.
    case learn
    /// To keep examples after the tuning run that used them. Nothing in this version uses it.
    case keepExamples
    /// To share counts without any text. Nothing in this version uses it.
    case shareCounts
    /// To share clipped and noised updates. Nothing in this version uses it.
    case shareUpdates
}

extension ConsentPurpose {
    init(_ native: PocketuneFFI.ConsentPurpose) {
        self =
            switch native {
            case .review: .review
            case .reviewSharing: .reviewSharing
            case .learn: .learn
            case .keepExamples: .keepExamples
            case .shareCounts: .shareCounts
            case .shareUpdates: .shareUpdates
            }
    }

    var native: PocketuneFFI.ConsentPurpose {
        switch self {
        case .review: .review
        case .reviewSharing: .reviewSharing
        case .learn: .learn
        case .keepExamples: .keepExamples
        case .shareCounts: .shareCounts
        case .shareUpdates: .shareUpdates
        }
    }
}
