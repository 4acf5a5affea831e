import Foundation
import Pocketune
import XCTest

final class ExperimentTests: XCTestCase {
    private func reply(_ engine: Engine) async throws -> String {
        try await engine.chat(assistant).reply(to: "Name a river.", options: greedy(8)).text
    }

    func testAUnitKeepsItsArmWhenTheStoreIsOpenedAgain() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let units = (0..<20).map { "conversation \($0)" }
        var arms: [Arm?] = []
        do {
            let store = try await openStore(engine, in: folder.url)
            let experiment = try await store.experiments.start(definition(try await challenger(store.adapters)))
            XCTAssertEqual(experiment.id, "brief")
            for unit in units { arms.append(try await experiment.assign(unit)) }
        }
        XCTAssertEqual(Set(arms), [.incumbent, .challenger])
        let store = try await openStore(engine, in: folder.url)
        let experiments = try await store.experiments.all()
        let experiment = try XCTUnwrap(experiments.first)
        var again: [Arm?] = []
        for unit in units { again.append(try await experiment.assign(unit)) }
        XCTAssertEqual(again, arms)
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.incumbentExposures + decision.challengerExposures, 20)
        XCTAssertEqual(decision.reason, .notYet)
        XCTAssertEqual(decision.forecast, .unknown)
        XCTAssertNil(decision.moreOutcomes)
        let hasEnded = try await experiment.ended()
        XCTAssertFalse(hasEnded)
        let damaged = try await store.experiments.damaged()
        XCTAssertEqual(damaged, [])
        try await store.experiments.forget(experiment.sha256)
        let left = try await store.experiments.all()
        XCTAssertTrue(left.isEmpty)
    }

    func testWhatCannotBeIsRefused() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        let nobody = String(repeating: "ab", count: 32)
        await assertInvalid { _ = try await store.experiments.start(definition(nobody)) }
        await assertInvalid { try await store.experiments.forget(nobody) }
        let experiment = try await store.experiments.start(definition(try await challenger(store.adapters)))
        await assertInvalid { try await experiment.record("a", .pick, .picked(.challenger)) }
        try await experiment.assign("a")
        await assertInvalid { try await experiment.record("a", .thumb, .value(1)) }
        try await experiment.record("a", .pick, .picked(.challenger))
        await assertInvalid { try await experiment.record("a", .pick, .picked(.challenger)) }
        await assertNotNow { try await experiment.conclude() }
        try await experiment.end()
        let hasEnded = try await experiment.ended()
        XCTAssertTrue(hasEnded)
        let arm = try await experiment.assign("b")
        XCTAssertNil(arm)
    }

    func testAChallengerThatIsPickedIsPromotedAndAnswersFromThenOn() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        let before = try await reply(engine)
        let experiment = try await store.experiments.start(definition(try await challenger(store.adapters)))
        for unit in 0..<60 {
            try await experiment.assign("\(unit)")
            try await experiment.record("\(unit)", .pick, .picked(.challenger))
        }
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.verdict, .promote)
        XCTAssertEqual(decision.reason, .primaryBetter)
        XCTAssertNil(decision.guardrail)
        XCTAssertEqual(decision.forecast, .withinLimit)
        XCTAssertEqual(decision.moreOutcomes, 0)
        XCTAssertEqual(decision.metrics.map(\.outcomes), [60])
        XCTAssertGreaterThan(try XCTUnwrap(decision.metrics.first).low, 0)
        let ledger = try await experiment.ledger()
        XCTAssertTrue(ledger.hasPrefix("{\"event\":\"start\""))
        XCTAssertEqual(ledger.split(separator: "\n").count, 121)
        let summary = try await experiment.summary()
        XCTAssertTrue(summary.hasPrefix("{"))
        let undecided = try await reply(engine)
        XCTAssertEqual(undecided, before)

        let concluded = try await experiment.conclude()
        XCTAssertEqual(concluded.verdict, .promote)
        let after = try await reply(engine)
        XCTAssertNotEqual(after, before)
        let back = try await store.adapters.rollBack()
        XCTAssertEqual(back, [])
        let last = try await reply(engine)
        XCTAssertEqual(last, before)
    }

    func testBothArmsAnswerAndTheConversationGoesOnFromThePick() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        let experiment = try await store.experiments.start(definition(try await challenger(store.adapters)))
        let base = try await reply(engine)
        let chat = try await experiment.sideBySide(assistant)
        await assertNotNow { try await chat.pick(.first) }
        guard case .two(let unit, let first, let second) = try await chat.ask("Name a river.", options: greedy(8))
        else { return XCTFail("takes no part") }
        let arm = try await experiment.assign(unit)
        XCTAssertEqual(first.text == base, arm == .incumbent)
        XCTAssertNotEqual(first.text, second.text)
        try await chat.pick(.second)
        XCTAssertEqual(chat.history.map(\.content), ["Name a river.", second.text])
        guard case .two = try await chat.ask("Name another one.", options: greedy(8)) else {
            return XCTFail("takes no part")
        }
        try await chat.pick(.neither)
        XCTAssertEqual(chat.history.count, 4)
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.metrics.first { $0.measure == .pick }?.outcomes, 2)
        try await experiment.end()
        guard case .one = try await chat.ask("And a third one.", options: greedy(8)) else {
            return XCTFail("takes part after the end")
        }
        XCTAssertEqual(chat.history.count, 6)
    }

    func testBothRepliesAreStreamedInTheOrderInWhichTheyAreShown() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        let experiment = try await store.experiments.start(definition(try await challenger(store.adapters)))
        let chat = try await experiment.sideBySide(assistant)
        var texts = ["", ""]
        var last: Asked?
        for try await part in chat.stream("Name a river.", options: greedy(8)) {
            XCTAssertNil(last, "a part came after the end")
            switch part {
            case .first(let text): texts[0] += text
            case .second(let text): texts[1] += text
            case .done(let asked): last = asked
            }
        }
        guard case .two(_, let first, let second) = last else { return XCTFail("takes no part") }
        XCTAssertEqual(texts, [first.text, second.text])
        try await chat.pick(.first)
        XCTAssertEqual(chat.history.map(\.replyId), [nil, first.id])
        // Left early, nothing was said.
        for try await _ in chat.stream("Write a long story.", options: try engine.endless()) { break }
        try await assertSoon { try await engine.complete("One, two,", options: greedy(2)).drain() }
        XCTAssertEqual(chat.history.count, 2)
    }

    func testADefinitionComesBackAndWhatCannotBeIsNamed() async throws {
        let folder = try TemporaryFolder()
        let store = try await openStore(try await TestModel.engine(), in: folder.url)
        let adapter = try await challenger(store.adapters)
        var wanted = definition(adapter)
        wanted.metrics.append(
            MetricDefinition(.firstTokenMs, .guardrail, range: MetricRange(low: 0, high: 2000), margin: 0.1))
        wanted.goal = .notWorseBy(0.02)
        wanted.namespace = ExperimentNamespace(id: "assistant", start: 0, end: 0.5)
        wanted.personOutcomes = 9
        let experiment = try await store.experiments.start(wanted)
        XCTAssertEqual(experiment.definition, wanted)
        let again = try await store.experiments.all()
        XCTAssertEqual(again.map(\.definition), [wanted])
        XCTAssertEqual(again.map(\.sha256), [experiment.sha256])

        let changes: [(String, (inout ExperimentDefinition) -> Void)] = [
            ("id", { $0.id = "Not a name" }),
            ("alpha", { $0.alpha = .nan }),
            ("metrics", { $0.metrics = [] }),
            ("weights", { $0.weights = ArmWeights(incumbent: 0.5, challenger: 0.6) }),
            ("challenger.adapters", { $0.challenger.adapters = ["xyz"] }),
            ("incumbent.name", { $0.incumbent.name = "" }),
            ("limits.maxOutcomes", { $0.limits.maxOutcomes = -1 }),
            ("personOutcomes", { $0.personOutcomes = 0 }),
        ]
        for (field, change) in changes {
            var wrong = wanted
            change(&wrong)
            await assertInvalid(field) { [wrong] in _ = try await store.experiments.start(wrong) }
        }
    }

    func testCancellingTheTaskStopsBothArmsAndWritesNothing() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        let experiment = try await store.experiments.start(definition(try await challenger(store.adapters)))
        let chat = try await experiment.sideBySide(assistant)
        let endless = try engine.endless()
        let task = Task { try await chat.ask("Write a long story.", options: endless) }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await assertSoon {
            await assertThrows {
                _ = try await task.value
            } _: {
                $0 is CancellationError
            }
        }
        try await assertSoon { try await engine.complete("One, two,", options: greedy(2)).drain() }
        guard case .two = try await chat.ask("Name a river.", options: greedy(4)) else {
            return XCTFail("takes no part")
        }
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.incumbentExposures + decision.challengerExposures, 1)
        try await chat.pick(.first)
        XCTAssertEqual(chat.history.count, 2)
    }

    func testAConversationStaysUnderItsArm() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        let base = try await reply(engine)
        let brief = try await challenger(store.adapters)
        let experiment = try await store.experiments.start(
            definition(brief, design: .byConversation, measure: .thumb))
        await assertInvalid { _ = try await experiment.sideBySide() }
        for unit in 0..<4 {
            let (chat, arm) = try await experiment.chat("conversation \(unit)", options: assistant)
            let text = try await chat.reply(to: "Name a river.", options: greedy(8)).text
            XCTAssertEqual(text == base, arm == .incumbent)
            try await experiment.record("conversation \(unit)", .thumb, .value(1))
        }
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.metrics.map(\.outcomes), [4])
    }
}
