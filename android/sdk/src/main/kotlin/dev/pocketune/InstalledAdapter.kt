package dev.pocketune

import java.time.Instant

/**
 * An installed adapter.
 *
 * @property sha256 its digest, in hexadecimal digits
 * @property name its name
 * @property channel releases of one channel replace each other
 * @property version place in the channel's order
 * @property sizeBytes length of its file
 * @property madeHere whether this device made it
 * @property installedAt when it was installed
 */
public data class InstalledAdapter(
    val sha256: String,
    val name: String,
    val channel: String,
    val version: Long,
    val sizeBytes: Long,
    val madeHere: Boolean,
    val installedAt: Instant,
)

/**
 * An accepted adapter, for those who decide about it.
 *
 * @property sha256 its digest, in hexadecimal digits
 * @property name its name
 * @property channel releases of one channel replace each other
 * @property version place in the channel's order
 * @property sizeBytes length of its file
 * @property changelog what changes, in plain words
 * @property objective what training made likelier
 * @property dataSummary what it was made from
 * @property createdAt when it was made
 * @property expiresAt from when on it no longer counts
 * @property signers names of the keys that released it
 * @property validators names of the keys that vouch for its validation
 * @property measurements what validation measured
 * @property madeHere whether this device made it
 * @property replaces the newest one of its channel that is installed
 */
public data class AdapterSummary(
    val sha256: String,
    val name: String,
    val channel: String,
    val version: Long,
    val sizeBytes: Long,
    val changelog: String,
    val objective: String,
    val dataSummary: String,
    val createdAt: Instant,
    val expiresAt: Instant,
    val signers: List<String>,
    val validators: List<String>,
    val measurements: List<AdapterMeasurement>,
    val madeHere: Boolean,
    val replaces: InstalledAdapter?,
)

/**
 * One figure of a validation.
 *
 * @property suite the suite's name, as the validator calls it
 * @property metric what was measured
 * @property value with the adapter
 * @property baseline without it
 */
public data class AdapterMeasurement(
    val suite: String,
    val metric: String,
    val value: Double,
    val baseline: Double?,
)

/**
 * One line of an app's history of adapters.
 *
 * @property at when, by the device's clock
 * @property action what
 * @property sha256 of which adapter, in hexadecimal digits
 * @property name its name
 * @property channel its channel
 * @property version its version
 * @property signers names of the keys that had signed it
 * @property reason why not, as a stable name in snake case
 * @property detail more, in words
 */
public data class HistoryEntry(
    val at: Instant,
    val action: HistoryAction,
    val sha256: String?,
    val name: String?,
    val channel: String?,
    val version: Long?,
    val signers: List<String>,
    val reason: String?,
    val detail: String,
)

/** What was done with adapters, or not done. */
public enum class HistoryAction {
    /** A policy came with the app. */
    POLICY_PINNED,

    /** The policy's own signers replaced it. */
    POLICY_ROTATED,

    /** An adapter was installed. */
    INSTALLED,

    /** A reward head, a suite or an experiment was accepted. */
    ACCEPTED,

    /** An adapter, or what else was delivered, was not accepted. */
    REFUSED,

    /** Adapters became active. */
    ACTIVATED,

    /** The model answers as it is again. */
    DEACTIVATED,

    /** What was active before is active again. */
    ROLLED_BACK,

    /** An adapter was removed. */
    REMOVED,

    /** A clock behind the latest time seen was declared right. */
    CLOCK_TRUSTED,
}
