package dev.pocketune

import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.onEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import java.time.Instant

class ChatTest {
    private val engine = TestModel.engine

    @Test
    fun `a second turn reuses what the first one cached`() =
        live {
            engine.chat(assistant).use { chat ->
                val first = chat.reply("What is the capital of France?", greedy())
                assertTrue("Paris" in first.text, first.text)
                assertEquals(0, first.reusedTokens)
                val second = chat.reply("And of Italy?", greedy())
                assertTrue(second.reusedTokens >= first.promptTokens, "$first $second")
                assertTrue(second.promptTokens > second.reusedTokens)
                val roles = listOf(Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT)
                assertEquals(roles, chat.history.map { it.role })
                assertEquals(second.text, chat.history.last().content)
            }
        }

    @Test
    fun `streamed parts join to the reply`() =
        live {
            engine.chat().use { chat ->
                val (text, reply) = chat.send("Count from one to five, with emoji.", greedy(32)).parts()
                assertEquals(reply.text, text)
                assertEquals(reply.text, chat.history.last().content)
                assertTrue(reply.generatedTokens in 1..32)
                assertTrue(reply.timeToFirstToken > Duration.ZERO)
            }
        }

    @Test
    fun `a seed gives the same reply again`() =
        live {
            val options = GenerationOptions(maxTokens = 12, sampling = Sampling(temperature = 1f, seed = 7))
            val replies = List(2) { engine.chat().use { it.reply("Tell me a story.", options) } }
            assertEquals(replies[0].text, replies[1].text)
            assertEquals(7, replies[0].sampling.seed)
        }

    @Test
    fun `a reply says how it came to be`() =
        live {
            val sampling = Sampling(temperature = 1f, topK = 5, penalties = Penalties(repeat = 1.1f))
            val before = Instant.now().minusSeconds(2)
            engine.chat().use { chat ->
                val reply = chat.reply("Tell me a story.", GenerationOptions(maxTokens = 4, sampling = sampling))
                val used = reply.sampling
                assertEquals(listOf(1f, 5, 0.95f, 4), listOf(used.temperature, used.topK, used.topP, used.maxTokens))
                assertEquals(sampling.penalties, used.penalties)
                assertTrue(used.seed in 0..UInt.MAX_VALUE.toLong())
                assertTrue(reply.time in before..Instant.now())
                assertTrue(reply.adapters.isEmpty())
                assertEquals(listOf(null, reply.id), chat.history.map { it.replyId })
                assertNotEquals(reply.id, chat.reply("And another one.", greedy(4)).id)
                val again = GenerationOptions(maxTokens = 4, sampling = sampling.copy(seed = used.seed))
                assertEquals(reply.text, engine.chat().use { it.reply("Tell me a story.", again) }.text)
            }
        }

    @Test
    fun `stopping ends the flow with its last part and the chat goes on`() =
        live {
            engine.chat().use { chat ->
                chat.stop()
                var pieces = 0
                val (text, reply) =
                    chat
                        .send("Write a long story.", engine.endless())
                        .onEach { if (++pieces == 3) chat.stop() }
                        .parts()
                assertEquals(StopReason.CANCELLED, reply.stopReason)
                assertTrue(reply.generatedTokens < 100, "$reply")
                assertEquals(listOf("Write a long story.", text), chat.history.map { it.content })
                assertTrue(chat.reply("Hi", greedy(4)).text.isNotEmpty())
                assertEquals(4, chat.history.size)
            }
        }

    @Test
    fun `regenerating replaces the last reply`() =
        live {
            engine.chat().use { chat ->
                chat.reply("Say something.", greedy(8))
                val options = GenerationOptions(maxTokens = 8, sampling = Sampling(temperature = 2f, seed = 3))
                val (_, again) = chat.regenerate(options).parts()
                assertEquals(listOf("Say something.", again.text), chat.history.map { it.content })
            }
        }

    @Test
    fun `an edited history is what the next reply reads`() =
        live {
            engine.chat().use { chat ->
                chat.reply("My name is Ada.", greedy(8))
                val edited = listOf(Message(Role.USER, "My name is Bob."), Message(Role.ASSISTANT, "Hello, Bob!"))
                chat.replaceHistory(edited)
                val reply = chat.reply("What is my name?", greedy())
                assertTrue("Bob" in reply.text, reply.text)
                assertEquals(4, chat.history.size)
            }
        }

