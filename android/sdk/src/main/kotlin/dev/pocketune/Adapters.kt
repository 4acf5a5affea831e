package dev.pocketune

import java.io.File
import dev.pocketune.ffi.Adapters as NativeAdapters

/**
 * The signed adapters of a [Store]: what it keeps, and its engine computes under.
 *
 * An adapter changes replies only if the trust policy lets it pass: [verify] a delivery,
 * [install] it, [activate] it; [rollBack] leads to what was active before. Chats
 * compute under other adapters from their next turn on, and the model stays loaded.
 *
 * Thread-safe. Suspending functions never block the calling thread.
 */
public class Adapters internal constructor(
    native: NativeAdapters,
) {
    internal val handle = Handle(native)

    /**
     * Verifies what is active and lets the engine compute under it: at each start, and
     * after a rotation. Where one is refused the model answers as it is. Returns why.
     *
     * @throws PocketuneException.NotNow without an engine
     * @throws PocketuneException.StorageFailed when the store is damaged
     * @throws PocketuneException.Closed after the engine was closed
     */
    public suspend fun apply(): List<RefusedAdapter> = handle.call { it.apply() }.map { it.toPublic() }

    /**
     * Verifies the adapter at [path] with the attestations beside it
     * (`<path>.intoto.jsonl`). Changes nothing but the history.
     *
     * @throws PocketuneException.NotNow without an engine
     * @throws PocketuneException.InvalidArgument without a policy
     * @throws PocketuneException.StorageFailed when a file cannot be read
     */
    public suspend fun verify(path: File): AdapterVerdict = handle.call { it.verify(path.path) }.toPublic()

    /**
     * Verifies and keeps the adapter at [path]. It changes no reply before it is active.
     *
     * @throws PocketuneException as [verify]
     */
    public suspend fun install(path: File): AdapterVerdict = handle.call { it.install(path.path) }.toPublic()

    /**
     * Lets replies be changed by these installed adapters, in place of those before. Each may
     * be there once, and together they change no matrix by more than the policy allows one.
     * Returns why not, where one no longer passes or they are no such set; what was active then
     * stays so.
     *
     * @throws PocketuneException.InvalidArgument for what is not installed, and for a scale that
     *   is not between 0 and 1
     * @throws PocketuneException.NotNow without an engine
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun activate(adapters: List<AdapterChoice>): AdapterRefusal? =
        handle.call { native -> native.activate(adapters.map { it.toNative() }) }?.toPublic()

    /**
     * Lets the model answer as it is. What was active stays installed.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun deactivate(): Unit = handle.call { it.deactivate() }

    /**
     * Goes back to what was active before, and returns it: nothing, where that is the
     * model as it is.
     *
     * @throws PocketuneException.NotNow when nothing ever was active, or without an engine
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun rollBack(): List<AdapterChoice> = handle.call { it.rollBack() }.map { it.toPublic() }

    /**
     * All installed adapters, by channel and version.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun installed(): List<InstalledAdapter> = handle.call { it.installed() }.map { it.toPublic() }

    /**
     * Removes an adapter that is not active.
     *
     * @throws PocketuneException.NotNow for one that is active
     * @throws PocketuneException.InvalidArgument for one that is not installed
     */
    public suspend fun remove(sha256: String): Unit = handle.call { it.remove(sha256) }

    /**
     * What happened, the latest first, at most [limit] entries.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    @JvmOverloads
    public suspend fun history(limit: Int = 100): List<HistoryEntry> {
        val most = limit.unsigned("limit")
        return handle.call { it.history(most) }.map { it.toPublic() }
    }
}

/**
 * An adapter with the scale of its change.
 *
 * @property sha256 its digest, in hexadecimal digits
 * @property scale factor on its change, 0 to 1: 1 for all of it
 */
public data class AdapterChoice
    @JvmOverloads
    constructor(
        val sha256: String,
        val scale: Float = 1f,
    )

/** The verifier's word on a delivery. */
public sealed interface AdapterVerdict {
    /**
     * It passes.
     *
     * @property adapter what it is
     */
    public data class Accepted(
        val adapter: AdapterSummary,
    ) : AdapterVerdict

    /**
     * It does not.
     *
     * @property refusal why
     */
    public data class Refused(
        val refusal: AdapterRefusal,
    ) : AdapterVerdict
}
