package dev.pocketune

import dev.pocketune.ffi.criticize as nativeCriticize
import dev.pocketune.ffi.startLogging as nativeStartLogging
import dev.pocketune.ffi.version as nativeVersion

/**
 * The native library as a whole.
 *
 * On Android call `Pocketune.initialize(context)` once before anything else, such
 * as in `Application.onCreate`.
 */
public object Pocketune {
    /** Version of the native library, such as `0.1.0`. */
    @JvmStatic
    public val version: String get() = nativeVersion()

    /**
     * Sends the library's log to logcat under the tag `pocketune`; does nothing
     * outside Android. Later calls change the level.
     */
    @JvmStatic
    public fun startLogging(level: LogLevel): Unit = nativeStartLogging(level.toNative())

    /**
     * Hands the library's log lines of [level] and more serious ones to [sink], in place of
     * the sink before; null: to none. The platform's log stays as [startLogging] set it.
     *
     * The library keeps at most 512 lines that the sink has not taken; of older ones it says
     * how many were dropped.
     *
     * @throws PocketuneException.NotNow where Rust code of the app has a logger of its own
     */
    @JvmStatic
    public fun setLogSink(
        level: LogLevel,
        sink: LogSink?,
    ): Unit = LogPump.replace(level, sink)

    /**
     * Lets all critics look at a [reply] to [prompt]: whether it is empty, cut off,
     * repetitive, not what was asked for. Returns at once.
     */
    @JvmStatic
    @JvmOverloads
    public fun criticize(
        prompt: String,
        reply: String,
        stopReason: StopReason = StopReason.END_OF_TURN,
        systemPrompt: String? = null,
    ): Judgement = nativeCriticize(systemPrompt, prompt, reply, stopReason.toNative()).toPublic()
}
