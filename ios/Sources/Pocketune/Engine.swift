internal import PocketuneFFI

/// One loaded model and the thread that computes with it.
///
/// Requests of all chats queue fairly. The engine may be used from any task or
/// thread. Letting go of it, or ``close()``, stops its work.
///
/// Cancelling the task stops a load, a reply, a score and an embedding. It ends the waiting
/// for a digest with `CancellationError`; its computation goes on to its end.
public final class Engine: Sendable {
    /// Facts about the model.
    public let facts: ModelFacts

    /// The estimate that the model was loaded under.
    public let memoryEstimate: MemoryEstimate

    private let native: Handle<PocketuneFFI.Engine>

    private init(_ native: PocketuneFFI.Engine) {
        facts = ModelFacts(native.facts())
        memoryEstimate = MemoryEstimate(native.memoryEstimate())
        self.native = Handle(native)
    }

    /// The native engine, for what works beside it.
    func openNative() throws -> PocketuneFFI.Engine {
        try native.open()
    }

    /// Loads a model.
    ///
    /// Cancelling the task cancels the load.
    ///
    /// - Parameters:
    ///   - source: the model file.
    ///   - options: how to load it.
    ///   - onProgress: hears fractions from 0 to 1 on a thread of the library, and
    ///     returns whether to go on. What it throws cancels the load and is thrown
    ///     to the caller.
    /// - Throws: `PocketuneError.modelUnreadable`, `modelInvalid`,
    ///   `modelUnsupported`, `outOfMemory` (before anything large is allocated) or
    ///   `invalidArgument`; `CancellationError` when `onProgress` returned false or the
    ///   task was cancelled.
    public static func load(
        _ source: ModelSource,
        options: EngineOptions = EngineOptions(),
        onProgress: (@Sendable (Float) throws -> Bool)? = nil
    ) async throws -> Engine {
        try Task.checkCancellation()
        let (source, options) = (try source.native(), try options.native())
        let listener = ProgressListener(onProgress)
        let native: PocketuneFFI.Engine
        do {
            native = try await withTaskCancellationHandler {
                try await translated {
                    try await PocketuneFFI.Engine.load(source: source, options: options, listener: listener)
                }
            } onCancel: {
                listener.cancel()
            }
        } catch {
            throw listener.failure ?? error
        }
        if let failure = listener.failure {
            throw failure
        }
        return Engine(native)
    }

    /// Reads and checks a model's header, without loading it.
    ///
    /// - Throws: `PocketuneError.modelUnreadable`, `modelInvalid` or `modelUnsupported`.
    public static func inspect(_ source: ModelSource) async throws -> ModelFacts {
        let source = try source.native()
        return ModelFacts(try await translated { try await inspectModel(source: source) })
    }

    /// What loading a model with these options would take.
    ///
    /// - Throws: as ``load(_:options:onProgress:)``, except `outOfMemory`.
    public static func estimateMemory(
        _ source: ModelSource,
        options: EngineOptions = EngineOptions()
    ) async throws -> MemoryEstimate {
        let (source, options) = (try source.native(), try options.native())
        return MemoryEstimate(
            try await translated { try await PocketuneFFI.estimateMemory(source: source, options: options) })
    }

    /// SHA-256 of the model file, in hexadecimal digits. Takes about a second per
    /// gigabyte the first time.
    ///
    /// - Throws: `PocketuneError.modelUnreadable` or `closed`.
    public func sha256() async throws -> String {
        let native = try native.open()
        return try await untilCancelled { try await native.sha256() }
    }

    /// Starts a chat. Returns at once.
    ///
    /// - Throws: `PocketuneError.invalidArgument` where the model brings no template and the
    ///   options name none, for a template that does not work, and for a history that does
    ///   not alternate; `closed`.
    public func chat(_ options: ChatOptions = ChatOptions()) throws -> Chat {
        let native = try native.open()
        return Chat(try translated { try native.chat(options: options.native) })
    }

    /// Goes on with a text as it stands; works with any model. Control tokens
    /// written out in it are control tokens.
    ///
    /// The stream behaves and fails as the one of ``Chat/send(_:options:)``.
    public func complete(
        _ prompt: String,
        options: GenerationOptions = GenerationOptions()
    ) -> AsyncThrowingStream<ReplyPart, any Error> {
        stream { [native] in try native.open().complete(prompt: prompt, options: options.native()) }
    }

    /// Log-probability of each token of `reply` after `prompt`.
    ///
    /// - Throws: `PocketuneError.invalidArgument` for an empty prompt or reply,
    ///   `contextFull` or `closed`.
    public func score(_ prompt: Prompt, reply: String) async throws -> Score {
        let native = try native.open()
        return try await stoppedWhenCancelled { cancellation in
            Score(try await native.score(prompt: prompt.native, reply: reply, cancellation: cancellation))
        }
    }

    /// Pooled hidden state of a text; not normalized.
    ///
    /// - Throws: as ``score(_:reply:)``.
    public func embed(_ prompt: Prompt, pooling: Pooling = .mean) async throws -> Embedding {
        let native = try native.open()
        return try await stoppedWhenCancelled { cancellation in
            Embedding(
                try await native.embed(prompt: prompt.native, pooling: pooling.native, cancellation: cancellation))
        }
    }

    /// Tokens of a text. Does not wait for requests that are under way.
    ///
    /// - Parameters:
    ///   - text: the text.
    ///   - withControlTokens: reads written-out control tokens as such. Leave it off for
    ///     text of people: then none of it becomes a control token, one that ends replies,
    ///     or one that the model's template writes.
    /// - Throws: `PocketuneError.closed`.
    public func tokenize(_ text: String, withControlTokens: Bool = false) throws -> [Int] {
        let native = try native.open()
        return try translated { try native.tokenize(text: text, withControlTokens: withControlTokens) }.map(Int.init)
    }

    /// Text of tokens, control tokens written out.
    ///
    /// - Throws: `PocketuneError.internal` for a token outside the vocabulary; `closed`.
    public func detokenize(_ tokens: [Int]) throws -> String {
        let native = try native.open()
        let tokens: [Int32] = try tokens.map { try exactly($0, "tokens") }
        return try translated { try native.detokenize(tokens: tokens) }
    }

    /// Stops all work and frees the model. Blocks for some milliseconds. Replies that
    /// are being streamed, and further calls, fail with `PocketuneError.closed`.
    public func close() {
        native.take()?.shutDown()
    }
}
