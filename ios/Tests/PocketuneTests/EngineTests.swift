import Foundation
import Pocketune
import XCTest

final class EngineTests: XCTestCase {
    func testTheLibraryTellsItsVersion() {
        XCTAssertEqual(PocketuneLibrary.version.split(separator: ".").count, 3)
        PocketuneLibrary.startLogging(.warn)
    }

    func testACompletionGoesOnWithTheText() async throws {
        let engine = try await TestModel.engine()
        let (text, reply) = try await engine.complete("The capital of France is", options: greedy(4)).parts()
        XCTAssertTrue(text.contains("Paris"), text)
        XCTAssertEqual(text, reply.text)
    }

    func testLikelierRepliesScoreHigher() async throws {
        let engine = try await TestModel.engine()
        let prompt = Prompt.raw("The capital of France is")
        let paris = try await engine.score(prompt, reply: " Paris")
        let banana = try await engine.score(prompt, reply: " banana")
        XCTAssertGreaterThan(paris.logProbability, banana.logProbability)
        XCTAssertLessThan(paris.logProbability, 0)
        let sum = paris.tokens.map(\.logProbability).reduce(0, +)
        XCTAssertEqual(paris.logProbability, sum, accuracy: 1e-9)
        XCTAssertEqual(paris.tokens.map(\.token), try engine.tokenize(" Paris"))
    }

    func testTextsThatMeanTheSameLieCloserTogether() async throws {
        let engine = try await TestModel.engine()
        let cat = try await engine.embed(.raw("The cat sleeps on the sofa."))
        let kitten = try await engine.embed(.raw("A kitten is sleeping on the couch."))
        let tax = try await engine.embed(.raw("Value added tax rose by two percent in 1998."))
        XCTAssertEqual(cat.values.count, 576)
        XCTAssertGreaterThan(cosine(cat, kitten), cosine(cat, tax))
        let last = try await engine.embed(.raw("The cat"), pooling: .last)
        XCTAssertNotEqual(last, cat)
    }

    func testTokensLeadBackToTheirText() async throws {
        let engine = try await TestModel.engine()
        let text = "Grüße, 世界! 👩🏽‍🚀 <|im_end|>"
        let tokens = try engine.tokenize(text)
        XCTAssertEqual(try engine.detokenize(tokens), text)
        let control = try engine.tokenize("<|im_end|>", withControlTokens: true)
        XCTAssertEqual(control.count, 1)
        XCTAssertFalse(tokens.contains(control[0]))
        XCTAssertEqual(try engine.detokenize(control), "<|im_end|>")
    }

    func testTwoChatsAtOnceBothComeToTheirEnd() async throws {
        let engine = try await TestModel.engine()
        let chats = [try engine.chat(assistant), try engine.chat(assistant)]
        let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
            for chat in chats {
                group.addTask { try await chat.reply(to: "What is the capital of France?", options: greedy()) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        XCTAssertTrue(replies.allSatisfy { $0.text.contains("Paris") }, "\(replies)")
        XCTAssertTrue(chats.allSatisfy { $0.history.count == 2 })
    }

    func testTenTasksAtOnceAllGetTheirOwnAnswer() async throws {
        let engine = try await TestModel.engine()
        let source = try TestModel.source()
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for index in 0..<10 {
                group.addTask {
                    switch index % 5 {
                    case 0:
                        return try await engine.complete("The capital of France is", options: greedy(4)).parts().text
                    case 1:
                        let chat = try engine.chat(assistant)
                        return try await chat.reply(to: "What is the capital of France?", options: greedy()).text
                    case 2:
                        let score = try await engine.score(.raw("The capital is"), reply: " Paris")
                        return try engine.detokenize(score.tokens.map(\.token))
                    case 3:
                        return try await Engine.inspect(source).architecture + " Paris"
                    default:
                        return "Paris of \(try await engine.embed(.raw("Paris")).values.count)"
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        XCTAssertEqual(answers.count, 10)
        XCTAssertTrue(answers.allSatisfy { $0.contains("Paris") }, "\(answers)")
    }

    func testManyRequestsToOneChatAreAnsweredOneAfterTheOther() async throws {
        let chat = try await TestModel.engine().chat()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<10 {
                group.addTask { _ = try await chat.reply(to: "Number \(number)", options: greedy(3)) }
            }
            try await group.waitForAll()
        }
        let asked = chat.history.filter { $0.role == .user }.map(\.content)
        XCTAssertEqual(chat.history.count, 20)
        XCTAssertEqual(Set(asked), Set((0..<10).map { "Number \($0)" }))
    }

    private func cosine(_ a: Embedding, _ b: Embedding) -> Float {
        func dot(_ x: Embedding, _ y: Embedding) -> Float {
            zip(x.values, y.values).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
}
