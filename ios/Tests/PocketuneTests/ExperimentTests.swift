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
            let adapters = try await openAdapters(engine, in: folder.url)
            let experiment = try await adapters.startExperiment(definition(try await challenger(adapters)))
            XCTAssertEqual(experiment.id, "brief")
            for unit in units { arms.append(try await experiment.assign(unit)) }
        }
        XCTAssertEqual(Set(arms), [.incumbent, .challenger])
        let adapters = try await openAdapters(engine, in: folder.url)
        let experiments = try await adapters.experiments()
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
        let damaged = try await adapters.damagedExperiments()
        XCTAssertEqual(damaged, [])
        try await adapters.forgetExperiment(experiment.sha256)
        let left = try await adapters.experiments()
        XCTAssertTrue(left.isEmpty)
    }

    func testWhatCannotBeIsRefused() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let adapters = try await openAdapters(engine, in: folder.url)
        let nobody = String(repeating: "ab", count: 32)
        await assertInvalid { _ = try await adapters.startExperiment("{}") }
        await assertInvalid { _ = try await adapters.startExperiment(definition(nobody)) }
        await assertInvalid { try await adapters.forgetExperiment(nobody) }
        let experiment = try await adapters.startExperiment(definition(try await challenger(adapters)))
        await assertInvalid { try await experiment.record("a", .pick, .picked(arm: .challenger)) }
        try await experiment.assign("a")
        await assertInvalid { try await experiment.record("a", .thumb, .value(value: 1)) }
        try await experiment.record("a", .pick, .picked(arm: .challenger))
        await assertInvalid { try await experiment.record("a", .pick, .picked(arm: .challenger)) }
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
        let adapters = try await openAdapters(engine, in: folder.url)
        let before = try await reply(engine)
        let experiment = try await adapters.startExperiment(definition(try await challenger(adapters)))
        for unit in 0..<60 {
            try await experiment.assign("\(unit)")
            try await experiment.record("\(unit)", .pick, .picked(arm: .challenger))
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
        let back = try await adapters.rollBack()
        XCTAssertEqual(back, [])
        let last = try await reply(engine)
        XCTAssertEqual(last, before)
    }

    func testBothArmsAnswerAndTheConversationGoesOnFromThePick() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let adapters = try await openAdapters(engine, in: folder.url)
        let experiment = try await adapters.startExperiment(definition(try await challenger(adapters)))
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

    func testCancellingTheTaskStopsBothArmsAndWritesNothing() async throws {
        let engine = try await TestModel.engine()
        let folder = try TemporaryFolder()
        let adapters = try await openAdapters(engine, in: folder.url)
        let experiment = try await adapters.startExperiment(definition(try await challenger(adapters)))
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
        let adapters = try await openAdapters(engine, in: folder.url)
        let base = try await reply(engine)
        let brief = try await challenger(adapters)
        let experiment = try await adapters.startExperiment(
            definition(brief, design: "by_conversation", measure: "thumb"))
        await assertInvalid { _ = try await experiment.sideBySide() }
        for unit in 0..<4 {
            let (chat, arm) = try await experiment.chat("conversation \(unit)", options: assistant)
            let text = try await chat.reply(to: "Name a river.", options: greedy(8)).text
            XCTAssertEqual(text == base, arm == .incumbent)
            try await experiment.record("conversation \(unit)", .thumb, .value(value: 1))
        }
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.metrics.map(\.outcomes), [4])
    }
}
