import Foundation
import Pocketune
import XCTest

final class RewardModelTests: XCTestCase {
    private func model(_ engine: Engine) async throws -> RewardModel {
        try await RewardModel.read(engine, head: Data(contentsOf: delivered("reward.gguf")))
    }

    private func drafts(_ maxTokens: Int = 8) -> GenerationOptions {
        GenerationOptions(maxTokens: maxTokens, sampling: Sampling(temperature: 1, seed: 7))
    }

    func testRightAfterAReplyItsScoreCostsNextToNothing() async throws {
        let engine = try await TestModel.engine()
        let model = try await model(engine)
        let chat = try engine.chat()
        await assertNotNow { _ = try await chat.reward(model) }
        let reply = try await chat.reply(to: "Name a river.", options: greedy())
        let score = try await chat.reward(model)
        XCTAssertLessThanOrEqual(score.computedTokens, 2)
        XCTAssertTrue((0...1).contains(score.quality))
        let prompt = Prompt.chat(turns: [Message(role: .user, content: "Name a river.")])
        let afresh = try await model.score(prompt, reply: reply.text)
        XCTAssertEqual(afresh.reward, score.reward, accuracy: 0.05)
        XCTAssertGreaterThan(afresh.computedTokens, 2)
    }

    func testTheBestOfSeveralRepliesIsKept() async throws {
        let engine = try await TestModel.engine()
        let model = try await model(engine)
        let chat = try engine.chat(assistant)
        let found = try await chat.sendBestOf("Name a river.", count: 3, model: model, options: drafts())
        XCTAssertEqual(found.drafts.count, 3)
        let rewards = found.drafts.map { $0.score?.reward ?? -.infinity }
        XCTAssertEqual(rewards[found.best], rewards.max())
        XCTAssertEqual(chat.history.map(\.content), ["Name a river.", found.reply.text])
        await assertInvalid { _ = try await chat.sendBestOf("Hi", count: 0, model: model) }
        await assertInvalid { _ = try await chat.sendBestOf("Hi", count: 2, model: model, options: greedy()) }
        XCTAssertEqual(chat.history.count, 2)
    }

    func testCancellingTheTaskStopsAllDraftsAndKeepsNone() async throws {
        let engine = try await TestModel.engine()
        let model = try await model(engine)
        let chat = try engine.chat(assistant)
        let options = drafts(400)
        let task = Task {
            try await chat.sendBestOf("Write a long story.", count: 64, model: model, options: options)
        }
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
        XCTAssertTrue(chat.history.isEmpty)
    }

    func testBytesThatAreNoHeadAreRefused() async throws {
        let engine = try await TestModel.engine()
        await assertInvalid { _ = try await RewardModel.read(engine, head: Data("no head".utf8)) }
    }
}
