package dev.pocketune

import kotlinx.coroutines.flow.Flow
import dev.pocketune.ffi.SideBySideChat as NativeSideBySideChat

/**
 * A conversation in which both arms of an [Experiment] answer and the user picks;
 * [Experiment.sideBySide] starts one.
 *
 * [ask] or [stream], show both replies, [pick]: the conversation goes on from the reply that
 * was picked. Which arm gave which reply is not said, so that nobody can be swayed by it.
 * Thread-safe. [close] frees both caches.
 */
public class SideBySideChat internal constructor(
    native: NativeSideBySideChat,
) : AutoCloseable {
    private val handle = Handle(native)

    /** The turns so far, without the system prompt. */
    public val history: List<Message> get() = handle.call { it.history() }.map { it.toPublic() }

    /**
     * Asks both arms, one after the other, and returns both replies. Cancelling the
     * calling coroutine stops both. Where no pick followed the question before, the
     * incumbent's reply to it counts as what was said. Where it fails or is cancelled,
     * nothing was said or written down, and the question before is still open.
     *
     * @throws PocketuneException as the flow of [Chat.send], and as [Experiment.assign]
     */
    @JvmOverloads
    public suspend fun ask(
        text: String,
        options: GenerationOptions = GenerationOptions(),
    ): Asked = handle.call { it.ask(text, options.toNative(), null) }.toPublic()

    /**
     * As [ask], with both replies as they are generated: the one that is to be shown first
     * comes first. The flow is cold: each collection asks once, when it starts. It ends with
     * [AskedPart.Done].
     */
    @JvmOverloads
    public fun stream(
        text: String,
        options: GenerationOptions = GenerationOptions(),
    ): Flow<AskedPart> = askedFlow { handle.call { it.stream(text, options.toNative()) } }

    /**
     * Writes down what the user picked, and goes on from there; from the incumbent's
     * reply where neither is better.
     *
     * @throws PocketuneException.NotNow where nothing waits for a pick, while a question
     * is being answered, and where the experiment was ended meanwhile
     * @throws PocketuneException.InvalidArgument where the pick was recorded before
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun pick(choice: Choice): Unit = handle.call { it.pick(choice.toNative()) }

    /** Frees both arms' caches. */
    override fun close(): Unit = handle.close()
}

/** What came of a question to a [SideBySideChat]. */
public sealed interface Asked {
    /**
     * It takes no part in the experiment: there is one reply, and nothing to pick.
     *
     * @property reply the reply, which has joined the history
     */
    public data class One(
        val reply: Reply,
    ) : Asked

    /**
     * Two replies to show in this order; then [SideBySideChat.pick].
     *
     * @property unit the question's unit in the experiment
     * @property first to be shown first, or on the left
     * @property second to be shown second
     */
    public data class Two(
        val unit: String,
        val first: Reply,
        val second: Reply,
    ) : Asked
}

/** A part of what comes of a question to a [SideBySideChat], as it is generated. */
public sealed interface AskedPart {
    /**
     * The next piece of the reply that is to be shown first, or of the only one.
     *
     * @property text the piece: whole characters, never a part of a stop string
     */
    public data class First(
        val text: String,
    ) : AskedPart

    /**
     * The next piece of the reply that is to be shown second.
     *
     * @property text the piece
     */
    public data class Second(
        val text: String,
    ) : AskedPart

    /**
     * The end; nothing follows.
     *
     * @property asked what came of the question
     */
    public data class Done(
        val asked: Asked,
    ) : AskedPart
}

/** Which of two replies the user picked, in the order in which they were shown. */
public enum class Choice {
    /** The reply that was shown first. */
    FIRST,

    /** The reply that was shown second. */
    SECOND,

    /** Neither is better. */
    NEITHER,
}
