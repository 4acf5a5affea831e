package dev.pocketune

import java.time.Instant
import dev.pocketune.ffi.Reviews as NativeReviews

/**
 * The replies of a [Store] that the critics leave to a person.
 *
 * They stay on the device. Nothing is kept before the user agrees to it
 * ([Store.setConsent]); only what was marked for sharing, under a consent of its own, is
 * handed out, and only to the app, by [export]. Thread-safe.
 */
public class Reviews internal constructor(
    native: NativeReviews,
) {
    internal val handle = Handle(native)

    /**
     * Lets the critics look at a reply, and keeps it where they leave it to a person.
     * Returns its id then, and null for what passes or certainly fails.
     *
     * @throws PocketuneException.ConsentMissing without the consent to keep it
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    @JvmOverloads
    public suspend fun offer(
        prompt: String,
        reply: String,
        stopReason: StopReason = StopReason.END_OF_TURN,
        systemPrompt: String? = null,
    ): String? = handle.call { it.offer(systemPrompt, prompt, reply, stopReason.toNative()) }

    /**
     * All replies that were kept, the earliest first: at most 1,000, of which the earliest
     * go that are neither marked nor labelled.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun list(): List<DoubtfulReply> = handle.call { it.list() }.map { it.toPublic() }

    /**
     * Marks a reply for sharing, or takes that back.
     *
     * @throws PocketuneException.ConsentMissing without the consent to share
     * @throws PocketuneException.InvalidArgument for an unknown id
     */
    @JvmOverloads
    public suspend fun share(
        id: String,
        shared: Boolean = true,
    ): Unit = handle.call { it.share(id, shared) }

    /**
     * Removes a reply.
     *
     * @throws PocketuneException.InvalidArgument for an unknown id
     */
    public suspend fun forget(id: String): Unit = handle.call { it.forget(id) }

    /**
     * The replies that are marked for sharing, as lines of JSON. Sends nothing anywhere.
     *
     * @throws PocketuneException.ConsentMissing without the consent to share
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun export(): String = handle.call { it.export() }

    /**
     * Takes in what people said, all [lines] of JSON or none: `id`, `annotator` and
     * `label` (`pass` or `fail`). Returns how many lines there were.
     *
     * @throws PocketuneException.InvalidArgument for a line that is no label, an unknown
     * id, or an annotator who said something else before
     */
    public suspend fun importLabels(lines: String): Long = handle.call { it.importLabels(lines) }.capped()
}

/**
 * A reply that waits for a person, or has been looked at.
 *
 * @property id its id
 * @property keptAt when it was kept
 * @property systemPrompt the system prompt; null where there was none
 * @property prompt what was asked
 * @property reply what was answered
 * @property score from 0 to 1, by all critics together
 * @property objections what the critics object
 * @property shared whether it is marked for sharing
 * @property exportedAt when it was last handed out; null where it never was
 * @property labels what people said, in the order of their names
 */
public data class DoubtfulReply(
    val id: String,
    val keptAt: Instant,
    val systemPrompt: String?,
    val prompt: String,
    val reply: String,
    val score: Double,
    val objections: List<Objection>,
    val shared: Boolean,
    val exportedAt: Instant?,
    val labels: List<ReviewLabel>,
)

/**
 * What one person said of a reply.
 *
 * @property annotator who
 * @property label `pass` or `fail`
 */
public data class ReviewLabel(
    val annotator: String,
    val label: String,
)
