package dev.pocketune

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.math.abs
import dev.pocketune.ffi.AdapterChoice as NativeAdapterChoice
import dev.pocketune.ffi.EngineOptions as NativeEngineOptions
import dev.pocketune.ffi.GenerationOptions as NativeGenerationOptions
import dev.pocketune.ffi.KvCacheType as NativeKvCacheType
import dev.pocketune.ffi.Penalties as NativePenalties
import dev.pocketune.ffi.Sampling as NativeSampling

class EngineTest {
    private val engine = TestModel.engine

    @Test
    fun `the library tells its version`() {
        assertTrue(Regex("""\d+\.\d+\.\d+""").matches(Pocketune.version))
        Pocketune.startLogging(LogLevel.WARN)
    }

    @Test
    fun `a completion goes on with the text`() =
        live {
            val (text, reply) = engine.complete("The capital of France is", greedy(4)).parts()
            assertTrue("Paris" in text, text)
            assertEquals(reply.text, text)
        }

    @Test
    fun `likelier replies score higher`() =
        live {
            val prompt = Prompt.Raw("The capital of France is")
            val paris = engine.score(prompt, " Paris")
            val banana = engine.score(prompt, " banana")
            assertTrue(paris.logProbability > banana.logProbability, "$paris $banana")
            assertTrue(paris.logProbability < 0)
            assertTrue(abs(paris.logProbability - paris.tokens.sumOf { it.logProbability }) < 1e-9)
            assertEquals(engine.tokenize(" Paris"), paris.tokens.map { it.token })
            val turns = listOf(Message(Role.USER, "What is the capital of France?"))
            assertTrue(engine.score(Prompt.Chat(turns), "Paris").logProbability < 0)
        }

    @Test
    fun `texts that mean the same lie closer together`() =
        live {
            val cat = engine.embed(Prompt.Raw("The cat sleeps on the sofa."))
            val kitten = engine.embed(Prompt.Raw("A kitten is sleeping on the couch."))
            val tax = engine.embed(Prompt.Raw("Value added tax rose by two percent in 1998."))
            assertEquals(576, cat.values.size)
            assertTrue(cosine(cat, kitten) > cosine(cat, tax))
            assertTrue(engine.embed(Prompt.Raw("The cat"), Pooling.LAST).values != cat.values)
        }

    @Test
    fun `tokens lead back to their text`() {
        val text = "Grüße, 世界! 👩🏽‍🚀 <|im_end|>"
        val tokens = engine.tokenize(text)
        assertEquals(text, engine.detokenize(tokens))
        val control = engine.tokenize("<|im_end|>", withControlTokens = true)
        assertEquals(1, control.size)
        assertTrue(control.single() !in tokens)
        assertEquals("<|im_end|>", engine.detokenize(control))
        assertEquals(emptyList<Int>(), engine.tokenize(""))
    }

    @Test
    fun `two chats at once both come to their end`() =
        live {
            val chats = List(2) { engine.chat(assistant) }
            val replies =
                chats.map { chat -> async { chat.reply("What is the capital of France?", greedy()) } }.awaitAll()
            assertTrue(replies.all { "Paris" in it.text }, "$replies")
            assertTrue(chats.all { it.history.size == 2 })
            chats.forEach { it.close() }
        }

    @Test
    fun `ten coroutines at once all get their own answer`() =
        live {
            val jobs =
                List(10) { index ->
                    async(Dispatchers.Default) {
                        when (index % 5) {
                            0 -> engine.complete("The capital of France is", greedy(4)).parts().first
                            1 -> engine.chat(assistant).use { it.reply("What is the capital of France?", greedy()).text }
                            2 -> engine.detokenize(listOf(engine.score(Prompt.Raw("The capital is"), " Paris").tokens[0].token))
                            3 -> Engine.inspect(TestModel.source).let { "Paris" }
                            else -> engine.embed(Prompt.Raw("Paris")).let { "Paris of ${it.values.size}" }
                        }
                    }
                }
            val answers = jobs.awaitAll()
            assertTrue(answers.all { "Paris" in it }, "$answers")
        }

    @Test
    fun `many requests to one chat are answered one after the other`() =
        live {
            engine.chat().use { chat ->
                List(10) { async(Dispatchers.Default) { chat.reply("Number $it", greedy(3)) } }.awaitAll()
                val history = chat.history
                assertEquals(20, history.size)
                assertEquals(List(10) { "Number $it" }.toSet(), history.filter { it.role == Role.USER }.map { it.content }.toSet())
                assertTrue(history.filterIndexed { index, _ -> index % 2 == 1 }.all { it.role == Role.ASSISTANT })
            }
        }

    @Test
    fun `the facade has the native defaults`() {
        val generation = NativeGenerationOptions(sampling = NativeSampling())
        assertEquals(generation, GenerationOptions().toNative())
        val engine = NativeEngineOptions(kvCacheType = NativeKvCacheType.F16)
        assertEquals(engine, EngineOptions().toNative())
        val penalties = GenerationOptions(sampling = Sampling(penalties = Penalties())).toNative()
        assertEquals(NativePenalties(), penalties.sampling?.penalties)
        assertEquals(1f, NativeAdapterChoice("ab").scale)
        assertEquals(NativeAdapterChoice("ab"), AdapterChoice("ab").toNative())
    }

    private fun cosine(
        a: Embedding,
        b: Embedding,
    ): Double {
        fun dot(
            x: Embedding,
            y: Embedding,
        ) = x.values.zip(y.values) { p, q -> p.toDouble() * q }.sum()
        return dot(a, b) / kotlin.math.sqrt(dot(a, a) * dot(b, b))
    }
}
