import Foundation
import PocketuneFFI

/// One conversation on an ``Engine``; ``Engine/chat(_:)`` starts one.
///
/// Replies are generated one after the other, in the order asked for; several chats
/// take turns. What a chat has read stays cached between turns as long as the
/// engine's limit allows; letting go of the chat frees that cache. A chat may be used
/// from any task or thread. After ``Engine/close()`` it fails with
/// `PocketuneError.Closed`.
public final class Chat: Sendable {
    let native: PocketuneFFI.Chat

    init(_ native: PocketuneFFI.Chat) {
        self.native = native
    }

    /// The turns so far, without the system prompt.
    public var history: [Message] {
        native.history()
    }

    /// Asks for a reply.
    ///
    /// The request is made when the stream is first read; a stream can be read once.
    /// Its last part is `ReplyPart.done`; text and reply then join the history.
    /// Cancelling the reading task, or letting go of the stream, stops generation at
    /// once: the stream ends without `ReplyPart.done`, and what was generated up to
    /// then joins the history before the next reply begins. A reply that fails leaves
    /// the history as it was.
    ///
    /// Reading throws `PocketuneError.InvalidArgument` for an option out of range or a
    /// constraint that does not work, `ContextFull` when the conversation no longer
    /// fits, and `Closed`.
    public func send(
        _ text: String,
        options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<ReplyPart, any Error> {
        replyStream { [native] in try native.send(text: text, options: options) }
    }

    /// Asks for a reply and returns it when it is complete.
    ///
    /// - Throws: as reading ``send(_:options:)``; `CancellationError` when the task is
    ///   cancelled.
    public func reply(
        to text: String,
        options: GenerationOptions = GenerationOptions()
    ) async throws -> Reply {
        try await send(text, options: options).reply()
    }

    /// Asks for another reply to the last message of the user, which replaces the one
    /// before. The stream behaves and fails as the one of ``send(_:options:)``.
    public func regenerate(
        options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<ReplyPart, any Error> {
        replyStream { [native] in try native.regenerate(options: options) }
    }

    /// Replaces the history, such as after an edit. The part of the cache that still
    /// fits is reused. A reply that is being generated will not join it.
    ///
    /// - Throws: `PocketuneError.InvalidArgument` when the turns do not alternate, user
    ///   first.
    public func replaceHistory(_ turns: [Message]) throws {
        try native.replaceHistory(turns: turns)
    }

    /// Writes history and cache to a file, to go on later without reading the
    /// conversation again. At any moment the file is the old or the new one.
    ///
    /// The file holds the conversation: keep it where only the app can read it.
    ///
    /// - Parameter url: a file URL.
    /// - Throws: `PocketuneError.StorageFailed` when it cannot be written; `Closed`.
    public func save(to url: URL) async throws {
        try await native.save(path: path(of: url))
    }

    /// Replaces history and cache by those in a file. The cache is used only as far as its
    /// tokens are those of the history; otherwise the history is read again at the next
    /// turn.
    ///
    /// - Parameter url: a file URL.
    /// - Throws: `PocketuneError.StateMismatch` when the file is damaged or belongs to
    ///   another model, version or KV cache type (the chat is then as it was);
    ///   `StorageFailed` when it cannot be read; `Closed`.
    public func restore(from url: URL) async throws {
        try await native.restore(path: path(of: url))
    }

    private func path(of url: URL) throws -> String {
        guard url.isFileURL else {
            throw PocketuneError.InvalidArgument(option: "url", reason: "must be a file URL")
        }
        return url.path
    }
}
