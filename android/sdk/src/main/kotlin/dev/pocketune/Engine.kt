package dev.pocketune

import kotlinx.coroutines.flow.Flow
import java.util.concurrent.CancellationException
import java.util.concurrent.atomic.AtomicReference
import dev.pocketune.ffi.Engine as NativeEngine
import dev.pocketune.ffi.LoadListener as NativeLoadListener
import dev.pocketune.ffi.estimateMemory as nativeEstimateMemory
import dev.pocketune.ffi.inspectModel as nativeInspectModel

/**
 * One loaded model and the thread that computes with it.
 *
 * Thread-safe. Requests of all chats queue fairly. [close] it when it is no longer
 * needed: a model takes hundreds of megabytes, which the garbage collector does
 * not see. Calls after that fail with [PocketuneException.Closed].
 *
 * Suspending functions never block the calling thread. Cancelling the calling coroutine
 * stops their work, but for that of [sha256], whose result is kept for the next call.
 */
public class Engine private constructor(
    native: NativeEngine,
) : AutoCloseable {
    internal val handle = Handle(native)

    /** Facts about the model. */
    public val facts: ModelFacts = native.facts().toPublic()

    /** The estimate that the model was loaded under. */
    public val memoryEstimate: MemoryEstimate = native.memoryEstimate().toPublic()

    /**
     * SHA-256 of the model file, in hexadecimal digits. Takes about a second per
     * gigabyte the first time.
     *
     * @throws PocketuneException.ModelUnreadable when the file can no longer be read
     * @throws PocketuneException.Closed after [close]
     */
    public suspend fun sha256(): String = handle.call { it.sha256() }

    /**
     * Starts a chat. Returns at once.
     *
     * @throws PocketuneException.InvalidArgument when the model brings no template and the
     * options name none, for a template that does not work, or a history that does not
     * alternate
     * @throws PocketuneException.Closed after [close]
     */
    @JvmOverloads
    public fun chat(options: ChatOptions = ChatOptions()): Chat = Chat(handle.call { it.chat(options.toNative()) })

    /**
     * Goes on with [prompt] as it stands; works with any model. Control tokens
     * written out in it are control tokens.
     *
     * The flow is cold and fails as the one of [Chat.send] does.
     */
    @JvmOverloads
    public fun complete(
        prompt: String,
        options: GenerationOptions = GenerationOptions(),
    ): Flow<ReplyPart> = replyFlow { handle.call { it.complete(prompt, options.toNative()) } }

    /**
     * Log-probability of each token of [reply] after [prompt].
     *
     * @throws PocketuneException.InvalidArgument for an empty prompt or reply, and for a
     * [Prompt.Chat] without a template
     * @throws PocketuneException.ContextFull when both do not fit the context
     * @throws PocketuneException.Closed after [close]
     */
    public suspend fun score(
        prompt: Prompt,
        reply: String,
    ): Score = handle.call { it.score(prompt.toNative(), reply, null) }.toPublic()

    /**
     * Pooled hidden state of a text; not normalized.
     *
     * @throws PocketuneException as [score]
     */
    @JvmOverloads
    public suspend fun embed(
        prompt: Prompt,
        pooling: Pooling = Pooling.MEAN,
    ): Embedding = handle.call { it.embed(prompt.toNative(), pooling.toNative(), null) }.toPublic()

    /**
     * Tokens of [text]. Does not wait for requests that are under way.
     *
     * @param withControlTokens reads written-out control tokens as such. Leave it off for
     * text of people: then none of it becomes a control token, one that ends replies, or
     * one that the model's template writes
     * @throws PocketuneException.Closed after [close]
     */
    @JvmOverloads
    public fun tokenize(
        text: String,
        withControlTokens: Boolean = false,
    ): List<Int> = handle.call { it.tokenize(text, withControlTokens) }

    /**
     * Text of [tokens], control tokens written out.
     *
     * @throws PocketuneException.Internal for a token outside the vocabulary
     * @throws PocketuneException.Closed after [close]
     */
    public fun detokenize(tokens: List<Int>): String = handle.call { it.detokenize(tokens) }

    /**
     * Stops all work and frees the model. Blocks for some milliseconds. Replies
     * that are being streamed fail with [PocketuneException.Closed].
     */
    override fun close(): Unit = handle.close { it.shutDown() }

    /** Loads and inspects models. */
    public companion object {
        /**
         * Loads a model. Cancelling the calling coroutine cancels the load.
         *
         * @param onProgress hears how loading goes on
         * @throws CancellationException when [onProgress] returned false
         * @throws PocketuneException.ModelUnreadable when the file cannot be opened
         * @throws PocketuneException.ModelInvalid when it is damaged or no model
         * @throws PocketuneException.ModelUnsupported for an architecture, or a feature of
         * one, that this version does not know
         * @throws PocketuneException.OutOfMemory before anything large is allocated
         * @throws PocketuneException.InvalidArgument for an option out of range
         */
        @JvmStatic
        @JvmOverloads
        public suspend fun load(
            source: ModelSource,
            options: EngineOptions = EngineOptions(),
            onProgress: LoadProgress? = null,
        ): Engine {
            val listener = onProgress?.let(::ProgressListener)
            val engine =
                try {
                    translating { NativeEngine.load(source.toNative(), options.toNative(), listener) }
                } catch (error: PocketuneException) {
                    throw listener?.stopped() ?: error
                }
            listener?.stopped()?.let { stopped ->
                engine.shutDown()
                engine.destroy()
                throw stopped
            }
            return Engine(engine)
        }

        /**
         * Reads and checks a model's header, without loading it.
         *
         * @throws PocketuneException.ModelUnreadable when the file cannot be opened
         * @throws PocketuneException.ModelInvalid when it is damaged or no model
         * @throws PocketuneException.ModelUnsupported for an architecture, or a feature of
         * one, that this version does not know
         */
        @JvmStatic
        public suspend fun inspect(source: ModelSource): ModelFacts = translating { nativeInspectModel(source.toNative()) }.toPublic()

        /**
         * What loading a model with these options would take.
         *
         * @throws PocketuneException as [load], except `OutOfMemory`
         */
        @JvmStatic
        @JvmOverloads
        public suspend fun estimateMemory(
            source: ModelSource,
            options: EngineOptions = EngineOptions(),
        ): MemoryEstimate = translating { nativeEstimateMemory(source.toNative(), options.toNative()) }.toPublic()
    }
}

/** Hears how loading a model goes on. */
public fun interface LoadProgress {
    /**
     * Takes a [fraction] from 0 to 1, on a thread of the library, and returns whether to go
     * on. What it throws cancels the load and is thrown to the caller.
     */
    public fun onProgress(fraction: Float): Boolean
}

/** Keeps why the app's callback stopped the load: the native library only learns that it did. */
private class ProgressListener(
    private val onProgress: LoadProgress,
) : NativeLoadListener {
    private val stopped = AtomicReference<Throwable>()

    /** What the caller of a load that the callback stopped gets. */
    fun stopped(): Throwable? = stopped.get()

    @Suppress("TooGenericExceptionCaught")
    override fun onProgress(fraction: Float): Boolean =
        try {
            onProgress.onProgress(fraction).also { goOn -> if (!goOn) stop(CancellationException("the load was stopped by onProgress")) }
        } catch (failure: Throwable) {
            stop(failure)
            false
        }

    private fun stop(why: Throwable) {
        stopped.compareAndSet(null, why)
    }
}
