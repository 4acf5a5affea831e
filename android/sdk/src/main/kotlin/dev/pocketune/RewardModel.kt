package dev.pocketune

import java.io.File
import dev.pocketune.ffi.RewardModel as NativeRewardModel
import dev.pocketune.ffi.RewardModels as NativeRewardModels

/** The reward models of a [Store]. Thread-safe. */
public class RewardModels internal constructor(
    native: NativeRewardModels,
) {
    internal val handle = Handle(native)

    /**
     * A reward model that was delivered: its head is verified with the attestations beside
     * it, at each start.
     *
     * @param path the head's file; the attestations are in `<path>.intoto.jsonl`
     * @throws PocketuneException.InvalidArgument with the refusal for what the policy does
     * not accept, and for a head of another model
     * @throws PocketuneException.NotNow without an engine
     * @throws PocketuneException.StorageFailed when a file cannot be read
     */
    public suspend fun open(path: File): RewardModel = RewardModel(handle.call { it.open(path.path) })
}

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
    ): RewardScore = handle.call { it.score(prompt.toNative(), reply, null) }.toPublic()

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
        @JvmStatic
        public suspend fun read(
            engine: Engine,
            head: ByteArray,
        ): RewardModel = RewardModel(engine.handle.call { NativeRewardModel.read(it, head) })
    }
}

/**
 * What a reward model says of one reply.
 *
 * @property reward standard deviations from the mean of the replies that it was trained on,
 *   within ±3
 * @property quality the calibrated probability that it is preferred to a reply of mean score
 * @property computedTokens tokens that had to be computed for it
 */
public data class RewardScore(
    val reward: Double,
    val quality: Double,
    val computedTokens: Long,
)

/**
 * Several replies to the same message, and which of them was kept.
 *
 * @property drafts in the order in which they were generated; at least one
 * @property best which of them joined the history
 */
public data class BestOf(
    val drafts: List<Draft>,
    val best: Int,
) {
    /** The reply that joined the history. */
    public val reply: Reply get() = drafts[best].reply
}

/**
 * One of several replies to the same message.
 *
 * @property reply the reply
 * @property score null for a reply that is empty or fills the context
 */
public data class Draft(
    val reply: Reply,
    val score: RewardScore?,
)
