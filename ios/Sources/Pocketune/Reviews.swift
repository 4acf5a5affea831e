import Foundation
internal import PocketuneFFI

/// Replies of a ``Store`` that the critics leave to a person.
///
/// They stay on the device. Nothing is kept before the user agrees to it
/// (`ConsentPurpose.review`, by ``Store/setConsent(_:given:)``); only what was marked for
/// sharing, under `ConsentPurpose.reviewSharing`, is handed out, and only to the app, by
/// ``export()``. May be used from any task or thread; cancelling works as in ``Store``.
public final class Reviews: Sendable {
    private let native: PocketuneFFI.Reviews

    init(_ native: PocketuneFFI.Reviews) {
        self.native = native
    }

    /// Lets the critics look at a reply, and keeps it where they leave it to a person.
    /// Returns its id then, and nil for what passes or certainly fails.
    ///
    /// - Throws: `PocketuneError.consentMissing` without the consent to keep it;
    ///   `storageFailed`.
    @discardableResult
    public func offer(
        _ reply: String,
        to prompt: String,
        stopReason: StopReason = .endOfTurn,
        systemPrompt: String? = nil
    ) async throws -> String? {
        try await untilCancelled { [native] in
            try await native.offer(
                systemPrompt: systemPrompt, prompt: prompt, reply: reply, stopReason: stopReason.native)
        }
    }

    /// All replies that were kept, the earliest first: at most 1,000, of which the earliest
    /// go that are neither marked nor labelled.
    ///
    /// - Throws: `PocketuneError.storageFailed`.
    public func list() async throws -> [DoubtfulReply] {
        try await untilCancelled { [native] in try await native.list() }.map(DoubtfulReply.init)
    }

    /// Marks a reply for sharing, or takes that back.
    ///
    /// - Throws: `PocketuneError.consentMissing` without the consent to share;
    ///   `invalidArgument` for an unknown id; `storageFailed`.
    public func share(_ id: String, shared: Bool = true) async throws {
        try await untilCancelled { [native] in try await native.share(id: id, shared: shared) }
    }

    /// Removes a reply.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for an unknown id; `storageFailed`.
    public func forget(_ id: String) async throws {
        try await untilCancelled { [native] in try await native.forget(id: id) }
    }

    /// The replies that are marked for sharing, as lines of JSON. Sends nothing anywhere.
    ///
    /// - Throws: `PocketuneError.consentMissing` without the consent to share;
    ///   `storageFailed`.
    public func export() async throws -> String {
        try await untilCancelled { [native] in try await native.export() }
    }

    /// Takes in what people said, all lines of JSON or none: `id`, `annotator` and `label`
    /// (`pass` or `fail`). Returns how many lines there were.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for a line that is no label, an unknown
    ///   id, or an annotator who said something else before; `storageFailed`.
    @discardableResult
    public func importLabels(_ lines: String) async throws -> Int {
        Int(clamping: try await untilCancelled { [native] in try await native.importLabels(lines: lines) })
    }
}

/// A reply that waits for a person, or has been looked at.
public struct DoubtfulReply: Codable, Hashable, Identifiable, Sendable {
    /// Names it in this list.
    public let id: String
    /// When it was kept.
    public let keptAt: Date
    /// The system prompt; nil where there was none.
    public let systemPrompt: String?
    /// What was asked.
    public let prompt: String
    /// What was answered.
    public let reply: String
    /// From 0 to 1, by all critics together.
    public let score: Double
    /// What the critics object.
    public let objections: [Objection]
    /// Whether it is marked for sharing.
    public let shared: Bool
    /// When it was last handed out; nil where it never was.
    public let exportedAt: Date?
    /// What people said, in the order of their names.
    public let labels: [ReviewLabel]
}

/// What one person said of a reply.
public struct ReviewLabel: Codable, Hashable, Sendable {
    /// Who.
    public let annotator: String
    /// `pass` or `fail`.
    public let label: String

    /// What `annotator` said.
    public init(annotator: String, label: String) {
        self.annotator = annotator
        self.label = label
    }
}

extension DoubtfulReply {
    init(_ native: PocketuneFFI.DoubtfulReply) {
        id = native.id
        keptAt = Date(seconds: native.keptAtS)
        systemPrompt = native.systemPrompt
        prompt = native.prompt
        reply = native.reply
        score = native.score
        objections = native.objections.map(Objection.init)
        shared = native.shared
        exportedAt = native.exportedAtS.map(Date.init(seconds:))
        labels = native.labels.map { ReviewLabel(annotator: $0.annotator, label: $0.label) }
    }
}
