package dev.pocketune

import kotlinx.coroutines.flow.collect
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import java.nio.file.Path

class ErrorTest {
    private val engine = TestModel.engine

    @Test
    fun `a missing file is unreadable, and its path stays out of the message`() =
        live {
            val path = File("/nowhere/secret-name.gguf")
            val error = failure<PocketuneException.ModelUnreadable> { Engine.load(ModelSource.Path(path)) }
            assertFalse("secret" in error.message.orEmpty())
        }

    @Test
    fun `a folder and a closed descriptor are unreadable`(
        @TempDir folder: Path,
    ) = live {
        failure<PocketuneException.ModelUnreadable> { Engine.load(ModelSource.Path(folder.toFile())) }
        failure<PocketuneException.ModelUnreadable> { Engine.load(ModelSource.Descriptor(-1)) }
    }

    @Test
    fun `a text file is no model`(
        @TempDir folder: Path,
    ) = live {
        val file = Files.writeString(folder.resolve("notes.gguf"), "Dear diary, this is no model.\n".repeat(100))
        failure<PocketuneException.ModelInvalid> { Engine.load(ModelSource.Path(file.toFile())) }
        failure<PocketuneException.ModelInvalid> { Engine.inspect(ModelSource.Path(file.toFile())) }
    }

    @Test
    fun `a cut model is invalid`(
        @TempDir folder: Path,
    ) = live {
        val file = folder.resolve("cut.gguf")
        TestModel.path.inputStream().use { Files.write(file, it.readNBytes(3_000_000)) }
        failure<PocketuneException.ModelInvalid> { Engine.load(ModelSource.Path(file.toFile())) }
    }

    @Test
    fun `an unknown architecture is named`(
        @TempDir folder: Path,
    ) = live {
        val file = Files.write(folder.resolve("other.gguf"), header("general.architecture", "abacus"))
        val error = failure<PocketuneException.ModelUnsupported> { Engine.load(ModelSource.Path(file.toFile())) }
        assertEquals("abacus" to null, error.architecture to error.feature)
        assertTrue("abacus" in error.reason)
    }

    @Test
    fun `a model without a chat template only chats with a named one`(
        @TempDir folder: Path,
    ) = live {
        val file = Files.copy(TestModel.path.toPath(), folder.resolve("model.gguf"))
        renameKey(file, "tokenizer.chat_template", "tokenizer.chat_templatX")
        Engine.load(ModelSource.Path(file.toFile()), TestModel.options).use { engine ->
            assertEquals("template", failure<PocketuneException.InvalidArgument> { engine.chat() }.argument)
            val prompt = Prompt.Chat(listOf(Message(Role.USER, "Hi")))
            assertEquals("template", failure<PocketuneException.InvalidArgument> { engine.score(prompt, "Hello") }.argument)
            engine.chat(ChatOptions(template = TemplateChoice.ChatMl)).use { chat ->
                assertTrue(chat.reply("Hi", greedy(4)).text.isNotEmpty())
            }
        }
    }

    @Test
    fun `engine options out of range are named`() =
        live {
            suspend fun refused(options: EngineOptions) =
                failure<PocketuneException.InvalidArgument> { Engine.load(TestModel.source, options) }.argument
            assertEquals("contextTokens", refused(EngineOptions(contextTokens = 1_000_000)))
            assertEquals("threads", refused(EngineOptions(threads = 0)))
            assertEquals("microBatchTokens", refused(EngineOptions(batchTokens = 64)))
            assertEquals("contextTokens", refused(EngineOptions(contextTokens = -1)))
            assertEquals("threads", refused(EngineOptions(threads = Int.MIN_VALUE)))
            assertEquals("batchTokens", refused(EngineOptions(batchTokens = -512)))
            assertEquals("kvLimitBytes", refused(EngineOptions(kvLimitBytes = -1)))
        }

    @Test
    fun `generation options out of range are named`() =
        live {
            suspend fun refused(options: GenerationOptions) =
                failure<PocketuneException.InvalidArgument> { engine.complete("a", options).collect() }.argument
            assertEquals("maxTokens", refused(GenerationOptions(maxTokens = 0)))
            assertEquals("temperature", refused(GenerationOptions(sampling = Sampling(temperature = -1f))))
            assertEquals("topP", refused(GenerationOptions(sampling = Sampling(topP = Float.NaN))))
            assertEquals("stop", refused(GenerationOptions(stop = listOf(""))))
            val bias = Sampling(logitBias = listOf(TokenBias(-1, 0f)))
            assertEquals("logitBias", refused(GenerationOptions(sampling = bias)))
            assertEquals("maxTokens", refused(GenerationOptions(maxTokens = -1)))
            assertEquals("topK", refused(GenerationOptions(sampling = Sampling(topK = -1))))
            assertEquals("lastTokens", refused(GenerationOptions(sampling = Sampling(penalties = Penalties(lastTokens = -1)))))
            for (seed in listOf(-1L, 1L shl 32)) {
                assertEquals("seed", refused(GenerationOptions(sampling = Sampling(seed = seed))))
            }
        }

