import Foundation
import Pocketune
import XCTest

final class AdaptersTests: XCTestCase {
    private var folder = URL(fileURLWithPath: "/")

    override func setUpWithError() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    override func tearDownWithError() throws {
        try FileManager.default.removeItem(at: folder)
    }

    private func open(_ engine: Engine) async throws -> Adapters {
        try await openAdapters(engine, in: folder)
    }

    private func reply(_ engine: Engine) async throws -> String {
        try await engine.chat(assistant).send("Name a river.", options: greedy()).parts().text
    }

    func testAnAdapterIsReviewedInstalledActivatedAndLeft() async throws {
        let engine = try await TestModel.engine()
        let adapters = try await open(engine)
        let before = try await reply(engine)
        guard case .accepted(let review) = try await adapters.review(try delivered("brief.gguf")) else {
            return XCTFail("refused")
        }
        XCTAssertEqual(review.changelog, "Answers are shorter.")
        XCTAssertEqual(review.signers.count, 2)
        XCTAssertEqual(review.measurements.first?.metric, "accuracy")
        XCTAssertNil(review.replaces)

        _ = try await adapters.install(try delivered("brief.gguf"))
        let installed = try await adapters.installed()
        XCTAssertEqual(installed.map(\.sha256), [review.sha256])
        let untouched = try await reply(engine)
        XCTAssertEqual(untouched, before, "installed is not active")
        let refusal = try await adapters.activate([AdapterChoice(sha256: review.sha256)])
        XCTAssertNil(refusal)
        let under = try await reply(engine)
        XCTAssertNotEqual(under, before)
        let back = try await adapters.rollBack()
        XCTAssertEqual(back, [])
        let after = try await reply(engine)
        XCTAssertEqual(after, before)
        try await adapters.remove(review.sha256)
        let actions = try await adapters.history().map(\.action)
        XCTAssertEqual(actions, [.removed, .rolledBack, .activated, .installed, .policyPinned])
        let behind = try await adapters.clockBehindSeconds()
        XCTAssertEqual(behind, 0)
    }

    func testAStrangersAdapterIsRefusedWithItsReason() async throws {
        let adapters = try await open(try await TestModel.engine())
        let verdict = try await adapters.install(try delivered("stranger.gguf"))
        guard case .refused(let refusal) = verdict else { return XCTFail("accepted") }
        XCTAssertEqual(refusal.reason, .noTrustedSignature)
        let entry = try await adapters.history().first
        XCTAssertEqual(entry?.action, .refused)
        XCTAssertEqual(entry?.reason, "no_trusted_signature")
    }

    func testADeliveredHeadIsBelievedForItsSignatures() async throws {
        let engine = try await TestModel.engine()
        let adapters = try await open(engine)
        let model = try await adapters.rewardModel(at: try delivered("reward.gguf"))
        let shipped = try await RewardModel.read(engine, head: Data(contentsOf: deliveredURL("reward.gguf")))
        let prompt = Prompt.chat(
            systemPrompt: nil, turns: [Message(role: .user, content: "Name a river.")], template: .model)
        let one = try await model.score(prompt, reply: "The Nile.")
        let other = try await shipped.score(prompt, reply: "The Nile.")
        XCTAssertEqual(one.reward, other.reward)
        let entry = try await adapters.history().first
        XCTAssertEqual(entry?.action, .accepted)
        await assertInvalid { _ = try await adapters.rewardModel(at: try delivered("brief.gguf")) }
        await assertInvalid {
            _ = try await adapters.startDeliveredExperiment(at: try delivered("reward.gguf"))
        }
    }

    func testARevokedAdapterStopsAndTheAppHearsWhy() async throws {
        let engine = try await TestModel.engine()
        let adapters = try await open(engine)
        let before = try await reply(engine)
        _ = try await adapters.install(try delivered("brief.gguf"))
        let sha256 = try await adapters.installed()[0].sha256
        try await adapters.activate([AdapterChoice(sha256: sha256, scale: 0.5)])
        let version = try await adapters.rotatePolicy(try Data(contentsOf: deliveredURL("revoking.json")))
        XCTAssertEqual(version, 2)
        let refused = try await adapters.apply()
        XCTAssertEqual(refused.map(\.refusal.reason), [.revoked])
        let after = try await reply(engine)
        XCTAssertEqual(after, before)
        let refusal = try await adapters.activate([AdapterChoice(sha256: sha256)])
        XCTAssertEqual(refusal?.reason, .revoked)
        try await adapters.deactivate()
    }

    func testScalesLieBetween0And1AndAnAdapterOccursOnce() async throws {
        let engine = try await TestModel.engine()
        let adapters = try await open(engine)
        _ = try await adapters.install(try delivered("brief.gguf"))
        let sha256 = try await adapters.installed()[0].sha256
        for scale: Float in [1000, -1, .nan, .infinity] {
            await assertInvalid {
                _ = try await adapters.activate([AdapterChoice(sha256: sha256, scale: scale)])
            }
        }
        let often = Array(repeating: AdapterChoice(sha256: sha256, scale: 0.05), count: 20)
        let refusal = try await adapters.activate(often)
        XCTAssertEqual(refusal?.reason, .adapterTwice)
        let accepted = try await adapters.activate([AdapterChoice(sha256: sha256, scale: 0.05)])
        XCTAssertNil(accepted)
        try await adapters.deactivate()
    }

    func testMistakesAreErrors() async throws {
        let engine = try await TestModel.engine()
        let adapters = try await Adapters.open(engine, directory: folder.path)
        await assertInvalid { _ = try await adapters.review(try delivered("brief.gguf")) }
        await assertInvalid { try await adapters.pinPolicy(Data("no policy".utf8)) }
        await assertInvalid { try await adapters.remove("abc") }
        await assertNotNow { try await adapters.rollBack() }
        await assertInvalid {
            _ = try await Adapters.open(engine, directory: self.folder.path, deviceKey: Data(count: 7))
        }
    }
}
