package dev.pocketune

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import java.time.Instant
import dev.pocketune.ffi.LogLines as NativeLogLines

/** How much is logged. No level logs prompts, replies or paths. */
public enum class LogLevel {
    /** Failures. */
    ERROR,

    /** Failures and oddities. */
    WARN,

    /** Also what happens. */
    INFO,

    /** Also how it happens, llama.cpp's own log included. */
    DEBUG,
}

/**
 * One line of the library's log. It holds no prompt, reply or path.
 *
 * @property level how serious it is
 * @property target which part of the library wrote it, such as `pocketune_core::worker` or
 *   `llama.cpp`
 * @property message what happened
 * @property time when
 */
public data class LogLine(
    val level: LogLevel,
    val target: String,
    val message: String,
    val time: Instant,
)

/** Takes the lines of the library's log; [Pocketune.setLogSink] sets one. */
public fun interface LogSink {
    /**
     * Takes [line]. Called on a background thread, for one line after the other. What it
     * throws is dropped with the line.
     */
    public fun log(line: LogLine)
}

/** Pulls lines from the library and hands them on: no code of the app runs inside it. */
internal object LogPump {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var lines: NativeLogLines? = null

    @Synchronized
    fun replace(
        level: LogLevel,
        sink: LogSink?,
    ) {
        lines?.end()
        lines = sink?.let { open(level, it) }
    }

    private fun open(
        level: LogLevel,
        sink: LogSink,
    ): NativeLogLines {
        val lines = translating { NativeLogLines.open(level.toNative()) }
        scope.launch {
            lines.use {
                while (true) {
                    val line = it.next() ?: break
                    runCatching { sink.log(line.toPublic()) }
                }
            }
        }
        return lines
    }
}
