import Pocketune

// The README shows what stands between the markers.
// snippet:start
func compare(
    _ store: Store, adapter: String, choose: (String, String) -> Choice
) async throws {
    let experiment = try await store.experiments.start(
        ExperimentDefinition(
            id: "brief",
            hypothesis: "Short replies are picked.",
            design: .sideBySide,
            incumbent: ArmDefinition(name: "the model as it is"),
            challenger: ArmDefinition(name: "brief", adapters: [adapter]),
            metrics: [MetricDefinition(.pick, .primary)],
            limits: ExperimentLimits(maxOutcomes: 300, maxDays: 28)))
    let chat = try await experiment.sideBySide()
    let asked = try await chat.ask("Why is the sky blue?", options: GenerationOptions(maxTokens: 60))
    if case .two(_, let first, let second) = asked {
        try await chat.pick(choose(first.text, second.text))
    }
    let decision = try await experiment.verdict()  // valid at every look
    print(decision.sentence)
    if decision.verdict != .keepGoing { try await experiment.conclude() }
}
// snippet:end
