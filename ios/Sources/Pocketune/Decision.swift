internal import PocketuneFFI

/// A verdict with its evidence.
public struct Decision: Codable, Hashable, Sendable {
    /// What to do.
    public let verdict: Verdict
    /// Why.
    public let reason: VerdictReason
    /// The guardrail of that reason; nil where it is about none.
    public let guardrail: Measure?
    /// What, why and on which numbers, in a sentence.
    public let sentence: String
    /// Exposures of the incumbent.
    public let incumbentExposures: Int
    /// Exposures of the challenger.
    public let challengerExposures: Int
    /// Whether a verdict is in sight.
    public let forecast: Forecast
    /// About how many more outcomes lead to it; nil where it is not in sight.
    public let moreOutcomes: Int?
    /// Evidence by each metric.
    public let metrics: [MetricEvidence]
}

/// What an experiment proves.
public enum Verdict: String, Codable, Hashable, Sendable, CaseIterable {
    /// The challenger takes the incumbent's place.
    case promote
    /// The challenger is worse and goes.
    case rollBack
    /// Nothing is proven yet.
    case keepGoing
    /// Nothing was proven; the incumbent stays.
    case inconclusive
}

/// Why an experiment proves what it proves.
public enum VerdictReason: String, Codable, Hashable, Sendable, CaseIterable {
    /// The goal of the primary metric is reached and every guardrail holds.
    case primaryBetter
    /// The challenger is worse by the primary metric.
    case primaryWorse
    /// It is worse by a guardrail's margin.
    case guardrailHarmed
    /// The goal is reached; a guardrail is not shown to hold yet.
    case guardrailOpen
    /// The goal is reached with fewer outcomes than asked for.
    case tooFewOutcomes
    /// The evidence is not enough yet.
    case notYet
    /// Arms were not assigned by their weights: nothing that was counted can be believed.
    case sampleRatio
    /// There are as many outcomes as there may be.
    case outcomeLimit
    /// It has lasted as long as it may.
    case dayLimit
    /// Somebody ended it.
    case endedByHand
}

/// Whether a verdict is in sight, if the outcomes to come are as those that came. An
/// estimate, rough early on.
public enum Forecast: String, Codable, Hashable, Sendable, CaseIterable {
    /// Nothing can be said yet.
    case unknown
    /// Fewer than the limit leaves.
    case withinLimit
    /// More than the limit leaves.
    case beyondLimit
}

/// What one metric says. Effects are shares of the metric's range, the challenger's mean less
/// the incumbent's, positive where the challenger is better.
public struct MetricEvidence: Codable, Hashable, Sendable {
    /// Which.
    public let measure: Measure
    /// How many outcomes.
    public let outcomes: Int
    /// The effect seen; nil before both arms have outcomes.
    public let effect: Double?
    /// Where the effect is at least, at all looks at once, with probability 1 − alpha.
    public let low: Double
    /// Where it is at most.
    public let high: Double
}

extension Decision {
    init(_ native: PocketuneFFI.Decision) {
        verdict = Verdict(native.verdict)
        reason = VerdictReason(native.reason)
        guardrail = native.guardrail.map(Measure.init)
        sentence = native.sentence
        incumbentExposures = Int(clamping: native.incumbentExposures)
        challengerExposures = Int(clamping: native.challengerExposures)
        forecast = Forecast(native.forecast)
        moreOutcomes = native.moreOutcomes.map { Int(clamping: $0) }
        metrics = native.metrics.map {
            MetricEvidence(
                measure: Measure($0.measure), outcomes: Int(clamping: $0.outcomes), effect: $0.effect, low: $0.low,
                high: $0.high)
        }
    }
}

extension Verdict {
    init(_ native: PocketuneFFI.Verdict) {
        self =
            switch native {
            case .promote: .promote
            case .rollBack: .rollBack
            case .keepGoing: .keepGoing
            case .inconclusive: .inconclusive
            }
    }
}

extension VerdictReason {
    init(_ native: PocketuneFFI.VerdictReason) {
        self =
            switch native {
            case .primaryBetter: .primaryBetter
            case .primaryWorse: .primaryWorse
            case .guardrailHarmed: .guardrailHarmed
            case .guardrailOpen: .guardrailOpen
            case .tooFewOutcomes: .tooFewOutcomes
            case .notYet: .notYet
            case .sampleRatio: .sampleRatio
            case .outcomeLimit: .outcomeLimit
            case .dayLimit: .dayLimit
            case .endedByHand: .endedByHand
            }
    }
}

extension Forecast {
    init(_ native: PocketuneFFI.Forecast) {
        self =
            switch native {
            case .unknown: .unknown
            case .withinLimit: .withinLimit
            case .beyondLimit: .beyondLimit
            }
    }
}
