package dev.pocketune

import dev.pocketune.ffi.AdapterVerdict as NativeVerdict
import dev.pocketune.ffi.Adapters as NativeAdapters

/**
 * An app's signed adapters: what its store keeps, and its engine computes under.
 *
 * An adapter changes replies only if the trust policy lets it pass: [review] a delivery,
 * [install] it, [activate] it; [rollBack] leads to what was active before. Chats
 * compute under other adapters from their next turn on, and the model stays loaded.
 *
 * Thread-safe. Suspending functions never block the calling thread. [close] it before
 * its engine.
 */
public class Adapters private constructor(
    native: NativeAdapters,
) : AutoCloseable {
    private val handle = Handle(native)

    /** Replies that the critics leave to a person. */
    public val reviews: Reviews = Reviews(handle)

    /**
     * Makes [policy] the trust policy where there is none, or an older one: the one that
     * ships with the app. Call it at each start. Returns the version in force.
     *
     * @throws PocketuneException.InvalidArgument for what is no sound policy
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun pinPolicy(policy: ByteArray): ULong = handle.call { it.pinPolicy(policy) }

    /**
     * Replaces the policy by the next one, which the root keys of both have signed. Call
     * [apply] after it. Returns the version in force.
     *
     * @throws PocketuneException.InvalidArgument for what is not the next policy
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun rotatePolicy(policy: ByteArray): ULong = handle.call { it.rotatePolicy(policy) }

    /**
     * Verifies what is active and lets the engine compute under it: at each start, and
     * after a rotation. Where one is refused the model answers as it is. Returns why.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     * @throws PocketuneException.Closed after the engine was closed
     */
    public suspend fun apply(): List<RefusedAdapter> = handle.call { it.apply() }

    /**
     * Verifies the adapter at [path] with the attestations beside it
     * (`<path>.intoto.jsonl`). Changes nothing but the history.
     *
     * @throws PocketuneException.InvalidArgument without a policy
     * @throws PocketuneException.StorageFailed when a file cannot be read
     */
    public suspend fun review(path: String): AdapterVerdict = handle.call { it.review(path) }.toPublic()

    /**
     * Verifies and keeps the adapter at [path]. It changes no reply before it is active.
     *
     * @throws PocketuneException as [review]
     */
    public suspend fun install(path: String): AdapterVerdict = handle.call { it.install(path) }.toPublic()

    /**
     * Lets replies be changed by these installed adapters, in place of those before. Each may
     * be there once, and together they change no matrix by more than the policy allows one.
     * Returns why not, where one no longer passes or they are no such set; what was active then
     * stays so.
     *
     * @throws PocketuneException.InvalidArgument for what is not installed, and for a scale that
     *   is not between 0 and 1
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun activate(adapters: List<AdapterChoice>): AdapterRefusal? = handle.call { it.activate(adapters) }

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
     * @throws PocketuneException.NotNow when nothing ever was active
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun rollBack(): List<AdapterChoice> = handle.call { it.rollBack() }

    /**
     * All installed adapters, by channel and version.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun installed(): List<InstalledAdapter> = handle.call { it.installed() }

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
    public suspend fun history(limit: UInt = 100u): List<HistoryEntry> = handle.call { it.history(limit) }

    /**
     * How many seconds the clock is behind the latest time that the store has seen. What
     * expired in between stays so until [trustClock].
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun clockBehindSeconds(): ULong = handle.call { it.clockBehindS() }

    /**
     * Trusts the device's clock again: call it when the user says that the clock is right.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun trustClock(): Unit = handle.call { it.trustClock() }

    /**
     * Starts an experiment that the app defines, or goes on with it. The adapters of both
     * arms must be installed.
     *
     * @param definition JSON: what is compared, measured and waited for, as in the README
     * @throws PocketuneException.InvalidArgument for a definition that cannot be, or an
     * adapter that is not installed
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun startExperiment(definition: String): Experiment = Experiment(handle.call { it.startExperiment(definition) })

    /**
     * Starts an experiment that was delivered, or goes on with it: its definition is
     * verified with the attestations beside it.
     *
     * @param path the definition's file; the attestations are in `<path>.intoto.jsonl`
     * @throws PocketuneException.InvalidArgument as [startExperiment], and for what the
     * policy does not accept
     * @throws PocketuneException.StorageFailed when a file cannot be read, or the store
     * written
     */
    public suspend fun startDeliveredExperiment(path: String): Experiment = Experiment(handle.call { it.startDeliveredExperiment(path) })

    /**
     * A reward model that was delivered: its head is verified with the attestations beside
     * it, at each start.
     *
     * @param path the head's file; the attestations are in `<path>.intoto.jsonl`
     * @throws PocketuneException.InvalidArgument for what the policy does not accept, or a
     * head of another model
     * @throws PocketuneException.StorageFailed when a file cannot be read
     */
    public suspend fun rewardModel(path: String): RewardModel = RewardModel(handle.call { it.rewardModel(path) })

    /**
     * All experiments that were started and not forgotten, the earliest first; also those
     * that have [ended][Experiment.ended], and without [damagedExperiments].
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun experiments(): List<Experiment> = handle.call { it.experiments() }.map(::Experiment)

    /**
     * Experiments that cannot be read: damaged, or started by a newer version of the app.
     * [forgetExperiment] removes them.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun damagedExperiments(): List<DamagedExperiment> = handle.call { it.damagedExperiments() }

    /**
     * Removes an experiment with all that was recorded in it.
     *
     * @param sha256 [Experiment.sha256]
     * @throws PocketuneException.InvalidArgument for one that was not started
     */
    public suspend fun forgetExperiment(sha256: String): Unit = handle.call { it.forgetExperiment(sha256) }

    /** Lets go of the store. Adapters that are in use stay so. */
    override fun close(): Unit = handle.close { }

    /** Opens stores. */
    public companion object {
        /**
         * Opens the store in [directory], made where it is missing, for the engine's
         * model. The first time it reads all of the model's weights: about a second a
         * gigabyte.
         *
         * @param deviceKey the 32 bytes of this device's own public key, if it makes
         * adapters for itself
         * @throws PocketuneException.StorageFailed when the directory cannot be used
         * @throws PocketuneException.InvalidArgument for bytes that are no key
         */
        public suspend fun open(
            engine: Engine,
            directory: String,
            deviceKey: ByteArray? = null,
        ): Adapters = Adapters(engine.handle.call { NativeAdapters.open(it, directory, deviceKey) })
    }
}

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

private fun NativeVerdict.toPublic(): AdapterVerdict =
    when (this) {
        is NativeVerdict.Accepted -> AdapterVerdict.Accepted(adapter)
        is NativeVerdict.Refused -> AdapterVerdict.Refused(refusal)
    }
