internal import PocketuneFFI

// Experiment definitions as the native library takes and gives them.

extension ExperimentDefinition {
    init(_ native: PocketuneFFI.ExperimentDefinition) {
        self.init(
            id: native.id,
            hypothesis: native.hypothesis,
            design: ExperimentDesign(native.design),
            salt: native.salt,
            incumbent: ArmDefinition(native.incumbent),
            challenger: ArmDefinition(native.challenger),
            metrics: native.metrics.map(MetricDefinition.init),
            limits: ExperimentLimits(
                maxOutcomes: Int(clamping: native.limits.maxOutcomes), maxDays: Int(native.limits.maxDays),
                minOutcomes: Int(clamping: native.limits.minOutcomes)),
            goal: native.goal.map(ExperimentGoal.init) ?? .better,
            alpha: native.alpha,
            coverage: native.coverage,
            weights: native.weights.map { ArmWeights(incumbent: $0.incumbent, challenger: $0.challenger) }
                ?? ArmWeights(),
            namespace: native.namespace.map { ExperimentNamespace(id: $0.id, start: $0.start, end: $0.end) },
            hashVersion: Int(native.hashVersion),
            personOutcomes: native.personOutcomes.map(Int.init))
    }

    func native() throws -> PocketuneFFI.ExperimentDefinition {
        PocketuneFFI.ExperimentDefinition(
            id: id,
            hypothesis: hypothesis,
            design: design.native,
            salt: salt,
            incumbent: incumbent.native,
            challenger: challenger.native,
            metrics: metrics.map(\.native),
            limits: PocketuneFFI.ExperimentLimits(
                maxOutcomes: try exactly(limits.maxOutcomes, "limits.maxOutcomes"),
                maxDays: try exactly(limits.maxDays, "limits.maxDays"),
                minOutcomes: try exactly(limits.minOutcomes, "limits.minOutcomes")),
            goal: goal.native,
            alpha: alpha,
            coverage: coverage,
            weights: PocketuneFFI.ArmWeights(incumbent: weights.incumbent, challenger: weights.challenger),
            namespace: namespace.map {
                PocketuneFFI.ExperimentNamespace(id: $0.id, start: $0.start, end: $0.end)
            },
            hashVersion: try exactly(hashVersion, "hashVersion"),
            personOutcomes: try personOutcomes.map { try exactly($0, "personOutcomes") })
    }
}

extension ExperimentDesign {
    init(_ native: PocketuneFFI.ExperimentDesign) {
        self =
            switch native {
            case .sideBySide: .sideBySide
            case .byConversation: .byConversation
            }
    }

    var native: PocketuneFFI.ExperimentDesign {
        switch self {
        case .sideBySide: .sideBySide
        case .byConversation: .byConversation
        }
    }
}

extension ArmDefinition {
    init(_ native: PocketuneFFI.ArmDefinition) {
        self.init(name: native.name, adapters: native.adapters)
    }

    var native: PocketuneFFI.ArmDefinition {
        PocketuneFFI.ArmDefinition(name: name, adapters: adapters)
    }
}

extension MetricDefinition {
    init(_ native: PocketuneFFI.MetricDefinition) {
        self.init(
            Measure(native.measure), MetricRole(native.role),
            range: native.range.map { MetricRange(low: $0.low, high: $0.high) }, margin: native.margin)
    }

    var native: PocketuneFFI.MetricDefinition {
        PocketuneFFI.MetricDefinition(
            measure: measure.native, role: role.native,
            range: range.map { PocketuneFFI.MetricRange(low: $0.low, high: $0.high) }, margin: margin)
    }
}

extension MetricRole {
    init(_ native: PocketuneFFI.MetricRole) {
        self =
            switch native {
            case .primary: .primary
            case .secondary: .secondary
            case .guardrail: .guardrail
            }
    }

    var native: PocketuneFFI.MetricRole {
        switch self {
        case .primary: .primary
        case .secondary: .secondary
        case .guardrail: .guardrail
        }
    }
}

extension ExperimentGoal {
    init(_ native: PocketuneFFI.ExperimentGoal) {
        switch native {
        case .better: self = .better
        case .notWorseBy(let margin): self = .notWorseBy(margin)
        }
    }

    var native: PocketuneFFI.ExperimentGoal {
        switch self {
        case .better: .better
        case .notWorseBy(let margin): .notWorseBy(margin: margin)
        }
    }
}
