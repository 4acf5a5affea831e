internal import PocketuneFFI

/// One of the two variants of an experiment.
public enum Arm: String, Codable, Hashable, Sendable, CaseIterable {
    /// What is in use, and stays unless the other proves better.
    case incumbent
    /// What may take its place.
    case challenger
}

/// What is measured of a reply, or of a conversation.
public enum Measure: String, Codable, Hashable, Sendable, CaseIterable {
    /// Which of two replies the user picked.
    case pick
    /// Thumb up (1) or down (0).
    case thumb
    /// Whether another reply was asked for, 1 or 0.
    case regenerate
    /// Share of the reply that the user changed.
    case editDistance
    /// Whether the conversation was left without an answer that the user kept, 1 or 0.
    case abandonment
    /// What the critics give, 0 to 1.
    case criticScore
    /// What the reward model gives, as a probability.
    case rewardScore
    /// Time to the first token, in ms.
    case firstTokenMs
    /// Speed of decoding.
    case tokensPerS
    /// Peak memory of the process, in 10⁶ bytes.
    case peakMemoryMb
    /// 0 nominal, 1 fair, 2 serious, 3 critical.
    case thermalState
    /// Whether the reply refuses, 1 or 0.
    case refusal
}

/// What came of a unit of an experiment, by one measure.
public enum Outcome: Codable, Hashable, Sendable {
    /// Of two replies, this arm's; of neither, nil.
    case picked(Arm?)
    /// Of the one arm that answered, in the measure's unit.
    case value(Double)
    /// Of both arms, where both answered.
    case pair(incumbent: Double, challenger: Double)
}

extension Arm {
    init(_ native: PocketuneFFI.Arm) {
        self =
            switch native {
            case .incumbent: .incumbent
            case .challenger: .challenger
            }
    }

    var native: PocketuneFFI.Arm {
        switch self {
        case .incumbent: .incumbent
        case .challenger: .challenger
        }
    }
}

extension Measure {
    init(_ native: PocketuneFFI.Measure) {
        self =
            switch native {
            case .pick: .pick
            case .thumb: .thumb
            case .regenerate: .regenerate
            case .editDistance: .editDistance
            case .abandonment: .abandonment
            case .criticScore: .criticScore
            case .rewardScore: .rewardScore
            case .firstTokenMs: .firstTokenMs
            case .tokensPerS: .tokensPerS
            case .peakMemoryMb: .peakMemoryMb
            case .thermalState: .thermalState
            case .refusal: .refusal
            }
    }

    var native: PocketuneFFI.Measure {
        switch self {
        case .pick: .pick
        case .thumb: .thumb
        case .regenerate: .regenerate
        case .editDistance: .editDistance
        case .abandonment: .abandonment
        case .criticScore: .criticScore
        case .rewardScore: .rewardScore
        case .firstTokenMs: .firstTokenMs
        case .tokensPerS: .tokensPerS
        case .peakMemoryMb: .peakMemoryMb
        case .thermalState: .thermalState
        case .refusal: .refusal
        }
    }
}

extension Outcome {
    var native: PocketuneFFI.Outcome {
        switch self {
        case .picked(let arm): .picked(arm: arm?.native)
        case .value(let value): .value(value: value)
        case .pair(let incumbent, let challenger): .pair(incumbent: incumbent, challenger: challenger)
        }
    }
}
