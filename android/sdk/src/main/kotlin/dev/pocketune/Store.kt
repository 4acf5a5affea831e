package dev.pocketune

import java.io.File
import java.time.Duration
import dev.pocketune.ffi.Store as NativeStore

/**
 * Everything of an app that lasts: the trust policy, adapters, experiments, replies for
 * review, consents.
 *
 * Opened with an [Engine] it owns it: [close] closes the engine too. Without one it still
 * lists, exports, forgets and removes; what needs the model fails with
 * [PocketuneException.NotNow]. Thread-safe. Suspending functions never block the calling
 * thread.
 */
public class Store private constructor(
    native: NativeStore,
    /** The engine that the store was opened with. */
    public val engine: Engine?,
) : AutoCloseable {
    private val handle = Handle(native)

    /** Signed adapters. */
    public val adapters: Adapters = Adapters(native.adapters())

    /** A/B tests on this device. */
    public val experiments: Experiments = Experiments(native.experiments())

    /** Replies that the critics leave to a person. */
    public val reviews: Reviews = Reviews(native.reviews())

    /** Reward models that are delivered. */
    public val rewardModels: RewardModels = RewardModels(native.rewardModels())

    /**
     * Makes [policy] the trust policy where there is none, or an older one: the one that
     * ships with the app. Call it at each start. Returns the version in force.
     *
     * @throws PocketuneException.InvalidArgument for what is no sound policy
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun pinPolicy(policy: ByteArray): Long = handle.call { it.pinPolicy(policy) }.capped()

    /**
     * Replaces the policy by the next one, which the root keys of both have signed. Call
     * [Adapters.apply] after it. Returns the version in force.
     *
     * @throws PocketuneException.InvalidArgument for what is not the next policy
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun rotatePolicy(policy: ByteArray): Long = handle.call { it.rotatePolicy(policy) }.capped()

    /**
     * How far the clock is behind the latest time that the store has seen. What expired in
     * between stays so until [trustClock].
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun clockBehind(): Duration = handle.call { it.clockBehind() }

    /**
     * Trusts the device's clock again: call it when the user says that the clock is right.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun trustClock(): Unit = handle.call { it.trustClock() }

    /**
     * What the user has agreed to. Nothing, at first.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be read
     */
    public suspend fun consents(): Set<@JvmSuppressWildcards ConsentPurpose> = handle.call { it.consents() }.map { it.toPublic() }.toSet()

    /**
     * Gives a consent or takes it back. What rested on it is gone when this returns: taking
     * [ConsentPurpose.REVIEW] back removes what was kept for review, taking
     * [ConsentPurpose.REVIEW_SHARING] back every mark for sharing.
     *
     * @throws PocketuneException.NotNow for giving what nothing in this version uses
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun setConsent(
        purpose: ConsentPurpose,
        given: Boolean,
    ): Unit = handle.call { it.setConsent(purpose.toNative(), given) }

    /** Lets go of the store, and closes its [engine]. Blocks for some milliseconds. */
    override fun close() {
        handle.close { it.shutDown() }
        adapters.handle.close()
        experiments.handle.close()
        reviews.handle.close()
        rewardModels.handle.close()
        engine?.close()
    }

    /** Opens stores. */
    public companion object {
        /**
         * Opens the store in [directory], made where it is missing. With an [engine], the
         * first time it reads all of the model's weights: about a second a gigabyte. Where
         * this fails the engine stays open.
         *
         * @param engine the engine that the store owns from then on
         * @param deviceKey the 32 bytes of this device's own public key, if it makes
         * adapters for itself
         * @throws PocketuneException.StorageFailed when the directory cannot be used
         * @throws PocketuneException.InvalidArgument for bytes that are no key
         */
        @JvmStatic
        @JvmOverloads
        public suspend fun open(
            directory: File,
            engine: Engine? = null,
            deviceKey: ByteArray? = null,
        ): Store {
            val native =
                when (engine) {
                    null -> translating { NativeStore.open(directory.path, null, deviceKey) }
                    else -> engine.handle.call { NativeStore.open(directory.path, it, deviceKey) }
                }
            return Store(native, engine)
        }
    }
}

/** What a consent is for. Nothing is given by default. */
public enum class ConsentPurpose {
    /** To keep replies that critics are in doubt about, for a person to look at. */
    REVIEW,

    /** To hand out those that were marked for sharing. */
    REVIEW_SHARING,

    /** To learn from the user's feedback on this device. Nothing in this version uses it. */
    LEARN,

    /** To keep examples after the tuning run that used them. Nothing in this version uses it. */
    KEEP_EXAMPLES,

    /** To share counts without any text. Nothing in this version uses it. */
    SHARE_COUNTS,

    /** To share clipped and noised updates. Nothing in this version uses it. */
    SHARE_UPDATES,
}
