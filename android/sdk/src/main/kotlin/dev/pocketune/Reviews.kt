package dev.pocketune

import dev.pocketune.ffi.Adapters as NativeAdapters

/**
 * Replies that the critics leave to a person, in the store of [Adapters].
 *
 * They stay on the device. Nothing is kept before somebody agrees to it
 * ([setConsent]); only what was marked for sharing, under a consent of its own, is
 * handed out, and only to the app, by [export]. Thread-safe.
 */
public class Reviews internal constructor(
    private val handle: Handle<NativeAdapters>,
) {
    /**
     * Gives a consent or takes it back. Taking back [ReviewConsent.KEEP] removes what was
     * kept, taking back [ReviewConsent.SHARE] every mark for sharing.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun setConsent(
        consent: ReviewConsent,
        given: Boolean,
    ): Unit = handle.call { it.setReviewConsent(consent, given) }

    /**
     * Whether a consent is given.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be read
     */
    public suspend fun hasConsent(consent: ReviewConsent): Boolean = handle.call { it.hasReviewConsent(consent) }

    /**
     * Lets the critics look at a reply, and keeps it where they leave it to a person.
     * Returns its id then, and null for what passes or certainly fails.
     *
     * @throws PocketuneException.ConsentMissing without the consent to keep it
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun offer(
        prompt: String,
        reply: String,
        stopReason: StopReason = StopReason.END_OF_TURN,
        systemPrompt: String? = null,
    ): String? = handle.call { it.offerForReview(systemPrompt, prompt, reply, stopReason) }

    /**
     * All replies that were kept, the earliest first: at most 1,000, of which the earliest
     * go that are neither marked nor labelled.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun list(): List<DoubtfulReply> = handle.call { it.reviews() }

    /**
     * Marks a reply for sharing, or takes that back.
     *
     * @throws PocketuneException.ConsentMissing without the consent to share
     * @throws PocketuneException.InvalidArgument for an unknown id
     */
    public suspend fun share(
        id: String,
        shared: Boolean = true,
    ): Unit = handle.call { it.shareReview(id, shared) }

    /**
     * Removes a reply.
     *
     * @throws PocketuneException.InvalidArgument for an unknown id
     */
    public suspend fun forget(id: String): Unit = handle.call { it.forgetReview(id) }

    /**
     * The replies that are marked for sharing, as lines of JSON. Sends nothing anywhere.
     *
     * @throws PocketuneException.ConsentMissing without the consent to share
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun export(): String = handle.call { it.exportReviews() }

    /**
     * Takes in what people said, all [lines] of JSON or none: `id`, `annotator` and
     * `label` (`pass` or `fail`). Returns how many lines there were.
     *
     * @throws PocketuneException.InvalidArgument for a line that is no label, an unknown
     * id, or an annotator who said something else before
     */
    public suspend fun importLabels(lines: String): ULong = handle.call { it.importReviewLabels(lines) }
}
