package dev.pocketune

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Job
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

class CancellationTest {
    private val engine = TestModel.engine

    // Generous, because the tests share the machine with whatever else runs on it:
    // an uncancelled endless reply takes a thousand tokens.
    private val soon = 5.seconds

    @Test
    fun `cancelling the collector stops generation and frees the engine`() =
        live {
            engine.chat().use { chat ->
                val started = CompletableDeferred<Unit>()
                val job = launch { chat.send("Write a long story.", engine.endless()).collect { started.complete(Unit) } }
                started.await()
                assertSoon { job.cancelAndJoin() }
                assertSoon { engine.complete("One, two,", greedy(2)).collect() }
                assertTrue(chat.reply("Hi", greedy(4)).text.isNotEmpty())
                assertEquals(4, chat.history.size)
                assertEquals("Write a long story.", chat.history.first().content)
            }
        }

    @Test
    fun `a reply that is still read is cancelled too`() =
        live {
            val prompt = "word ".repeat(900)
            val job = launch { engine.complete(prompt, engine.endless()).collect() }
            delay(50.milliseconds)
            assertSoon { job.cancelAndJoin() }
            assertSoon { engine.complete("One, two,", greedy(2)).collect() }
        }

    @Test
    fun `a flow that is left early stops generation`() =
        live {
            engine.chat().use { chat ->
                val first = chat.send("Write a long story.", engine.endless()).first()
                assertTrue(first is ReplyPart.Text)
                assertSoon { engine.complete("One, two,", greedy(2)).collect() }
            }
        }

    @Test
    fun `what the collector throws reaches the caller and stops generation`() =
        live {
            class Mine : RuntimeException()
            val mine = Mine()
            val thrown = failure<Mine> { engine.complete("Once", engine.endless()).collect { throw mine } }
            assertSame(mine, thrown.cause ?: thrown)
            assertSoon { engine.complete("One, two,", greedy(2)).collect() }
        }

    @Test
    fun `a timeout stops generation`() =
        live {
            val endless = engine.endless()
            failure<TimeoutCancellationException> {
                withTimeout(300.milliseconds) { engine.complete("Once upon a time", endless).collect() }
            }
            assertSoon { engine.complete("One, two,", greedy(2)).collect() }
        }

    @Test
    fun `a request that waits for another one is cancelled at once`() =
        live {
            val started = CompletableDeferred<Unit>()
            val running: Job =
                launch { engine.complete("Once", engine.endless()).collect { started.complete(Unit) } }
            started.await()
            // The same queue: completions follow one another.
            val waiting = launch { engine.complete("Twice", engine.endless()).collect() }
            delay(50.milliseconds)
            assertSoon { waiting.cancelAndJoin() }
            assertTrue(running.isActive)
            assertSoon { running.cancelAndJoin() }
        }

    @Test
    fun `a cancelled score and embedding free the engine`() =
        live {
            val long = Prompt.Raw("word ".repeat(500))
            val score = launch { engine.score(long, "word ".repeat(400)) }
            val embedding = launch { engine.embed(long) }
            delay(20.milliseconds)
            assertSoon {
                score.cancelAndJoin()
                embedding.cancelAndJoin()
            }
            assertSoon { engine.complete("One, two,", greedy(2)).collect() }
        }

    @Test
    fun `closing the engine ends a streaming reply`() =
        live {
            val engine = Engine.load(TestModel.source, TestModel.options)
            val chat = engine.chat()
            val started = CompletableDeferred<Unit>()
            val reply =
                async {
                    runCatching {
                        chat.send("Write a long story.", engine.endless()).collect { started.complete(Unit) }
                    }
                }
            started.await()
            assertSoon { engine.close() }
            assertSoon {
                val error = reply.await().exceptionOrNull()
                assertTrue(error is PocketuneException.Closed, "$error")
            }
            chat.close()
        }

    private inline fun assertSoon(block: () -> Unit) {
        val took: Duration = measureTime(block)
        assertTrue(took < soon, "took $took")
    }
}
