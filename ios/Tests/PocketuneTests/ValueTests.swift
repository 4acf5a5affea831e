import Foundation
import Pocketune
import XCTest

/// Values that apps store, compare and show, and numbers that no call can take.
final class ValueTests: XCTestCase {
    private func assertComesBack<Value: Codable & Equatable>(
        _ value: Value, file: StaticString = #filePath, line: UInt = #line
    ) throws {
        let data = try JSONEncoder().encode([value])
        XCTAssertEqual(try JSONDecoder().decode([Value].self, from: data), [value], file: file, line: line)
    }

    func testWhatIsStoredComesBack() async throws {
        let turns = [Message(role: .user, content: "Hi"), Message(role: .assistant, content: "Hello!", replyId: "ab")]
        try assertComesBack(
            ChatOptions(
                systemPrompt: "Be brief.", history: turns, template: .jinja("{{ 1 }}"), overflow: .dropOldestTurns))
        try assertComesBack(
            GenerationOptions(
                maxTokens: 3, sampling: Sampling(seed: 7, logitBias: [TokenBias(token: 1, bias: -2)]), stop: ["."],
                constraint: .gbnf("root ::= \"a\"")))
        try assertComesBack(EngineOptions(kvCacheType: .q8, cacheDirectory: URL(fileURLWithPath: "/tmp/cache")))
        try assertComesBack(definition("ab", measure: .thumb))
        try assertComesBack(ExperimentGoal.notWorseBy(0.02))
        try assertComesBack(Outcome.picked(nil))
        try assertComesBack(Outcome.pair(incumbent: 1, challenger: 2))
        for purpose in ConsentPurpose.allCases { try assertComesBack(purpose) }
        let reply = try await TestModel.engine().chat().reply(to: "Hi", options: greedy(2))
        try assertComesBack(reply)
        try assertComesBack(Asked.two(unit: "a/1", first: reply, second: reply))
    }

    func testNumbersOutOfRangeAreNamedAndNeverTrap() async throws {
        let engine = try await TestModel.engine()
        let source = try TestModel.source()
        for number in [-1, .min, .max] {
            await assertInvalid("maxTokens") {
                try await engine.complete("a", options: GenerationOptions(maxTokens: number)).drain()
            }
            await assertInvalid("topK") {
                try await engine.complete("a", options: GenerationOptions(sampling: Sampling(topK: number))).drain()
            }
            await assertInvalid("seed") {
                try await engine.complete("a", options: GenerationOptions(sampling: Sampling(seed: number))).drain()
            }
            await assertInvalid("penalties.lastTokens") {
                let sampling = Sampling(penalties: Penalties(lastTokens: number))
                try await engine.complete("a", options: GenerationOptions(sampling: sampling)).drain()
            }
            await assertInvalid("threads") {
                _ = try await Engine.load(source, options: EngineOptions(threads: number))
            }
            await assertInvalid("contextTokens") {
                _ = try await Engine.estimateMemory(source, options: EngineOptions(contextTokens: number))
            }
        }
        await assertInvalid("kvLimitBytes") {
            _ = try await Engine.load(source, options: EngineOptions(kvLimitBytes: -1))
        }
        await assertInvalid("tokens") { _ = try engine.detokenize([.max]) }
        let folder = try TemporaryFolder()
        let store = try await openStore(nil, in: folder.url)
        await assertInvalid("limit") { _ = try await store.adapters.history(limit: -1) }
        var limits = definition("ab")
        limits.limits.maxDays = -1
        await assertInvalid("limits.maxDays") { [limits] in _ = try await store.experiments.start(limits) }
    }

    func testURLsThatAreNoFilesAreNamed() async throws {
        let web = try XCTUnwrap(URL(string: "https://example.org/model.gguf"))
        await assertInvalid("source") { _ = try await Engine.inspect(.file(web)) }
        await assertInvalid("directory") { _ = try await Store.open(web) }
        let folder = try TemporaryFolder()
        let store = try await openStore(nil, in: folder.url)
        await assertInvalid("file") { _ = try await store.adapters.install(web) }
        await assertInvalid("file") { _ = try await store.rewardModels.open(web) }
        await assertInvalid("file") { _ = try await store.experiments.startDelivered(web) }
    }

    func testErrorsAreSentences() {
        let refusal: PocketuneError = .invalidArgument(argument: "maxTokens", reason: "is 0, allowed are 1 to 9")
        XCTAssertEqual(refusal.localizedDescription, "The argument maxTokens is invalid: is 0, allowed are 1 to 9.")
        XCTAssertEqual(PocketuneError.closed.localizedDescription, "The engine was closed.")
        let memory = PocketuneError.outOfMemory(requiredBytes: 2, availableBytes: 1)
        XCTAssertEqual(memory.localizedDescription, "Not enough memory: 2 bytes are needed, 1 are free.")
    }

    func testAStoreWithoutAnEngineSaysSoWhereItNeedsOne() async throws {
        let folder = try TemporaryFolder()
        let store = try await openStore(nil, in: folder.url)
        XCTAssertNil(store.engine)
        await assertNotNow { try await store.adapters.apply() }
        await assertNotNow { _ = try await store.adapters.install(delivered("brief.gguf")) }
        let installed = try await store.adapters.installed()
        XCTAssertEqual(installed, [])
        store.close()
        let experiments = try await store.experiments.all()
        XCTAssertEqual(experiments.count, 0)
    }

    func testClosingTheStoreClosesItsEngine() async throws {
        let engine = try await Engine.load(TestModel.source(), options: TestModel.options)
        let folder = try TemporaryFolder()
        let store = try await openStore(engine, in: folder.url)
        XCTAssertTrue(store.engine === engine)
        store.close()
        await assertThrows {
            _ = try engine.chat()
        } _: {
            $0 as? PocketuneError == .closed
        }
    }

    func testTheLogReachesTheAppAndEnds() async throws {
        let lines = Locked<[LogLine]>([])
        try PocketuneLibrary.setLogSink(level: .debug) { line in lines.with { $0.append(line) } }
        let engine = try await Engine.load(TestModel.source(), options: TestModel.options)
        engine.close()
        for _ in 0..<100 where lines.with({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(50)) }
        try PocketuneLibrary.setLogSink(nil)
        let heard = lines.with { $0 }
        XCTAssertFalse(heard.isEmpty)
        let name = try TestModel.url().lastPathComponent
        XCTAssertFalse(heard.contains { $0.message.contains(name) })
        XCTAssertLessThan(abs(try XCTUnwrap(heard.first).time.timeIntervalSinceNow), 600)
    }
}
