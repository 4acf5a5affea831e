import Foundation
import Pocketune
import XCTest

final class ReviewsTests: XCTestCase {
    private let question = "Why is the sky blue?"
    private let fine = "Because air scatters blue light more than red light."
    // The bracket stays open, which may mean that something is missing.
    private let doubtful = "Because air scatters blue light more than red light (as it does at noon."

    func testCriticsObjectToAnEmptyReplyAndNotToAGoodOne() {
        let empty = PocketuneLibrary.criticize("", to: question)
        XCTAssertEqual(empty.ruling, .fail)
        XCTAssertFalse(empty.objections.isEmpty)
        let good = PocketuneLibrary.criticize(fine, to: question, systemPrompt: "You are a helpful assistant.")
        XCTAssertEqual(good.ruling, .pass)
        XCTAssertEqual(good.objections, [])
        XCTAssertGreaterThan(good.score, empty.score)
    }

    func testNothingIsKeptOrSharedWithoutConsent() async throws {
        let folder = try TemporaryFolder()
        // Without an engine: nothing here needs one.
        let store = try await openStore(nil, in: folder.url)
        let reviews = store.reviews
        await assertConsentMissing(.review) { try await reviews.offer(self.doubtful, to: self.question) }
        let before = try await store.consents()
        XCTAssertEqual(before, [])
        try await store.setConsent(.review, given: true)
        let after = try await store.consents()
        XCTAssertEqual(after, [.review])
        await assertNotNow { try await store.setConsent(.learn, given: true) }
        let passed = try await reviews.offer(fine, to: question)
        XCTAssertNil(passed)
        let offered = try await reviews.offer(doubtful, to: question)
        let id = try XCTUnwrap(offered)
        let kept = try await reviews.list()
        XCTAssertEqual(kept.map { [$0.id, $0.prompt, $0.reply] }, [[id, question, doubtful]])
        XCTAssertEqual(kept.first?.objections.map(\.critic), ["balance"])

        await assertConsentMissing(.reviewSharing) { try await reviews.share(id) }
        await assertConsentMissing(.reviewSharing) { _ = try await reviews.export() }
        try await store.setConsent(.reviewSharing, given: true)
        let none = try await reviews.export()
        XCTAssertEqual(none, "")
        try await reviews.share(id)
        let exported = try await reviews.export()
        XCTAssertTrue(exported.contains("at noon"))

        let lines = try await reviews.importLabels("{\"id\": \"\(id)\", \"annotator\": \"ann\", \"label\": \"pass\"}")
        XCTAssertEqual(lines, 1)
        await assertInvalid { try await reviews.importLabels("{}") }
        let labelled = try await reviews.list()
        XCTAssertEqual(labelled.map(\.labels), [[ReviewLabel(annotator: "ann", label: "pass")]])
        XCTAssertNotNil(labelled.first?.exportedAt)
        try await reviews.forget(id)
        await assertInvalid { try await reviews.forget(id) }

        try await reviews.offer(doubtful, to: question)
        try await store.setConsent(.review, given: false)
        let left = try await reviews.list()
        XCTAssertEqual(left, [])
    }
}
