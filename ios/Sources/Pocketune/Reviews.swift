import PocketuneFFI

/// Replies that the critics leave to a person, in the store of ``Adapters``.
///
/// They stay on the device. Nothing is kept before somebody agrees to it
/// (``setConsent(_:given:)``); only what was marked for sharing, under a consent of its
/// own, is handed out, and only to the app, by ``export()``. May be used from any task or
/// thread; cancelling works as in ``Adapters``.
public struct Reviews: Sendable {
    let native: PocketuneFFI.Adapters

    /// Gives a consent or takes it back. Taking back `ReviewConsent.keep` removes what was
    /// kept, taking back `ReviewConsent.share` every mark for sharing.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func setConsent(_ consent: ReviewConsent, given: Bool) async throws {
        try await untilCancelled { [native] in
            try await native.setReviewConsent(consent: consent, given: given)
        }
    }

    /// Whether a consent is given.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func hasConsent(_ consent: ReviewConsent) async throws -> Bool {
        try await untilCancelled { [native] in try await native.hasReviewConsent(consent: consent) }
    }

    /// Lets the critics look at a reply, and keeps it where they leave it to a person.
    /// Returns its id then, and nil for what passes or certainly fails.
    ///
    /// - Throws: `PocketuneError.ConsentMissing` without the consent to keep it;
    ///   `StorageFailed`.
    @discardableResult
    public func offer(
        _ reply: String,
        to prompt: String,
        stopReason: StopReason = .endOfTurn,
        systemPrompt: String? = nil
    ) async throws -> String? {
        try await untilCancelled { [native] in
            try await native.offerForReview(
                systemPrompt: systemPrompt, prompt: prompt, reply: reply, stopReason: stopReason)
        }
    }

    /// All replies that were kept, the earliest first: at most 1,000, of which the earliest
    /// go that are neither marked nor labelled.
    ///
    /// - Throws: `PocketuneError.StorageFailed`.
    public func list() async throws -> [DoubtfulReply] {
        try await untilCancelled { [native] in try await native.reviews() }
    }

    /// Marks a reply for sharing, or takes that back.
    ///
    /// - Throws: `PocketuneError.ConsentMissing` without the consent to share;
    ///   `InvalidArgument` for an unknown id; `StorageFailed`.
    public func share(_ id: String, shared: Bool = true) async throws {
        try await untilCancelled { [native] in try await native.shareReview(id: id, shared: shared) }
    }

    /// Removes a reply.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` for an unknown id; `StorageFailed`.
    public func forget(_ id: String) async throws {
        try await untilCancelled { [native] in try await native.forgetReview(id: id) }
    }

    /// The replies that are marked for sharing, as lines of JSON. Sends nothing anywhere.
    ///
    /// - Throws: `PocketuneError.ConsentMissing` without the consent to share;
    ///   `StorageFailed`.
    public func export() async throws -> String {
        try await untilCancelled { [native] in try await native.exportReviews() }
    }

    /// Takes in what people said, all lines of JSON or none: `id`, `annotator` and `label`
    /// (`pass` or `fail`). Returns how many lines there were.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` for a line that is no label, an unknown
    ///   id, or an annotator who said something else before; `StorageFailed`.
    @discardableResult
    public func importLabels(_ lines: String) async throws -> UInt64 {
        try await untilCancelled { [native] in try await native.importReviewLabels(lines: lines) }
    }
}

extension Adapters {
    /// Replies that the critics leave to a person.
    public var reviews: Reviews {
        Reviews(native: native)
    }
}
