package dev.pocketune

import kotlinx.coroutines.flow.Flow
import java.io.File
import dev.pocketune.ffi.Chat as NativeChat

/**
 * One conversation on an [Engine]; [Engine.chat] starts one.
 *
 * Replies are generated one after the other, in the order asked for; several
 * chats take turns. What a chat has read stays cached between turns as long as
 * the engine's limit allows. Thread-safe. [close] frees that cache; calls after
 * that, or after the engine was closed, fail with [PocketuneException.Closed].
 */
public class Chat internal constructor(
    native: NativeChat,
) : AutoCloseable {
    private val handle = Handle(native)

    /** The turns so far, without the system prompt. */
    public val history: List<Message> get() = handle.call { it.history() }.map { it.toPublic() }

    /**
     * Asks for a reply to [text].
     *
     * The flow is cold: each collection asks once, when it starts. Its last part is
     * [ReplyPart.Done]; text and reply then join the history. [stop] ends the reply and
     * its flow, also with [ReplyPart.Done]. Cancelling the collecting coroutine stops
     * generation at once; what was generated up to then joins the history before the next
     * reply begins. A reply that fails leaves the history as it was.
     *
     * Collecting fails with [PocketuneException.InvalidArgument] for an option out
     * of range or a constraint that does not work, [PocketuneException.ContextFull]
     * when the conversation no longer fits, and [PocketuneException.Closed].
     */
    @JvmOverloads
    public fun send(
        text: String,
        options: GenerationOptions = GenerationOptions(),
    ): Flow<ReplyPart> = replyFlow { handle.call { it.send(text, options.toNative()) } }

    /**
     * Asks for a reply to [text] and returns it when it is complete.
     *
     * @throws PocketuneException as the flow of [send]
     */
    @JvmOverloads
    public suspend fun reply(
        text: String,
        options: GenerationOptions = GenerationOptions(),
    ): Reply = send(text, options).reply()

    /**
     * Asks for another reply to the last message of the user, which replaces the
     * one before. The flow is cold and fails as the one of [send] does.
     */
    @JvmOverloads
    public fun regenerate(options: GenerationOptions = GenerationOptions()): Flow<ReplyPart> =
        replyFlow { handle.call { it.regenerate(options.toNative()) } }

    /**
     * Ends the reply under way, and those that wait behind it. Returns at once. The flow of
     * each still ends with [ReplyPart.Done] ([StopReason.CANCELLED]), and what text there is
     * joins the history. Does nothing where no reply of [send], [reply] or [regenerate] is
     * under way.
     *
     * @throws PocketuneException.Closed after [close]
     */
    public fun stop(): Unit = handle.call { it.stop() }

    /**
     * Asks for [count] replies to [text] and keeps the one that the reward model prefers,
     * [BestOf.reply]. A handful is enough: many drafts find what fools the model.
     * Cancelling the calling coroutine stops them all, and none joins the history.
     *
     * @throws PocketuneException as the flow of [send], and as [reward];
     * [PocketuneException.InvalidArgument] for a count of 0 or above 64, or above 1 where
     * sampling is greedy
     */
    @JvmOverloads
    public suspend fun sendBestOf(
        text: String,
        count: Int,
        model: RewardModel,
        options: GenerationOptions = GenerationOptions(),
    ): BestOf {
        val native = options.toNative()
        val drafts = count.unsigned("count")
        return handle.call { chat -> model.handle.call { chat.sendBestOf(text, drafts, it, native, null) } }.toPublic()
    }

    /**
     * Scores the last reply of the history. Right after it, with no adapter active, that
     * costs one token or two.
     *
     * @throws PocketuneException.NotNow when there is no reply
     * @throws PocketuneException.InvalidArgument where the head is another model's
     * @throws PocketuneException.ContextFull when the conversation no longer fits
     * @throws PocketuneException.Closed after [close]
     */
    public suspend fun reward(model: RewardModel): RewardScore =
        handle.call { chat -> model.handle.call { chat.reward(it, null) } }.toPublic()

    /**
     * Replaces the history, such as after an edit. The part of the cache that still
     * fits is reused. A reply that is being generated will not join it. Replies of the
     * history before that are among the turns, word for word and with their ids, keep
     * these; other turns have none.
     *
     * @throws PocketuneException.InvalidArgument when the turns do not alternate,
     * user first
     */
    public fun replaceHistory(turns: List<Message>): Unit = handle.call { it.replaceHistory(turns.map { turn -> turn.toNative() }) }

    /**
     * Writes history and cache to the file at [path], to go on later without reading the
     * conversation again. At any moment the file is the old or the new one.
     *
     * The file holds the conversation: keep it where only the app can read it.
     *
     * @throws PocketuneException.StorageFailed when it cannot be written
     * @throws PocketuneException.Closed after [close]
     */
    public suspend fun save(path: File): Unit = handle.call { it.save(path.path) }

    /**
     * Replaces history and cache by those in the file at [path]. The cache is used only as
     * far as its tokens are those of the history; otherwise the history is read again at
     * the next turn.
     *
     * @throws PocketuneException.StateMismatch when it is damaged or belongs to
     * another model, version or KV cache type; the chat is then as it was
     * @throws PocketuneException.StorageFailed when it cannot be read
     * @throws PocketuneException.Closed after [close]
     */
    public suspend fun restore(path: File): Unit = handle.call { it.restore(path.path) }

    /** Frees the chat's cache. A reply that is being streamed comes to its end. */
    override fun close(): Unit = handle.close()
}
