package dev.pocketune

import java.io.File
import dev.pocketune.ffi.Experiments as NativeExperiments

/** The experiments of a [Store]. Thread-safe; suspending functions never block the calling thread. */
public class Experiments internal constructor(
    native: NativeExperiments,
) {
    internal val handle = Handle(native)

    /**
     * Starts an experiment that the app defines, or goes on with it. The adapters of both
     * arms must be installed.
     *
     * @throws PocketuneException.InvalidArgument for a definition that cannot be, or an
     * adapter that is not installed
     * @throws PocketuneException.StorageFailed when the store cannot be written
     */
    public suspend fun start(definition: ExperimentDefinition): Experiment = Experiment(handle.call { it.start(definition.toNative()) })

    /**
     * Starts an experiment that was delivered, or goes on with it: its definition is
     * verified with the attestations beside it.
     *
     * @param path the definition's file; the attestations are in `<path>.intoto.jsonl`
     * @throws PocketuneException.InvalidArgument as [start], and with the refusal for what
     * the policy does not accept
     * @throws PocketuneException.NotNow without an engine
     * @throws PocketuneException.StorageFailed when a file cannot be read, or the store
     * written
     */
    public suspend fun startDelivered(path: File): Experiment = Experiment(handle.call { it.startDelivered(path.path) })

    /**
     * All experiments that were started and not forgotten, the earliest first; also those
     * that have [ended][Experiment.ended], and without [damaged] ones.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun all(): List<Experiment> = handle.call { it.all() }.map(::Experiment)

    /**
     * Experiments that cannot be read: damaged, or started by a newer version of the app.
     * [forget] removes them.
     *
     * @throws PocketuneException.StorageFailed when the store is damaged
     */
    public suspend fun damaged(): List<DamagedExperiment> = handle.call { it.damaged() }.map { it.toPublic() }

    /**
     * Removes an experiment with all that was recorded in it.
     *
     * @param sha256 [Experiment.sha256]
     * @throws PocketuneException.InvalidArgument for one that was not started
     */
    public suspend fun forget(sha256: String): Unit = handle.call { it.forget(sha256) }
}

/**
 * An experiment that cannot be read.
 *
 * @property sha256 its name, with which it can be forgotten
 * @property reason what is wrong with it
 */
public data class DamagedExperiment(
    val sha256: String,
    val reason: String,
)
