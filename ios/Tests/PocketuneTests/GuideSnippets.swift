import Foundation
import Pocketune

// What ios/README.md shows stands between the markers, so that it is compiled. Nothing
// calls it: the tests of the same calls are elsewhere.

private func show(_ fraction: Float) {}
private func append(_ text: String) {}
private func log(_ text: String) {}
private func explain(_ reason: RefusalReason) {}
private func show(_ reply: Reply) {}
private func showBoth(_ first: Reply, _ second: Reply) {}

func guideToChats(url: URL) async throws {
    // snippet:start
    let engine = try await Engine.load(.file(url)) { fraction in
        show(fraction)
        return true
    }
    let chat = try engine.chat(ChatOptions(systemPrompt: "You are a friendly assistant."))
    for try await part in chat.send("Hello!") {
        if case .text(let text) = part { append(text) }
    }
    // snippet:end
}

func guideToAdapters(engine: Engine, support: URL, policyURL: URL, delivered: URL) async throws {
    // snippet:start
    let store = try await Store.open(support.appending(path: "pocketune"), engine: engine)
    try await store.pinPolicy(Data(contentsOf: policyURL))
    for refused in try await store.adapters.apply() {
        log("\(refused.sha256) no longer passes: \(refused.refusal.detail)")
    }

    switch try await store.adapters.install(delivered) {
    case .accepted(let adapter): try await store.adapters.activate([AdapterChoice(sha256: adapter.sha256)])
    case .refused(let refusal): explain(refusal.reason)
    }
    // snippet:end
}

func guideToExperiments(store: Store, adapter: InstalledAdapter, prompt: String, question: String) async throws {
    // snippet:start
    let definition = ExperimentDefinition(
        id: "brief",
        hypothesis: "Short replies are picked.",
        design: .sideBySide,
        incumbent: ArmDefinition(name: "current model"),
        challenger: ArmDefinition(name: "brief", adapters: [adapter.sha256]),
        metrics: [MetricDefinition(.pick, .primary), MetricDefinition(.criticScore, .guardrail)],
        limits: ExperimentLimits(maxOutcomes: 300, maxDays: 28))
    // snippet:end
    // snippet:start
    let experiment = try await store.experiments.start(definition)  // goes on with it after a restart
    let chat = try await experiment.sideBySide(ChatOptions(systemPrompt: prompt))
    switch try await chat.ask(question) {
    case .one(let reply): show(reply)
    case .two(_, let first, let second): showBoth(first, second)  // on the user's tap: chat.pick(.first)
    }
    if try await experiment.verdict().verdict != .keepGoing { try await experiment.conclude() }
    // snippet:end
}

func guideToRewards(engine: Engine, chat: Chat, headURL: URL, question: String, reply: Reply) async throws {
    // snippet:start
    let model = try await RewardModel.read(engine, head: Data(contentsOf: headURL))
    let score = try await chat.reward(model)  // of the last reply
    let best = try await chat.sendBestOf(question, count: 4, model: model).reply

    let judgement = PocketuneLibrary.criticize(reply.text, to: question, stopReason: reply.stopReason)
    for objection in judgement.objections { log(objection.reason) }
    // snippet:end
    _ = (score, best)
}
