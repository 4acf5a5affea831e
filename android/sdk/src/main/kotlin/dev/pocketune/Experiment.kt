package dev.pocketune

import dev.pocketune.ffi.Experiment as NativeExperiment

/**
 * An A/B test on this device; [Experiments.start] starts one.
 *
 * Two arms are compared: the incumbent, which is in use, and the challenger. Each unit
 * (a conversation, or one question of a [SideBySideChat]) is assigned to an arm by its
 * name, what came of it is recorded, and the verdict may be asked for at any time: it is
 * valid at every look.
 *
 * What was recorded is on disk when a call returns. Thread-safe; suspending functions
 * never block the calling thread. [close] lets go of it; what was recorded stays.
 */
public class Experiment internal constructor(
    native: NativeExperiment,
) : AutoCloseable {
    private val handle = Handle(native)

    /** SHA-256 of the definition: its name in summaries, and for [Experiments.forget]. */
    public val sha256: String = native.sha256()

    /** What the definition calls it. */
    public val id: String = native.id()

    /**
     * The arm of [unit], always the same, also after a restart; null where it takes no
     * part. The first time it is written down as an exposure: call it where the unit is
     * about to see the arm.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be written, or the
     * experiment's ledger is damaged
     */
    public suspend fun assign(unit: String): Arm? = handle.call { it.assign(unit) }?.toPublic()

    /**
     * Writes down what came of [unit], once a measure; where the clock went back, as at
     * the time of the event before.
     *
     * @throws PocketuneException.InvalidArgument for a unit that was not assigned, a
     * second outcome, a measure that the experiment does not take, and a value that is no
     * number; then nothing was written
     * @throws PocketuneException.NotNow after the end
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun record(
        unit: String,
        measure: Measure,
        outcome: Outcome,
    ): Unit = handle.call { it.record(unit, measure.toNative(), outcome.toNative()) }

    /**
     * What is proven now. May be asked after every outcome, and changes nothing.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be read, or the
     * experiment's ledger is damaged
     */
    public suspend fun verdict(): Decision = handle.call { it.verdict() }.toPublic()

    /**
     * Does what the verdict says and ends the experiment, both or neither: a promotion
     * activates the challenger's adapters, anything else those of the incumbent. Where it
     * has ended before, returns the verdict and changes nothing.
     *
     * @throws PocketuneException.NotNow while nothing is proven, or without an engine
     * @throws PocketuneException.InvalidArgument where an adapter no longer passes
     * @throws PocketuneException.StorageFailed when the store cannot be written
     * @throws PocketuneException.Closed after the engine was closed
     */
    public suspend fun conclude(): Decision = handle.call { it.conclude() }.toPublic()

    /**
     * Ends it without a verdict: nothing more is recorded.
     *
     * @throws PocketuneException.NotNow when it has ended before
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun end(): Unit = handle.call { it.end() }

    /**
     * Whether it has ended, by [conclude] or [end].
     *
     * @throws PocketuneException.StorageFailed when the store cannot be read
     */
    public suspend fun ended(): Boolean = handle.call { it.ended() }

    /**
     * Counts alone, as JSON: neither units nor texts. `pocketune experiment` on a
     * workstation judges those of several devices, each as one person.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be read
     */
    public suspend fun summary(): String = handle.call { it.summary() }

    /**
     * All events as lines of JSON, with the units' names and without any text.
     *
     * @throws PocketuneException.StorageFailed when the store cannot be read
     */
    public suspend fun ledger(): String = handle.call { it.ledger() }

    /**
     * Starts a conversation under the arm of [unit], and writes the exposure down. Where
     * it takes no part, as after the end, the conversation is under whatever is active.
     *
     * @throws PocketuneException as [assign] and [Engine.chat];
     * [PocketuneException.InvalidArgument] for an experiment of the other design, or
     * where an adapter no longer passes; [PocketuneException.NotNow] without an engine
     */
    @JvmOverloads
    public suspend fun chat(
        unit: String,
        options: ChatOptions = ChatOptions(),
    ): ArmChat {
        val started = handle.call { it.chat(unit, options.toNative()) }
        return ArmChat(Chat(started.chat), started.arm?.toPublic())
    }

    /**
     * Starts a conversation in which both arms answer and the user picks, for an
     * experiment whose design is [ExperimentDesign.SIDE_BY_SIDE].
     *
     * @param reward scores both replies, where the experiment measures that
     * @throws PocketuneException.InvalidArgument for an experiment of the other design,
     * or where an adapter no longer passes
     * @throws PocketuneException as [Engine.chat]
     */
    @JvmOverloads
    public suspend fun sideBySide(
        options: ChatOptions = ChatOptions(),
        reward: RewardModel? = null,
    ): SideBySideChat {
        val native = options.toNative()
        return SideBySideChat(
            handle.call { experiment ->
                reward?.handle?.call { experiment.sideBySide(native, it) } ?: experiment.sideBySide(native, null)
            },
        )
    }

    /** Lets go of it. It goes on: [Experiments.all] returns it again. */
    override fun close(): Unit = handle.close()
}

/**
 * A conversation of an experiment in which one arm answers.
 *
 * @property chat the conversation
 * @property arm its arm; null where it takes no part
 */
public data class ArmChat(
    val chat: Chat,
    val arm: Arm?,
)

/** One of the two variants of an experiment. */
public enum class Arm {
    /** What is in use, and stays unless the other proves better. */
    INCUMBENT,

    /** What may take its place. */
    CHALLENGER,
}
