import XCTest

final class ReadmeSnippetTests: XCTestCase {
    func testWhatTheReadmeShowsRuns() async throws {
        try await askTheModel(at: TestModel.url())
    }
}
