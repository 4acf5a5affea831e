import Foundation
import Pocketune
import XCTest

final class ErrorTests: XCTestCase {
    func testAMissingFileIsUnreadableAndItsPathStaysOutOfTheMessage() async {
        await assertThrows {
            _ = try await Engine.load(.file(URL(fileURLWithPath: "/nowhere/secret-name.gguf")))
        } _: {
            guard case PocketuneError.modelUnreadable(let reason) = $0 else { return false }
            return !reason.contains("secret")
        }
    }

    func testAFolderAndAClosedDescriptorAreUnreadable() async throws {
        let folder = try TemporaryFolder()
        for source in [ModelSource.file(folder.url), .descriptor(-1)] {
            await assertThrows {
                _ = try await Engine.load(source)
            } _: {
                if case PocketuneError.modelUnreadable = $0 { true } else { false }
            }
        }
    }

    func testATextFileIsNoModel() async throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("notes.gguf")
        try Data("Dear diary, this is no model.\n".utf8).write(to: file)
        await assertThrows {
            _ = try await Engine.load(.file(file))
        } _: {
            if case PocketuneError.modelInvalid = $0 { true } else { false }
        }
    }

    func testAnUnknownArchitectureIsNamed() async throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("other.gguf")
        try header(key: "general.architecture", value: "abacus").write(to: file)
        await assertThrows {
            _ = try await Engine.inspect(.file(file))
        } _: {
            guard case PocketuneError.modelUnsupported("abacus", nil, let reason) = $0 else { return false }
            return reason.contains("abacus")
        }
    }

    func testAModelWithoutAChatTemplateOnlyChatsWithANamedOne() async throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("model.gguf")
        var bytes = try Data(contentsOf: TestModel.url())
        let key = try XCTUnwrap(bytes.firstRange(of: Data("tokenizer.chat_template".utf8)))
        bytes.replaceSubrange(key, with: Data("tokenizer.chat_templatX".utf8))
        try bytes.write(to: file)
        let engine = try await Engine.load(.file(file), options: TestModel.options)
        defer { engine.close() }
        await assertInvalid("template") { _ = try engine.chat() }
        let reply = try await engine.chat(ChatOptions(template: .chatMl)).reply(to: "Hi", options: greedy(4))
        XCTAssertFalse(reply.text.isEmpty)
    }

    func testOptionsOutOfRangeAreNamed() async throws {
        let engine = try await TestModel.engine()
        let source = try TestModel.source()
        await assertInvalid("contextTokens") {
            _ = try await Engine.load(source, options: EngineOptions(contextTokens: 1_000_000))
        }
        await assertInvalid("threads") { _ = try await Engine.load(source, options: EngineOptions(threads: 0)) }
        let refused: [(String, GenerationOptions)] = [
            ("maxTokens", GenerationOptions(maxTokens: 0)),
            ("temperature", GenerationOptions(sampling: Sampling(temperature: -1))),
            ("topP", GenerationOptions(sampling: Sampling(topP: .nan))),
            ("stop", GenerationOptions(stop: [""])),
            ("logitBias", GenerationOptions(sampling: Sampling(logitBias: [TokenBias(token: -1, bias: 0)]))),
        ]
        for (option, options) in refused {
            await assertInvalid(option) { try await engine.complete("a", options: options).drain() }
        }
    }

    func testConstraintsThatDoNotWorkAreRefused() async throws {
        let engine = try await TestModel.engine()
        let constraints: [Constraint] = [
            .gbnf("root ::= ("),
            .gbnf("start ::= \"a\""),
            .jsonSchema("no JSON"),
            .jsonSchema(#"{"type": "nonsense"}"#),
        ]
        for constraint in constraints {
            await assertInvalid("constraint") {
                try await engine.complete("a", options: greedy(constraint: constraint)).drain()
            }
        }
    }

    func testHistoriesAndTemplatesThatDoNotWorkAreRefused() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        let twice = [Message(role: .user, content: "a"), Message(role: .user, content: "b")]
        await assertInvalid("history") { _ = try engine.chat(ChatOptions(history: twice)) }
        await assertInvalid("history") { try chat.replaceHistory(twice) }
        await assertInvalid("template") { _ = try engine.chat(ChatOptions(template: .jinja("{% if %}"))) }
        await assertNotNow { try await chat.regenerate().drain() }
    }

    func testAPromptThatDoesNotFitIsRefusedAndLeavesTheHistoryAlone() async throws {
        let engine = try await TestModel.engine()
        let chat = try engine.chat()
        let long = String(repeating: "word ", count: 2000)
        await assertThrows {
            _ = try await chat.reply(to: long)
        } _: {
            guard case PocketuneError.contextFull(let promptTokens, let contextTokens) = $0 else { return false }
            return contextTokens == 1024 && promptTokens > 2000
        }
        XCTAssertEqual(chat.history, [])
        await assertThrows {
            _ = try await engine.score(.raw(long), reply: "a")
        } _: {
            if case PocketuneError.contextFull = $0 { true } else { false }
        }
        let reply = try await chat.reply(to: "Hi", options: greedy(4))
        XCTAssertFalse(reply.text.isEmpty)
    }

    func testAClosedEngineAnswersEveryCallAlike() async throws {
        let engine = try await Engine.load(TestModel.source(), options: TestModel.options)
        let chat = try engine.chat()
        engine.close()
        engine.close()
        let calls: [() async throws -> Void] = [
            { _ = try engine.chat() },
            { _ = try engine.tokenize("a") },
            { _ = try await engine.sha256() },
            { _ = try await engine.score(.raw("a"), reply: "b") },
            { _ = try await engine.embed(.raw("a")) },
            { try await engine.complete("a").drain() },
            { _ = try await chat.reply(to: "a") },
            { try await chat.save(to: URL(fileURLWithPath: "/nowhere/unused")) },
        ]
        for call in calls {
            await assertThrows {
                try await call()
            } _: {
                $0 as? PocketuneError == .closed
            }
        }
        XCTAssertEqual(chat.history, [])
        XCTAssertEqual(engine.facts.architecture, "llama")
    }

    private func header(key: String, value: String) -> Data {
        func little<T: FixedWidthInteger>(_ number: T) -> Data {
            withUnsafeBytes(of: number.littleEndian) { Data($0) }
        }
        var data = Data("GGUF".utf8) + little(UInt32(3)) + little(UInt64(0)) + little(UInt64(1))
        data += little(UInt64(key.utf8.count)) + Data(key.utf8) + little(UInt32(8))
        data += little(UInt64(value.utf8.count)) + Data(value.utf8)
        return data
    }
}
