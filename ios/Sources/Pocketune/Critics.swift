internal import PocketuneFFI

/// A ruling of the critics and what it rests on.
public struct Judgement: Codable, Hashable, Sendable {
    /// The decision.
    public let ruling: Ruling
    /// From 0 to 1, by all critics together.
    public let score: Double
    /// Those that object.
    public let objections: [Objection]
}

/// What one critic objects.
public struct Objection: Codable, Hashable, Sendable {
    /// Its name, such as `repetition`.
    public let critic: String
    /// From 0, certainly at fault, to 1.
    public let score: Double
    /// Why, in plain words, without anything that user or model wrote.
    public let reason: String
}

/// What the critics decide.
public enum Ruling: String, Codable, Hashable, Sendable, CaseIterable {
    /// Nothing to object.
    case pass
    /// Certainly at fault.
    case fail
    /// A person should look.
    case needsReview
}

extension Judgement {
    init(_ native: PocketuneFFI.Judgement) {
        ruling =
            switch native.ruling {
            case .pass: .pass
            case .fail: .fail
            case .needsReview: .needsReview
            }
        score = native.score
        objections = native.objections.map(Objection.init)
    }
}

extension Objection {
    init(_ native: PocketuneFFI.Objection) {
        critic = native.critic
        score = native.score
        reason = native.reason
    }
}
