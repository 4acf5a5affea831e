import Foundation
import Pocketune
import XCTest

final class LoadTests: XCTestCase {
    func testProgressRisesToOneOnAThreadOfTheLibrary() async throws {
        let heard = Locked<[Float]>([])
        let tasks = Locked(0)
        let engine = try await Engine.load(TestModel.source(), options: TestModel.options) { fraction in
            heard.with { $0.append(fraction) }
            withUnsafeCurrentTask { task in tasks.with { $0 += task == nil ? 0 : 1 } }
            return true
        }
        engine.close()
        let fractions = heard.with { $0 }
        XCTAssertEqual(fractions.first, 0)
        XCTAssertEqual(fractions.last, 1)
        XCTAssertEqual(fractions, fractions.sorted())
        XCTAssertEqual(tasks.with { $0 }, 0, "the callback occupied a thread of Swift's")
    }

    func testFactsAndTheEstimateDescribeTheModel() async throws {
        let engine = try await TestModel.engine()
        XCTAssertEqual(engine.facts.architecture, "llama")
        XCTAssertEqual(engine.facts.quantization, "Q4_1")
        XCTAssertEqual(engine.facts.embeddingLength, 576)
        XCTAssertEqual(engine.facts.blockCount, 30)
        XCTAssertEqual(engine.facts.vocabularySize, 49_152)
        XCTAssertTrue(engine.facts.hasChatTemplate)
        XCTAssertEqual(engine.memoryEstimate.contextTokens, 1024)
        XCTAssertTrue(engine.memoryEstimate.fits)
    }

    func testAModelIsInspectedAndEstimatedWithoutLoadingIt() async throws {
        let inspected = try await Engine.inspect(TestModel.source())
        let loaded = try await TestModel.engine().facts
        XCTAssertEqual(inspected, loaded)
        let small = try await Engine.estimateMemory(TestModel.source(), options: EngineOptions(contextTokens: 256))
        let large = try await Engine.estimateMemory(TestModel.source(), options: EngineOptions(contextTokens: 2048))
        XCTAssertEqual(large.kvBytes, 8 * small.kvBytes)
    }

    func testTheDigestIsThatOfTheFile() async throws {
        let digest = try await TestModel.engine().sha256()
        XCTAssertEqual(digest, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
    }

    func testACallbackThatThrowsCancelsTheLoadAndItsErrorReachesTheCaller() async throws {
        struct Mine: Error, Equatable { let number: Int }
        for limit: Float in [0, 0.5, 1] {
            await assertThrows {
                _ = try await Engine.load(TestModel.source(), options: TestModel.options) { fraction in
                    if fraction >= limit { throw Mine(number: 7) }
                    return true
                }
            } _: {
                $0 as? Mine == Mine(number: 7)
            }
        }
    }

    func testACallbackThatReturnsFalseCancelsTheLoad() async throws {
        for limit: Float in [0, 0.5] {
            await assertThrows {
                _ = try await Engine.load(TestModel.source(), options: TestModel.options) { $0 < limit }
            } _: {
                $0 is CancellationError
            }
        }
    }

    func testACallbackMayCallTheLibrary() async throws {
        let source = try TestModel.source()
        let seen = Locked<Set<String>>([])
        let engine = try await Engine.load(source, options: TestModel.options) { _ in
            guard seen.with({ $0.insert(PocketuneLibrary.version).inserted }) else { return true }
            // The callback cannot await; waiting here is what must not deadlock.
            let done = DispatchSemaphore(value: 0)
            Task {
                let facts = try? await Engine.inspect(source)
                seen.with { _ = $0.insert(facts?.architecture ?? "none") }
                done.signal()
            }
            done.wait()
            return true
        }
        engine.close()
        XCTAssertEqual(seen.with { $0 }, [PocketuneLibrary.version, "llama"])
    }

    func testCancellingTheTaskCancelsTheLoad() async throws {
        let started = DispatchSemaphore(value: 0)
        let calls = Locked<[Float]>([])
        let source = try TestModel.source()
        let load = Task {
            try await Engine.load(source, options: TestModel.options) { fraction in
                calls.with { $0.append(fraction) }
                started.signal()
                Thread.sleep(forTimeInterval: 0.2)
                return true
            }
        }
        await wait(for: started)
        load.cancel()
        await assertSoon {
            await assertThrows {
                _ = try await load.value
            } _: {
                $0 is CancellationError
            }
        }
        XCTAssertLessThan(calls.with { $0.last } ?? 1, 1)
    }

    func testATaskThatIsCancelledAlreadyLoadsNothing() async throws {
        let source = try TestModel.source()
        let load = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await Engine.load(source) { _ in fatalError("asked after cancellation") }
        }
        await assertThrows {
            _ = try await load.value
        } _: {
            $0 is CancellationError
        }
    }

    func testAModelIsLoadedFromADescriptorWhichStaysOpen() async throws {
        let file = try FileHandle(forReadingFrom: TestModel.url())
        let engine = try await Engine.load(.descriptor(file.fileDescriptor), options: TestModel.options)
        let facts = try await TestModel.engine().facts
        XCTAssertEqual(engine.facts, facts)
        engine.close()
        try file.close()
    }

    private func wait(for semaphore: DispatchSemaphore) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                semaphore.wait()
                continuation.resume()
            }
        }
    }
}
