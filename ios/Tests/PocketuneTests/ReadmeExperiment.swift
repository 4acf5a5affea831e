import Pocketune

// The README shows what stands between the markers.
// snippet:start
func compare(
    _ adapters: Adapters, definition: String, choose: (String, String) -> Choice
) async throws {
    let experiment = try await adapters.startExperiment(definition)
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