    @Test
    fun `each collection of one flow asks again`() =
        live {
            engine.chat().use { chat ->
                val flow = chat.send("Say hello.", greedy(6))
                assertEquals(0, chat.history.size)
                flow.collect()
                assertEquals(2, chat.history.size)
                flow.collect()
                assertEquals(4, chat.history.size)
            }
        }

    @Test
    fun `a flow that nobody collects asks nothing`() =
        live {
            engine.chat().use { chat ->
                chat.send("Write a very long story.", engine.endless())
                val reply = chat.reply("Say hello.", greedy(6))
                assertEquals(2, chat.history.size)
                assertTrue(reply.text.isNotEmpty())
            }
        }

    @Test
    fun `a JSON schema gives JSON of that form`() =
        live {
            val schema =
                """
                {"type": "object", "additionalProperties": false, "required": ["city", "inhabitants"],
                 "properties": {"city": {"type": "string", "maxLength": 12}, "inhabitants": {"type": "integer"}}}
                """.trimIndent()
            val options = greedy(60).copy(constraint = Constraint.JsonSchema(schema))
            val reply = engine.chat().use { it.reply("Describe Paris.", options) }
            assertEquals(StopReason.END_OF_TURN, reply.stopReason)
            val form = Regex("""\s*\{\s*"city"\s*:\s*"[^"]{0,12}"\s*,\s*"inhabitants"\s*:\s*-?\d+\s*}\s*""")
            assertTrue(form.matches(reply.text), reply.text)
        }

    @Test
    fun `a grammar and stop strings end a reply`() =
        live {
            val yesOrNo = greedy().copy(constraint = Constraint.Gbnf("""root ::= "yes" | "no""""))
            val answer = engine.chat().use { it.reply("Is water wet?", yesOrNo) }
            assertTrue(answer.text in setOf("yes", "no"), answer.text)
            val (text, reply) = engine.complete("1, 2, 3, 4,", greedy(40).copy(stop = listOf("7"))).parts()
            assertEquals(StopReason.STOP_STRING, reply.stopReason)
            assertTrue("6" in text && "7" !in text, text)
        }

    @Test
    fun `a saved chat goes on in another one`(
        @TempDir folder: Path,
    ) = live {
        val file = folder.resolve("chat.bin").toFile()
        val original = engine.chat()
        original.reply("My favourite colour is green.", greedy(8))
        original.save(file)
        val restored = engine.chat()
        restored.restore(file)
        assertEquals(original.history, restored.history)
        val reply = restored.reply("Which colour do I like?", greedy())
        assertTrue(reply.reusedTokens > 0)
        assertEquals(original.reply("Which colour do I like?", greedy()).text, reply.text)
        original.close()
        restored.close()
    }

    @Test
    fun `a damaged file is refused and the chat is as it was`(
        @TempDir folder: Path,
    ) = live {
        val file = folder.resolve("chat.bin")
        engine.chat().use { chat ->
            chat.reply("Hello.", greedy(4))
            chat.save(file.toFile())
            val bytes = Files.readAllBytes(file)
            bytes[bytes.size / 2] = (bytes[bytes.size / 2] + 1).toByte()
            Files.write(file, bytes)
            val before = chat.history
            failure<PocketuneException.StateMismatch> { chat.restore(file.toFile()) }
            assertEquals(before, chat.history)
            val missing = failure<PocketuneException.StorageFailed> { chat.restore(folder.resolve("none").toFile()) }
            assertEquals(StorageFault.OTHER, missing.kind)
            val nowhere = folder.resolve("no/such/folder/chat.bin").toFile()
            failure<PocketuneException.StorageFailed> { chat.save(nowhere) }
            assertTrue(chat.reply("Go on.", greedy(4)).reusedTokens > 0)
        }
    }

    @Test
    fun `old turns are dropped when the app says so`() =
        live {
            val options = ChatOptions(overflow = OverflowPolicy.DROP_OLDEST_TURNS)
            engine.chat(options).use { chat ->
                repeat(3) { chat.reply("word ".repeat(400), greedy(2)) }
                assertEquals(6, chat.history.size)
                assertTrue(chat.reply("Hi", greedy(2)).droppedMessages > 0)
            }
        }

    @Test
    fun `closing a chat lets its reply come to the end`() =
        live {
            val chat = engine.chat()
            val text = StringBuilder()
            chat.send("Count from one to ten.", greedy(24)).collect { part ->
                chat.close()
                when (part) {
                    is ReplyPart.Text -> text.append(part.text)
                    is ReplyPart.Done -> assertEquals(part.reply.text, text.toString())
                }
            }
            assertTrue(text.length > 20, "$text")
        }
}