    @Test
    fun `constraints that do not work are refused`() =
        live {
            for (constraint in listOf(
                Constraint.Gbnf("root ::= ("),
                Constraint.Gbnf("start ::= \"a\""),
                Constraint.JsonSchema("no JSON"),
                Constraint.JsonSchema("""{"type": "nonsense"}"""),
            )) {
                val options = GenerationOptions(constraint = constraint)
                val error = failure<PocketuneException.InvalidArgument> { engine.complete("a", options).collect() }
                assertEquals("constraint", error.argument)
            }
        }

    @Test
    fun `histories and templates that do not work are refused`() =
        live {
            val twice = listOf(Message(Role.USER, "a"), Message(Role.USER, "b"))
            failure<PocketuneException.InvalidArgument> { engine.chat(ChatOptions(history = twice)) }
            engine.chat().use { chat -> failure<PocketuneException.InvalidArgument> { chat.replaceHistory(twice) } }
            val template = TemplateChoice.Jinja("{% if %}")
            failure<PocketuneException.InvalidArgument> { engine.chat(ChatOptions(template = template)) }
            engine.chat().use { chat ->
                failure<PocketuneException.NotNow> { chat.regenerate().collect() }
            }
        }

    @Test
    fun `a prompt that does not fit is refused and leaves the history alone`() =
        live {
            engine.chat().use { chat ->
                val error = failure<PocketuneException.ContextFull> { chat.reply("word ".repeat(2000)) }
                assertEquals(1024, error.contextTokens)
                assertTrue(error.promptTokens > 2000)
                assertEquals(emptyList<Message>(), chat.history)
                assertTrue(chat.reply("Hi", greedy(4)).text.isNotEmpty())
            }
            failure<PocketuneException.ContextFull> { engine.score(Prompt.Raw("word ".repeat(2000)), "a") }
            failure<PocketuneException.ContextFull> { engine.embed(Prompt.Raw("word ".repeat(2000))) }
        }

    @Test
    fun `empty prompts and replies are refused`() =
        live {
            failure<PocketuneException.InvalidArgument> { engine.score(Prompt.Raw("a"), "") }
            failure<PocketuneException.InvalidArgument> { engine.embed(Prompt.Raw("")) }
            failure<PocketuneException.InvalidArgument> { engine.complete("").collect() }
        }

    @Test
    fun `tokens outside the vocabulary are refused`() =
        live {
            failure<PocketuneException> { engine.detokenize(listOf(-1)) }
            failure<PocketuneException> { engine.detokenize(listOf(49_152)) }
        }

    @Test
    fun `a closed engine answers every call alike`() =
        live {
            val engine = Engine.load(TestModel.source, TestModel.options)
            val chat = engine.chat()
            engine.close()
            engine.close()
            failure<PocketuneException.Closed> { engine.chat() }
            failure<PocketuneException.Closed> { engine.tokenize("a") }
            failure<PocketuneException.Closed> { engine.sha256() }
            failure<PocketuneException.Closed> { engine.score(Prompt.Raw("a"), "b") }
            failure<PocketuneException.Closed> { engine.embed(Prompt.Raw("a")) }
            failure<PocketuneException.Closed> { engine.complete("a").collect() }
            failure<PocketuneException.Closed> { chat.reply("a") }
            failure<PocketuneException.Closed> { chat.save(File("unused")) }
            assertEquals(emptyList<Message>(), chat.history)
            chat.close()
            failure<PocketuneException.Closed> { chat.history }
            assertEquals("llama", engine.facts.architecture)
        }

    private fun header(
        key: String,
        value: String,
    ): ByteArray {
        val buffer = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN)
        buffer
            .put("GGUF".toByteArray())
            .putInt(3)
            .putLong(0)
            .putLong(1)
        buffer.putLong(key.length.toLong()).put(key.toByteArray()).putInt(8)
        buffer.putLong(value.length.toLong()).put(value.toByteArray())
        return buffer.array().copyOf(buffer.position())
    }

    private fun renameKey(
        file: Path,
        from: String,
        to: String,
    ) = RandomAccessFile(file.toFile(), "rw").use { access ->
        val head = ByteArray(8_000_000).also(access::readFully)
        val at = String(head, Charsets.ISO_8859_1).indexOf(from)
        check(at > 0) { "the file has no key $from" }
        access.seek(at.toLong())
        access.write(to.toByteArray())
    }
}
