import Pocketune
import XCTest

final class ReadmeSnippetTests: XCTestCase {
    func testWhatTheReadmeShowsRuns() async throws {
        try await askTheModel(at: TestModel.url())
    }

    func testWhatTheReadmeShowsOfExperimentsRuns() async throws {
        let folder = try TemporaryFolder()
        let store = try await openStore(try await TestModel.engine(), in: folder.url)
        let shown = Locked(0)
        try await compare(store, adapter: try await challenger(store.adapters)) { _, _ in
            shown.with { $0 += 1 }
            return .second
        }
        XCTAssertEqual(shown.with { $0 }, 1)
        let experiment = try await store.experiments.all()[0]
        let decision = try await experiment.verdict()
        XCTAssertEqual(decision.metrics.map(\.outcomes), [1])
    }
}
