package dev.pocketune

/**
 * Why a call failed. There is one subclass for each thing an app may do about it.
 *
 * Messages are for logs and developers. They contain no prompt, reply or path.
 */
public sealed class PocketuneException(
    message: String,
) : Exception(message) {
    /**
     * The model file is missing, unreadable or no regular file: fetch it again or
     * ask for permission.
     *
     * @property reason what went wrong
     */
    public class ModelUnreadable(
        public val reason: String,
    ) : PocketuneException("the model cannot be read: $reason")

    /**
     * The file is damaged or no model: delete it and fetch it again.
     *
     * @property reason what is wrong with it
     */
    public class ModelInvalid(
        public val reason: String,
    ) : PocketuneException("the model is invalid: $reason")

    /**
     * A model that this version cannot run: offer another one.
     *
     * @property architecture the file's architecture
     */
    public class ModelUnsupported(
        public val architecture: String,
    ) : PocketuneException("models of architecture $architecture are not supported")

    /**
     * Not enough memory: use a shorter context or a smaller model, or free memory.
     *
     * @property requiredBytes what is needed; 0 when an allocation failed unexpectedly
     * @property availableBytes what is free; 0 when unknown
     */
    public class OutOfMemory(
        public val requiredBytes: ULong,
        public val availableBytes: ULong,
    ) : PocketuneException("$requiredBytes bytes of memory are needed, $availableBytes are free")

    /** The model cannot chat by itself: use a completion, or name a template. */
    public class NoChatTemplate : PocketuneException("the model has no chat template")

    /**
     * The conversation does not fit: start a new one, shorten it, or drop turns.
     *
     * @property promptTokens tokens of the prompt
     * @property contextTokens tokens that the context holds, one of which the reply needs
     */
    public class ContextFull(
        public val promptTokens: ULong,
        public val contextTokens: ULong,
    ) : PocketuneException("$promptTokens tokens do not fit a context of $contextTokens")

    /**
     * A mistake in the call: an option out of range, a grammar or template that
     * does not work, a history that does not alternate.
     *
     * @property option the option or argument
     * @property reason what is wrong and what is allowed
     */
    public class InvalidArgument(
        public val option: String,
        public val reason: String,
    ) : PocketuneException("$option: $reason")

    /**
     * Nothing to do it with at present, such as no reply to ask for again: offer it
     * later.
     *
     * @property reason what is missing
     */
    public class NotNow(
        public val reason: String,
    ) : PocketuneException("not now: $reason")

    /**
     * Whoever holds the device has not agreed to it: ask, then [Reviews.setConsent].
     *
     * @property consent what consent is needed
     */
    public class ConsentMissing(
        public val consent: ReviewConsent,
    ) : PocketuneException("there is no consent")

    /**
     * A saved chat of another model or version, or a damaged one: start afresh.
     *
     * @property reason what differs
     */
    public class StateMismatch(
        public val reason: String,
    ) : PocketuneException("the saved chat does not fit: $reason")

    /**
     * The progress callback asked to stop. A cancelled coroutine sees its own
     * `CancellationException` instead.
     */
    public class Cancelled : PocketuneException("cancelled")

    /** The engine or the chat was closed: load or start it again. */
    public class Closed : PocketuneException("closed")

    /**
     * A file other than the model could not be read or written: check storage.
     *
     * @property reason what went wrong
     */
    public class StorageFailed(
        public val reason: String,
    ) : PocketuneException("storage failed: $reason")

    /**
     * A failure of the library itself: report it.
     *
     * @property reason what went wrong
     */
    public class Internal(
        public val reason: String,
    ) : PocketuneException("internal failure: $reason")
}
