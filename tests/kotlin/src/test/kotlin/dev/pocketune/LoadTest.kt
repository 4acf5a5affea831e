package dev.pocketune

import com.sun.jna.NativeLibrary
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.Collections
import java.util.concurrent.CancellationException
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

class LoadTest {
    @Test
    fun `progress rises to one on a thread of the library`() =
        live {
            val heard = Collections.synchronizedList(mutableListOf<Float>())
            val threads = Collections.synchronizedSet(mutableSetOf<Thread>())
            val engine =
                Engine.load(TestModel.source, TestModel.options) { fraction ->
                    heard.add(fraction)
                    threads.add(Thread.currentThread())
                }
            engine.close()
            assertEquals(0f, heard.first())
            assertEquals(1f, heard.last())
            assertEquals(heard.sorted(), heard)
            assertTrue(Thread.currentThread() !in threads)
        }

    @Test
    fun `facts and the estimate describe the model`() {
        val facts = TestModel.engine.facts
        assertEquals("llama", facts.architecture)
        assertEquals("Q4_1", facts.quantization)
        assertEquals(576, facts.embeddingLength)
        assertEquals(30, facts.blockCount)
        assertEquals(49_152, facts.vocabularySize)
        assertTrue(facts.hasChatTemplate)
        val estimate = TestModel.engine.memoryEstimate
        assertEquals(1024, estimate.contextTokens)
        assertTrue(estimate.fits)
        assertTrue(estimate.requiredBytes > estimate.weightBytes)
    }

    @Test
    fun `a model is inspected and estimated without loading it`() =
        live {
            assertEquals(TestModel.engine.facts, Engine.inspect(TestModel.source))
            val small = Engine.estimateMemory(TestModel.source, EngineOptions(contextTokens = 256))
            val large = Engine.estimateMemory(TestModel.source, EngineOptions(contextTokens = 2048))
            assertEquals(8, large.kvBytes / small.kvBytes)
        }

    @Test
    fun `the digest is that of the file`() =
        live {
            val expected = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            assertEquals(expected, TestModel.engine.sha256())
        }

    @Test
    fun `a callback that throws cancels the load and its exception reaches the caller`() =
        live {
            class Mine : RuntimeException("mine")
            val mine = Mine()
            val thrown = failure<Mine> { Engine.load(TestModel.source, TestModel.options) { throw mine } }
            assertSame(mine, thrown)
        }

    @Test
    fun `an error thrown by the callback reaches the caller as well`() =
        live {
            val late = AssertionError("late")
            val thrown =
                failure<AssertionError> {
                    Engine.load(TestModel.source, TestModel.options) { if (it == 1f) throw late else true }
                }
            assertSame(late, thrown)
        }

    @Test
    fun `a callback that returns false cancels the load`() =
        live {
            failure<CancellationException> { Engine.load(TestModel.source, TestModel.options) { false } }
            failure<CancellationException> { Engine.load(TestModel.source, TestModel.options) { it < 0.5f } }
            failure<CancellationException> { Engine.load(TestModel.source, TestModel.options) { it < 1f } }
        }

    @Test
    fun `a callback may call the library`() =
        live {
            val seen = Collections.synchronizedSet(mutableSetOf<String>())
            val engine =
                Engine.load(TestModel.source, TestModel.options) {
                    seen.add(Pocketune.version)
                    if (seen.size == 1) seen.add(runBlocking { Engine.inspect(TestModel.source).architecture })
                    true
                }
            engine.close()
            assertEquals(setOf(Pocketune.version, "llama"), seen.toSet())
        }

    @Test
    fun `cancelling the coroutine cancels the load at once`() =
        live {
            val started = CompletableDeferred<Unit>()
            val calls = Collections.synchronizedList(mutableListOf<Float>())
            val load =
                async(Dispatchers.Default, start = CoroutineStart.DEFAULT) {
                    Engine.load(TestModel.source, TestModel.options) { fraction ->
                        calls.add(fraction)
                        started.complete(Unit)
                        Thread.sleep(200)
                        true
                    }
                }
            started.await()
            val cancelled = TimeSource.Monotonic.markNow()
            load.cancelAndJoin()
            assertTrue(cancelled.elapsedNow() < 2.seconds)
            failure<CancellationException> { load.await() }
            // The callback that was under way was the last one or the last but one.
            val heard = calls.size
            Thread.sleep(1000)
            assertTrue(calls.size <= heard + 1)
            assertNotEquals(1f, calls.last())
        }

    @Test
    fun `a model is loaded from a descriptor, which stays open`() =
        live {
            val libc = NativeLibrary.getInstance("c")
            val fd = libc.getFunction("open").invokeInt(arrayOf<Any>(TestModel.path.path, 0))
            Engine.load(ModelSource.Descriptor(fd), TestModel.options).use { engine ->
                assertEquals(TestModel.engine.facts, engine.facts)
            }
            assertEquals(0, libc.getFunction("close").invokeInt(arrayOf<Any>(fd)))
        }
}
