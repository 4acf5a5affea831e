import Foundation
import Pocketune
import XCTest

/// The small model that the tests run, and one engine that they share.
enum TestModel {
    /// SmolLM2-135M-Instruct; a missing file fails the test that asks.
    static func url() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        let name = "smollm2-135m-instruct-q4_1.gguf"
        let url: URL
        if let file = environment["POCKETUNE_MODEL"] {
            url = URL(fileURLWithPath: file)
        } else if let models = environment["POCKETUNE_MODELS"] {
            url = URL(fileURLWithPath: models).appendingPathComponent(name)
        } else {
            let home = environment["HOME"] ?? NSHomeDirectory()
            let cache = environment["XDG_CACHE_HOME"] ?? home + "/.cache"
            url = URL(fileURLWithPath: cache).appendingPathComponent("pocketune/models").appendingPathComponent(name)
        }
        guard FileManager.default.isReadableFile(atPath: url.path) else {
            throw Missing(path: url.path)
        }
        return url
    }

    static func source() throws -> ModelSource {
        .file(try url())
    }

    /// Options that keep the tests small.
    static let options = EngineOptions(contextTokens: 1024, threads: 2)

    /// Shared by the tests that do not close it.
    static func engine() async throws -> Engine {
        try await shared.value
    }

    private static let shared = Task { try await Engine.load(source(), options: options) }

    struct Missing: Error, CustomStringConvertible {
        let path: String
        var description: String { "no model at \(path): scripts/fetch-model.sh smollm2 fetches it" }
    }
}

/// What tests/examples/delivery.rs made.
func delivered(_ name: String) throws -> URL {
    let delivery = try XCTUnwrap(ProcessInfo.processInfo.environment["POCKETUNE_DELIVERY"])
    return URL(fileURLWithPath: delivery).appendingPathComponent(name)
}

/// A store in a folder under the delivered policy.
func openStore(_ engine: Engine?, in folder: URL) async throws -> Store {
    let store = try await Store.open(folder, engine: engine)
    try await store.pinPolicy(Data(contentsOf: delivered("policy.json")))
    return store
}

/// Installs the delivered adapter and returns its SHA-256.
func challenger(_ adapters: Adapters) async throws -> String {
    _ = try await adapters.install(delivered("brief.gguf"))
    return try await adapters.installed()[0].sha256
}

/// An experiment: the model as it is against an adapter.
func definition(
    _ challenger: String, design: ExperimentDesign = .sideBySide, measure: Measure = .pick
) -> ExperimentDefinition {
    ExperimentDefinition(
        id: "brief",
        hypothesis: "Short replies are picked.",
        design: design,
        incumbent: ArmDefinition(name: "base"),
        challenger: ArmDefinition(name: "brief", adapters: [challenger]),
        metrics: [MetricDefinition(measure, .primary)],
        limits: ExperimentLimits(maxOutcomes: 300, maxDays: 28))
}

/// Without instructions the model answers questions about France in French.
let assistant = ChatOptions(systemPrompt: "You are a helpful assistant.")

/// Greedy decoding of a few tokens.
func greedy(_ maxTokens: Int = 16, stop: [String] = [], constraint: Constraint? = nil) -> GenerationOptions {
    GenerationOptions(
        maxTokens: maxTokens, sampling: .greedy, stop: stop, constraint: constraint)
}

extension Engine {
    /// Greedy decoding that ends at nothing but the context's end.
    func endless() throws -> GenerationOptions {
        let ends = try ["<|im_end|>", "<|endoftext|>"].map { try tokenize($0, withControlTokens: true)[0] }
        let never = ends.map { TokenBias(token: $0, bias: -.infinity) }
        return GenerationOptions(maxTokens: 100_000, sampling: Sampling(temperature: 0, logitBias: never))
    }
}

extension AsyncThrowingStream<ReplyPart, any Error> {
    /// The joined text and the reply of a stream, which must end with its only `done`.
    func parts() async throws -> (text: String, reply: Reply) {
        var text = ""
        var last: Reply?
        for try await part in self {
            XCTAssertNil(last, "a part came after the end")
            switch part {
            case .text(let piece): text += piece
            case .done(let reply): last = reply
            }
        }
        return (text, try XCTUnwrap(last))
    }

    /// Reads everything.
    func drain() async throws {
        for try await _ in self {}
    }
}

/// Runs `body`, which must throw, and hands the error to `check`, which says whether
/// it is the right one.
func assertThrows(
    file: StaticString = #filePath,
    line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void,
    _ check: (any Error) -> Bool
) async {
    do {
        try await body()
        XCTFail("nothing was thrown", file: file, line: line)
    } catch {
        XCTAssertTrue(check(error), "unexpected: \(error)", file: file, line: line)
    }
}

/// Runs `body`, which must throw `invalidArgument` that names this argument.
func assertInvalid(
    _ argument: String,
    file: StaticString = #filePath,
    line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void
) async {
    await assertThrows(file: file, line: line, isolation: isolation, body) {
        guard case PocketuneError.invalidArgument(argument, _, _) = $0 else { return false }
        return true
    }
}

/// Runs `body`, which must throw `invalidArgument`.
func assertInvalid(
    file: StaticString = #filePath,
    line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void
) async {
    await assertThrows(file: file, line: line, isolation: isolation, body) {
        if case PocketuneError.invalidArgument = $0 { true } else { false }
    }
}

/// Runs `body`, which must throw `notNow`.
func assertNotNow(
    file: StaticString = #filePath,
    line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void
) async {
    await assertThrows(file: file, line: line, isolation: isolation, body) {
        if case PocketuneError.notNow = $0 { true } else { false }
    }
}

/// Runs `body`, which must ask for a consent.
func assertConsentMissing(
    _ purpose: ConsentPurpose,
    file: StaticString = #filePath,
    line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Void
) async {
    await assertThrows(file: file, line: line, isolation: isolation, body) {
        $0 as? PocketuneError == .consentMissing(purpose: purpose)
    }
}

/// Runs `body`, which must not take longer than five seconds: generous, because the
/// tests share the machine; an uncancelled endless reply takes a thousand tokens.
func assertSoon<T: Sendable>(
    file: StaticString = #filePath,
    line: UInt = #line,
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> T
) async rethrows -> T {
    let start = ContinuousClock.now
    let result = try await body()
    let took = ContinuousClock.now - start
    XCTAssertLessThan(took, .seconds(5), file: file, line: line)
    return result
}

/// A value that several threads may touch.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func with<R>(_ body: (inout Value) -> R) -> R {
        lock.withLock { body(&value) }
    }
}

/// A folder that is gone after the test.
final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("pocketune-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }
}
