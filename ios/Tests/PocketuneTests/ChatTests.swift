import Foundation
import Pocketune
import XCTest

final class ChatTests: XCTestCase {
    func testASecondTurnReusesWhatTheFirstOneCached() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat(assistant)
        let first = try await chat.reply(to: "What is the capital of France?", options: greedy())
        XCTAssertTrue(first.text.contains("Paris"), first.text)
        XCTAssertEqual(first.reusedTokens, 0)
        let second = try await chat.reply(to: "And of Italy?", options: greedy())
        XCTAssertGreaterThanOrEqual(second.reusedTokens, first.promptTokens)
        XCTAssertGreaterThan(second.promptTokens, second.reusedTokens)
        XCTAssertEqual(chat.history.map(\.role), [.user, .assistant, .user, .assistant])
        XCTAssertEqual(chat.history.last?.content, second.text)
    }

    func testStreamedPartsJoinToTheReply() async throws {
        let chat = try await TestModel.engine().chat()
        let (text, reply) = try await chat.send("Count from one to five, with emoji.", options: greedy(32)).parts()
        XCTAssertEqual(text, reply.text)
        XCTAssertEqual(chat.history.last?.content, reply.text)
        XCTAssertGreaterThan(reply.timeToFirstToken, .zero)
    }

    func testRegeneratingReplacesTheLastReply() async throws {
        let chat = try await TestModel.engine().chat()
        _ = try await chat.reply(to: "Say something.", options: greedy(8))
        let options = GenerationOptions(maxTokens: 8, sampling: Sampling(temperature: 2, seed: 3))
        let (_, again) = try await chat.regenerate(options: options).parts()
        XCTAssertEqual(again.sampling.seed, 3)
        XCTAssertEqual(chat.history.map(\.content), ["Say something.", again.text])
    }

    func testAStoppedReplyEndsWithItsLastPartAndJoinsTheHistory() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        chat.stop()
        var last: Reply?
        for try await part in chat.send("Write a long story.", options: try engine.endless()) {
            switch part {
            case .text: chat.stop()
            case .done(let reply): last = reply
            }
        }
        let reply = try XCTUnwrap(last)
        XCTAssertEqual(reply.stopReason, .cancelled)
        XCTAssertEqual(chat.history.map(\.content), ["Write a long story.", reply.text])
        let next = try await chat.reply(to: "Go on.", options: greedy(2))
        XCTAssertEqual(next.stopReason, .maxTokens)
    }

    func testARepliesOriginStaysWithIt() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        let reply = try await chat.reply(
            to: "Say something.", options: GenerationOptions(maxTokens: 4, sampling: Sampling(topK: 9)))
        XCTAssertEqual(reply.id.count, 32)
        XCTAssertLessThan(abs(reply.time.timeIntervalSinceNow), 600)
        XCTAssertEqual(reply.adapters, [])
        XCTAssertEqual([reply.sampling.topK, reply.sampling.maxTokens], [9, 4])
        XCTAssertEqual(reply.sampling.penalties, Penalties())
        XCTAssertEqual(chat.history.map(\.replyId), [nil, reply.id])
        try chat.replaceHistory(chat.history)
        XCTAssertEqual(chat.history.map(\.replyId), [nil, reply.id])
        // What the app says was said is nobody's reply.
        let other = try engine.chat(ChatOptions(history: chat.history))
        XCTAssertEqual(other.history.map(\.replyId), [nil, nil])
    }

    func testAnEditedHistoryIsWhatTheNextReplyReads() async throws {
        let chat = try await TestModel.engine().chat()
        _ = try await chat.reply(to: "My name is Ada.", options: greedy(8))
        try chat.replaceHistory([
            Message(role: .user, content: "My name is Bob."),
            Message(role: .assistant, content: "Hello, Bob!"),
        ])
        let reply = try await chat.reply(to: "What is my name?", options: greedy())
        XCTAssertTrue(reply.text.contains("Bob"), reply.text)
        XCTAssertEqual(chat.history.count, 4)
    }

    func testAStreamIsReadOnceAndAsksOnce() async throws {
        let chat = try await TestModel.engine().chat()
        let stream = chat.send("Say hello.", options: greedy(6))
        XCTAssertEqual(chat.history.count, 0)
        _ = try await stream.parts()
        for try await _ in stream { XCTFail("a part came after the end") }
        XCTAssertEqual(chat.history.count, 2)
    }

    func testAStreamThatNobodyReadsAsksNothing() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        _ = chat.send("Write a very long story.", options: try engine.endless())
        let reply = try await chat.reply(to: "Say hello.", options: greedy(6))
        XCTAssertFalse(reply.text.isEmpty)
        XCTAssertEqual(chat.history.count, 2)
    }

    func testAJSONSchemaGivesJSONOfThatForm() async throws {
        struct City: Decodable {
            let city: String
            let inhabitants: Int
        }
        let schema = """
            {"type": "object", "additionalProperties": false, "required": ["city", "inhabitants"],
             "properties": {"city": {"type": "string", "maxLength": 12},
                            "inhabitants": {"type": "integer", "minimum": 0, "maximum": 99999999}}}
            """
        let chat = try await TestModel.engine().chat()
        let options = greedy(60, constraint: .jsonSchema(schema))
        let reply = try await chat.reply(to: "Describe Paris.", options: options)
        XCTAssertEqual(reply.stopReason, .endOfTurn)
        XCTAssertNoThrow(try JSONDecoder().decode(City.self, from: Data(reply.text.utf8)), reply.text)
    }

    func testAGrammarAndStopStringsEndAReply() async throws {
        let engine = try await TestModel.engine()
        let yesOrNo = greedy(constraint: .gbnf(#"root ::= "yes" | "no""#))
        let answer = try await engine.chat().reply(to: "Is water wet?", options: yesOrNo)
        XCTAssertTrue(["yes", "no"].contains(answer.text), answer.text)
        let (text, reply) = try await engine.complete("1, 2, 3, 4,", options: greedy(40, stop: ["7"])).parts()
        XCTAssertEqual(reply.stopReason, .stopString)
        XCTAssertTrue(text.contains("6") && !text.contains("7"), text)
    }

    func testASavedChatGoesOnInAnotherOne() async throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("chat with spaces.bin")
        let engine = try await TestModel.engine()
        let original = try engine.chat()
        _ = try await original.reply(to: "My favourite colour is green.", options: greedy(8))
        try await original.save(to: file)
        let restored = try engine.chat()
        try await restored.restore(from: file)
        XCTAssertEqual(restored.history, original.history)
        let reply = try await restored.reply(to: "Which colour do I like?", options: greedy())
        XCTAssertGreaterThan(reply.reusedTokens, 0)
        let same = try await original.reply(to: "Which colour do I like?", options: greedy())
        XCTAssertEqual(reply.text, same.text)
    }

    func testADamagedFileIsRefusedAndTheChatIsAsItWas() async throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("chat.bin")
        let chat = try await TestModel.engine().chat()
        _ = try await chat.reply(to: "Hello.", options: greedy(4))
        try await chat.save(to: file)
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: file)
        let before = chat.history
        await assertThrows {
            try await chat.restore(from: file)
        } _: {
            if case PocketuneError.stateMismatch = $0 { true } else { false }
        }
        XCTAssertEqual(chat.history, before)
        for missing in ["none", "no/such/folder/none"] {
            await assertThrows {
                try await chat.restore(from: folder.url.appendingPathComponent(missing))
            } _: {
                if case PocketuneError.storageFailed = $0 { true } else { false }
            }
        }
        await assertThrows {
            try await chat.save(to: folder.url.appendingPathComponent("no/such/folder/chat.bin"))
        } _: {
            if case PocketuneError.storageFailed = $0 { true } else { false }
        }
        await assertThrows {
            try await chat.save(to: XCTUnwrap(URL(string: "https://example.org/chat.bin")))
        } _: {
            if case PocketuneError.invalidArgument = $0 { true } else { false }
        }
        let next = try await chat.reply(to: "Go on.", options: greedy(4))
        XCTAssertGreaterThan(next.reusedTokens, 0)
    }
}
