import Foundation
internal import PocketuneFFI

/// One conversation on an ``Engine``; ``Engine/chat(_:)`` starts one.
///
/// Replies are generated one after the other, in the order asked for; several chats
/// take turns. What a chat has read stays cached between turns as long as the
/// engine's limit allows; letting go of the chat frees that cache. A chat may be used
/// from any task or thread. After ``Engine/close()`` it fails with
/// `PocketuneError.closed`.
public final class Chat: Sendable {
    let native: PocketuneFFI.Chat

    init(_ native: PocketuneFFI.Chat) {
        self.native = native
    }

    /// The turns so far, without the system prompt.
    public var history: [Message] {
        native.history().map(Message.init)
    }

    /// Asks for a reply.
    ///
    /// The request is made when the stream is first read; a stream can be read once.
    /// Its last part is `ReplyPart.done`, also after ``stop()``; text and reply then join the
    /// history. Cancelling the reading task, or letting go of the stream, stops generation at
    /// once: the stream ends without `ReplyPart.done`, and what was generated up to
    /// then joins the history before the next reply begins. A reply that fails leaves
    /// the history as it was.
    ///
    /// Reading throws `PocketuneError.invalidArgument` for an option out of range or a
    /// constraint that does not work, `contextFull` when the conversation no longer
    /// fits, and `closed`.
    public func send(
        _ text: String,
        options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<ReplyPart, any Error> {
        stream { [native] in try native.send(text: text, options: options.native()) }
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
        stream { [native] in try native.regenerate(options: options.native()) }
    }

    /// Ends the reply under way, and those that wait behind it. Returns at once. The stream
    /// of each still ends with `ReplyPart.done` (`StopReason.cancelled`), and what text there
    /// is joins the history. Does nothing where no reply is under way.
    public func stop() {
        native.stop()
    }

    /// Replaces the history, such as after an edit. The part of the cache that still
    /// fits is reused. A reply that is being generated will not join it. Replies of the
    /// history before that are among the turns, word for word and with their ids, keep these;
    /// other turns have none.
    ///
    /// - Throws: `PocketuneError.invalidArgument` when the turns do not alternate, user
    ///   first.
    public func replaceHistory(_ turns: [Message]) throws {
        try translated { try native.replaceHistory(turns: turns.map(\.native)) }
    }

    /// Writes history and cache to a file, to go on later without reading the
    /// conversation again. At any moment the file is the old or the new one.
    ///
    /// The file holds the conversation: keep it where only the app can read it.
    ///
    /// - Parameter url: a file URL.
    /// - Throws: `PocketuneError.storageFailed` when it cannot be written; `closed`.
    public func save(to url: URL) async throws {
        let path = try path(of: url)
        try await translated { try await native.save(path: path) }
    }

    /// Replaces history and cache by those in a file. The cache is used only as far as its
    /// tokens are those of the history; otherwise the history is read again at the next
    /// turn.
    ///
    /// - Parameter url: a file URL.
    /// - Throws: `PocketuneError.stateMismatch` when the file is damaged or belongs to
    ///   another model, version or KV cache type (the chat is then as it was);
    ///   `storageFailed` when it cannot be read; `closed`.
    public func restore(from url: URL) async throws {
        let path = try path(of: url)
        try await translated { try await native.restore(path: path) }
    }
}
