package dev.pocketune

/**
 * Why a call failed. There is one subclass for each thing an app may do about it.
 *
 * Messages are for logs and developers. They contain no prompt, reply or path. What the app
 * itself cancelled fails with a [java.util.concurrent.CancellationException] instead. An
 * unchecked exception, so that Java may catch it anywhere.
 */
public sealed class PocketuneException(
    message: String,
) : RuntimeException(message) {
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
     * A sound model that this version cannot run: offer another one.
     *
     * @property architecture the file's architecture, where it is told
     * @property feature what of the model is not supported, such as `mixture of experts`;
     *   null where it is the architecture
     * @property reason the same in words
     */
    public class ModelUnsupported(
        public val architecture: String?,
        public val feature: String?,
        public val reason: String,
    ) : PocketuneException("the model is not supported: $reason")

    /**
     * Not enough memory: use a shorter context or a smaller model, or free memory.
     *
     * @property requiredBytes what is needed; 0 when an allocation failed unexpectedly
     * @property availableBytes what is free; 0 when unknown
     */
    public class OutOfMemory(
        public val requiredBytes: Long,
        public val availableBytes: Long,
    ) : PocketuneException("$requiredBytes bytes of memory are needed, $availableBytes are free")

    /**
     * The conversation does not fit: start a new one, shorten it, or drop turns.
     *
     * @property promptTokens tokens of the prompt
     * @property contextTokens tokens that the context holds, one of which the reply needs
     */
    public class ContextFull(
        public val promptTokens: Long,
        public val contextTokens: Long,
    ) : PocketuneException("$promptTokens tokens do not fit a context of $contextTokens")

    /**
     * A mistake in the call: an option out of range, a model without a chat template, a
     * grammar or template that does not work, a history that does not alternate, a file
     * that is not accepted.
     *
     * @property argument the argument or option
     * @property reason what is wrong and what is allowed
     * @property refusal why the verifier does not accept what was delivered; null for other
     *   mistakes
     */
    public class InvalidArgument(
        public val argument: String,
        public val reason: String,
        public val refusal: AdapterRefusal?,
    ) : PocketuneException("$argument: $reason")

    /**
     * Nothing to do it with at present, such as no reply to ask for again, or no engine:
     * offer it later.
     *
     * @property reason what is missing
     */
    public class NotNow(
        public val reason: String,
    ) : PocketuneException("not now: $reason")

    /**
     * The user has not agreed to it: ask, then [Store.setConsent].
     *
     * @property purpose what consent is needed
     */
    public class ConsentMissing(
        public val purpose: ConsentPurpose,
    ) : PocketuneException("there is no consent")

    /**
     * A saved chat of another model or version, or a damaged one: start afresh.
     *
     * @property reason what differs
     */
    public class StateMismatch(
        public val reason: String,
    ) : PocketuneException("the saved chat does not fit: $reason")

    /** The engine, the chat or the store was closed: load, start or open it again. */
    public class Closed : PocketuneException("closed")

    /**
     * A file other than the model could not be read or written: see [kind].
     *
     * @property kind what can be done about it
     * @property reason what went wrong
     */
    public class StorageFailed(
        public val kind: StorageFault,
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

/** What is wrong with storage. */
public enum class StorageFault {
    /** The disk is full: free space, and try again. */
    FULL,

    /** The folder or file may not be written. */
    READ_ONLY,

    /** Another process holds it: try again. */
    BUSY,

    /** A later version of the library wrote it: update the app. */
    NEWER,

    /** It is not what was written. */
    DAMAGED,

    /** The platform's keystore lost the key: what it encrypted cannot be read any more. */
    KEY_MISSING,

    /** The platform's keystore is locked until the user unlocks the device: try again then. */
    LOCKED,

    /** The file is missing, no regular file, or the system failed otherwise. */
    OTHER,
}
