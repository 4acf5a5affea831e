import Foundation
import Pocketune
import XCTest

final class CancellationTests: XCTestCase {
    func testCancellingTheTaskStopsGenerationAndFreesTheEngine() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        let endless = try engine.endless()
        let (started, startedNow) = AsyncStream<Void>.makeStream()
        let task = Task {
            var last: ReplyPart?
            for try await part in chat.send("Write a long story.", options: endless) {
                last = part
                startedNow.finish()
            }
            return last
        }
        for await _ in started {}
        task.cancel()
        let last = try await assertSoon { try await task.value }
        guard case .text = last else { return XCTFail("ended with \(String(describing: last))") }
        try await assertSoon { try await engine.complete("One, two,", options: greedy(2)).drain() }
        let next = try await chat.reply(to: "Hi", options: greedy(4))
        XCTAssertFalse(next.text.isEmpty)
        XCTAssertEqual(chat.history.count, 4)
        XCTAssertEqual(chat.history.first?.content, "Write a long story.")
    }

    func testACancelledReplyThrows() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        let endless = try engine.endless()
        let task = Task { try await chat.reply(to: "Write a long story.", options: endless) }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await assertSoon {
            await assertThrows {
                _ = try await task.value
            } _: {
                $0 is CancellationError
            }
        }
    }

    func testAReplyThatIsStillReadIsCancelledToo() async throws {
        let engine = try await TestModel.engine()
        let endless = try engine.endless()
        let prompt = String(repeating: "word ", count: 900)
        let task = Task { try await engine.complete(prompt, options: endless).drain() }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        try await assertSoon { try await task.value }
        try await assertSoon { try await engine.complete("One, two,", options: greedy(2)).drain() }
    }

    func testAStreamThatIsLeftEarlyStopsGeneration() async throws {
        let engine = try await TestModel.engine()
        for try await _ in try engine.chat().send("Write a long story.", options: engine.endless()) { break }
        try await assertSoon { try await engine.complete("One, two,", options: greedy(2)).drain() }
    }

    func testARequestThatWaitsForAnotherOneIsCancelledAtOnce() async throws {
        let engine = try await TestModel.engine()
        let endless = try engine.endless()
        let (started, startedNow) = AsyncStream<Void>.makeStream()
        let running = Task {
            for try await _ in engine.complete("Once", options: endless) { startedNow.finish() }
        }
        for await _ in started {}
        // The same queue: completions follow one another.
        let waiting = Task { try await engine.complete("Twice", options: endless).drain() }
        try await Task.sleep(for: .milliseconds(50))
        waiting.cancel()
        try await assertSoon { try await waiting.value }
        running.cancel()
        try await assertSoon { try await running.value }
    }

    func testScoresAndEmbeddingsStopWithTheirTask() async throws {
        let engine = try await TestModel.engine()
        let long = String(repeating: "word ", count: 900)
        let scoring = Task { _ = try await engine.score(.raw(long), reply: "word") }
        let embedding = Task { _ = try await engine.embed(.raw(long)) }
        try await Task.sleep(for: .milliseconds(50))
        for task in [scoring, embedding] {
            task.cancel()
            await assertSoon {
                await assertThrows {
                    try await task.value
                } _: {
                    $0 is CancellationError
                }
            }
        }
        try await assertSoon { try await engine.complete("One, two,", options: greedy(2)).drain() }
    }

    func testClosingTheEngineEndsAStreamingReply() async throws {
        let engine = try await Engine.load(TestModel.source(), options: TestModel.options)
        let chat = try engine.chat()
        let endless = try engine.endless()
        let (started, startedNow) = AsyncStream<Void>.makeStream()
        let task = Task {
            for try await _ in chat.send("Write a long story.", options: endless) { startedNow.finish() }
        }
        for await _ in started {}
        await assertSoon { engine.close() }
        await assertSoon {
            await assertThrows {
                try await task.value
            } _: {
                $0 as? PocketuneError == .closed
            }
        }
    }

    func testLettingGoOfTheEngineEndsAStreamingReply() async throws {
        var engine: Engine? = try await Engine.load(TestModel.source(), options: TestModel.options)
        let chat = try XCTUnwrap(engine).chat()
        let endless = try XCTUnwrap(engine).endless()
        let task = Task { try await chat.send("Write a long story.", options: endless).drain() }
        try await Task.sleep(for: .milliseconds(300))
        engine = nil
        await assertSoon {
            await assertThrows {
                try await task.value
            } _: {
                $0 as? PocketuneError == .closed
            }
        }
    }
}
