package dev.pocketune

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Instant
import java.util.Collections
import kotlin.time.Duration.Companion.milliseconds

class LogTest {
    @AfterEach
    fun remove() = Pocketune.setLogSink(LogLevel.ERROR, null)

    private suspend fun load() = Engine.load(TestModel.source, TestModel.options).close()

    @Test
    fun `a sink gets the library's lines on a background thread`() =
        live {
            val before = Instant.now().minusMillis(5)
            val lines = Channel<LogLine>(Channel.UNLIMITED)
            val threads = Collections.synchronizedSet(mutableSetOf<Thread>())
            Pocketune.setLogSink(LogLevel.DEBUG) { line ->
                threads += Thread.currentThread()
                lines.trySend(line)
            }
            load()
            val line = lines.receive()
            assertEquals("llama.cpp", line.target)
            assertEquals(LogLevel.DEBUG, line.level)
            assertTrue(line.message.isNotBlank())
            assertTrue(line.time in before..Instant.now())
            assertFalse(Thread.currentThread() in threads)
        }

    @Test
    fun `a sink that throws hears the next line all the same`() =
        live {
            val heard = Channel<String>(Channel.UNLIMITED)
            Pocketune.setLogSink(LogLevel.DEBUG) { line ->
                heard.trySend(line.message)
                error("the app's mistake")
            }
            load()
            repeat(10) { heard.receive() }
        }

    @Test
    fun `the last sink that was set gets the lines, and none after it was removed`() =
        live {
            val first = Channel<LogLine>(Channel.UNLIMITED)
            val second = Channel<LogLine>(Channel.UNLIMITED)
            Pocketune.setLogSink(LogLevel.DEBUG) { first.trySend(it) }
            Pocketune.setLogSink(LogLevel.DEBUG) { second.trySend(it) }
            load()
            second.receive()
            assertTrue(first.isEmpty)
            Pocketune.setLogSink(LogLevel.DEBUG, null)
            // What was logged before may still be handed on.
            delay(200.milliseconds)
            while (second.tryReceive().isSuccess) continue
            load()
            delay(200.milliseconds)
            assertTrue(second.isEmpty)
        }
}
