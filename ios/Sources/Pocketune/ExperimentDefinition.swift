internal import PocketuneFFI

/// What an experiment compares, and by what rules. The same fields as those of a definition's
/// file; ``Experiments/start(_:)`` says what cannot be.
public struct ExperimentDefinition: Codable, Hashable, Sendable {
    /// What it is called: 1 to 64 of `a-z 0-9 . _ -`.
    public var id: String
    /// What is hoped for, in a sentence.
    public var hypothesis: String
    /// Who answers.
    public var design: ExperimentDesign
    /// What makes its assignments its own; experiments of one salt assign alike.
    public var salt: String
    /// What is in use, and stays unless the other proves better.
    public var incumbent: ArmDefinition
    /// What may take its place.
    public var challenger: ArmDefinition
    /// What is measured: 1 to 16, one a measure, exactly one of them primary.
    public var metrics: [MetricDefinition]
    /// When it ends without a verdict; the incumbent stays.
    public var limits: ExperimentLimits
    /// What is to be shown of the primary metric.
    public var goal: ExperimentGoal
    /// Bound on the chance of a wrong claim, at all looks together; above 0, at most 0.5.
    public var alpha: Double
    /// Share of the units that take part, above 0, at most 1.
    public var coverage: Double
    /// Shares of both arms where one arm answers.
    public var weights: ArmWeights
    /// The part of a namespace whose units take part; nil: all.
    public var namespace: ExperimentNamespace?
    /// Version of GrowthBook's hash, 1 or 2.
    public var hashVersion: Int
    /// Over several devices: from how many outcomes of each arm on a person counts, and how
    /// many count, 1 to 1,000; nil: 8.
    public var personOutcomes: Int?

    /// What is compared, measured and waited for; the rest has defaults. `salt` is `id`
    /// unless it is given.
    public init(
        id: String,
        hypothesis: String,
        design: ExperimentDesign,
        salt: String? = nil,
        incumbent: ArmDefinition,
        challenger: ArmDefinition,
        metrics: [MetricDefinition],
        limits: ExperimentLimits,
        goal: ExperimentGoal = .better,
        alpha: Double = 0.05,
        coverage: Double = 1,
        weights: ArmWeights = ArmWeights(),
        namespace: ExperimentNamespace? = nil,
        hashVersion: Int = 2,
        personOutcomes: Int? = nil
    ) {
        self.id = id
        self.hypothesis = hypothesis
        self.design = design
        self.salt = salt ?? id
        self.incumbent = incumbent
        self.challenger = challenger
        self.metrics = metrics
        self.limits = limits
        self.goal = goal
        self.alpha = alpha
        self.coverage = coverage
        self.weights = weights
        self.namespace = namespace
        self.hashVersion = hashVersion
        self.personOutcomes = personOutcomes
    }
}

/// Who answers.
public enum ExperimentDesign: String, Codable, Hashable, Sendable, CaseIterable {
    /// Both arms answer each question, in random order; the user picks.
    case sideBySide
    /// One arm answers a whole conversation.
    case byConversation
}

/// One variant: exactly these adapters, each at scale 1.
public struct ArmDefinition: Codable, Hashable, Sendable {
    /// For people; the two differ.
    public var name: String
    /// SHA-256 of its adapters, which are installed; empty for the model as it is, whatever is
    /// active.
    public var adapters: [String]

    /// A variant.
    public init(name: String, adapters: [String] = []) {
        self.name = name
        self.adapters = adapters
    }
}

/// Something measured.
public struct MetricDefinition: Codable, Hashable, Sendable {
    /// What.
    public var measure: Measure
    /// What for.
    public var role: MetricRole
    /// The range that is compared; nil: the measure's own.
    public var range: MetricRange?
    /// How much worse a guardrail may be, as a share of the range, between 0 and 1.
    public var margin: Double

    /// A metric.
    public init(_ measure: Measure, _ role: MetricRole, range: MetricRange? = nil, margin: Double = 0.05) {
        self.measure = measure
        self.role = role
        self.range = range
        self.margin = margin
    }
}

/// What a metric is for.
public enum MetricRole: String, Codable, Hashable, Sendable, CaseIterable {
    /// The verdict is about it.
    case primary
    /// Shown, decides nothing.
    case secondary
    /// Must be shown not to be worse by its margin before a promotion.
    case guardrail
}

/// A range in a measure's unit; what lies outside counts as its end.
public struct MetricRange: Codable, Hashable, Sendable {
    /// Where it begins.
    public var low: Double
    /// Where it ends.
    public var high: Double

    /// From `low` to `high`.
    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }
}

/// What is to be shown of the primary metric for a promotion.
public enum ExperimentGoal: Codable, Hashable, Sendable {
    /// The challenger is better.
    case better
    /// It is not worse by this share of the range or more, between 0 and 1: for what is
    /// smaller or faster.
    case notWorseBy(Double)
}

/// When an experiment ends without a verdict.
public struct ExperimentLimits: Codable, Hashable, Sendable {
    /// Outcomes of the primary metric, at least 1.
    public var maxOutcomes: Int
    /// Days since the first exposure, at least 1.
    public var maxDays: Int
    /// Outcomes of the primary metric before a promotion; what harms goes sooner.
    public var minOutcomes: Int

    /// Limits.
    public init(maxOutcomes: Int, maxDays: Int, minOutcomes: Int = 0) {
        self.maxOutcomes = maxOutcomes
        self.maxDays = maxDays
        self.minOutcomes = minOutcomes
    }
}

/// Shares of both arms, positive, which sum to 1.
public struct ArmWeights: Codable, Hashable, Sendable {
    /// The incumbent's.
    public var incumbent: Double
    /// The challenger's.
    public var challenger: Double

    /// Half and half, unless said otherwise.
    public init(incumbent: Double = 0.5, challenger: Double = 0.5) {
        self.incumbent = incumbent
        self.challenger = challenger
    }
}

/// Some of the units, so that experiments do not meet: 0 ≤ start < end ≤ 1.
public struct ExperimentNamespace: Codable, Hashable, Sendable {
    /// The namespace.
    public var id: String
    /// Where the part begins.
    public var start: Double
    /// Where it ends.
    public var end: Double

    /// A part of a namespace.
    public init(id: String, start: Double, end: Double) {
        self.id = id
        self.start = start
        self.end = end
    }
}
