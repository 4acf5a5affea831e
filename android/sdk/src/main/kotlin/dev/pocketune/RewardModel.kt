package dev.pocketune

import dev.pocketune.ffi.RewardModel as NativeRewardModel

/**
 * A small head over the model's hidden state that scores replies.
 *
 * It judges the model as it is, whatever adapters are active: an adapter does not move
 * its judge. Thread-safe. [close] it before its engine.
 */
public class RewardModel internal constructor(
    native: NativeRewardModel,
) : AutoCloseable {
    internal val handle = Handle(native)

    /**
     * Scores [reply] after [prompt]. Cancelling the calling coroutine stops it. For the
     * last reply of a chat, [Chat.reward] costs next to nothing.
     *
     * @throws PocketuneException as [Engine.score]
     */
    public suspend fun score(
        prompt: Prompt,
        reply: String,
    ): RewardScore = handle.call { it.score(prompt.toNative(), reply, null) }

    /** Frees the head. */
    override fun close(): Unit = handle.close()

    /** Reads heads. */
    public companion object {
        /**
         * Reads the [head] of a file that ships with the app, for the model of [engine].
         * The first time it reads all of the model's weights: about a second a gigabyte.
         *
         * @throws PocketuneException.InvalidArgument for bytes that are no head, or that
         * of another model
         * @throws PocketuneException.ModelUnreadable when the model's file can no longer
         * be read
         */
        public suspend fun read(
            engine: Engine,
            head: ByteArray,
        ): RewardModel = RewardModel(engine.handle.call { NativeRewardModel.read(it, head) })
    }
}

/** The reply that joined the history. */
public val BestOf.reply: Reply get() = drafts[best.toInt()].reply
