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

    private func open(_ engine: Engine) async throws -> Store {
        try await openStore(engine, in: folder)
    }

    private func reply(_ engine: Engine) async throws -> String {
        try await engine.chat(assistant).send("Name a river.", options: greedy()).parts().text
    }

    func testAnAdapterIsVerifiedInstalledActivatedAndLeft() async throws {
        let engine = try await TestModel.engine()
        let store = try await open(engine)
        let adapters = store.adapters
        let before = try await reply(engine)
        guard case .accepted(let verified) = try await adapters.verify(delivered("brief.gguf")) else {
            return XCTFail("refused")
        }
        XCTAssertEqual(verified.changelog, "Answers are shorter.")
        XCTAssertEqual(verified.signers.count, 2)
        XCTAssertEqual(verified.measurements.first?.metric, "accuracy")
        XCTAssertNil(verified.replaces)

        _ = try await adapters.install(delivered("brief.gguf"))
        let installed = try await adapters.installed()
        XCTAssertEqual(installed.map(\.sha256), [verified.sha256])
        let untouched = try await reply(engine)
        XCTAssertEqual(untouched, before, "installed is not active")
        let refusal = try await adapters.activate([AdapterChoice(sha256: verified.sha256)])
        XCTAssertNil(refusal)
        let under = try await reply(engine)
        XCTAssertNotEqual(under, before)
        let back = try await adapters.rollBack()
        XCTAssertEqual(back, [])
        let after = try await reply(engine)
        XCTAssertEqual(after, before)
        try await adapters.remove(verified.sha256)
        let actions = try await adapters.history().map(\.action)
        XCTAssertEqual(actions, [.removed, .rolledBack, .activated, .installed, .policyPinned])
        let behind = try await store.clockBehind()
        XCTAssertEqual(behind, .zero)
    }

    func testAStrangersAdapterIsRefusedWithItsReason() async throws {
        let store = try await open(try await TestModel.engine())
        let adapters = store.adapters
        let verdict = try await adapters.install(delivered("stranger.gguf"))
        guard case .refused(let refusal) = verdict else { return XCTFail("accepted") }
        XCTAssertEqual(refusal.reason, .noTrustedSignature)
        let entry = try await adapters.history().first
        XCTAssertEqual(entry?.action, .refused)
        XCTAssertEqual(entry?.reason, "no_trusted_signature")
    }

    func testADeliveredHeadIsBelievedForItsSignatures() async throws {
        let engine = try await TestModel.engine()
        let store = try await open(engine)
        let adapters = store.adapters
        let model = try await store.rewardModels.open(delivered("reward.gguf"))
        let shipped = try await RewardModel.read(engine, head: Data(contentsOf: delivered("reward.gguf")))
        let prompt = Prompt.chat(turns: [Message(role: .user, content: "Name a river.")])
        let one = try await model.score(prompt, reply: "The Nile.")
        let other = try await shipped.score(prompt, reply: "The Nile.")
        XCTAssertEqual(one.reward, other.reward)
        let entry = try await adapters.history().first
        XCTAssertEqual(entry?.action, .accepted)
        await assertInvalid { _ = try await store.rewardModels.open(delivered("brief.gguf")) }
        await assertInvalid {
            _ = try await store.experiments.startDelivered(delivered("reward.gguf"))
        }
    }

    func testARevokedAdapterStopsAndTheAppHearsWhy() async throws {
        let engine = try await TestModel.engine()
        let store = try await open(engine)
        let adapters = store.adapters
        let before = try await reply(engine)
        _ = try await adapters.install(delivered("brief.gguf"))
        let sha256 = try await adapters.installed()[0].sha256
        try await adapters.activate([AdapterChoice(sha256: sha256, scale: 0.5)])
        let version = try await store.rotatePolicy(try Data(contentsOf: delivered("revoking.json")))
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
        let store = try await open(engine)
        let adapters = store.adapters
        _ = try await adapters.install(delivered("brief.gguf"))
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
        let store = try await Store.open(folder, engine: engine)
        let adapters = store.adapters
        await assertInvalid { _ = try await adapters.verify(delivered("brief.gguf")) }
        await assertInvalid { try await store.pinPolicy(Data("no policy".utf8)) }
        await assertInvalid { try await adapters.remove("abc") }
        await assertNotNow { try await adapters.rollBack() }
        await assertInvalid {
            _ = try await Store.open(self.folder, engine: engine, deviceKey: Data(count: 7))
        }
    }
}
