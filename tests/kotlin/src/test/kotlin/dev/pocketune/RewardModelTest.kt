package dev.pocketune

import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

class RewardModelTest {
    private val engine = TestModel.engine

    @TempDir
    private lateinit var folder: Path

    private suspend fun model(): RewardModel = RewardModel.read(engine, deliveredBytes("reward.gguf"))

    private fun drafts(maxTokens: Int = 8): GenerationOptions =
        GenerationOptions(maxTokens = maxTokens, sampling = Sampling(temperature = 1f, seed = 7))

    @Test
    fun `right after a reply its score costs next to nothing`() =
        live {
            model().use { model ->
                engine.chat().use { chat ->
                    failure<PocketuneException.NotNow> { chat.reward(model) }
                    val reply = chat.reply("Name a river.", greedy())
                    val score = chat.reward(model)
                    assertTrue(score.computedTokens <= 2, "$score")
                    assertTrue(score.quality in 0.0..1.0)
                    val afresh = model.score(Prompt.Chat(listOf(Message(Role.USER, "Name a river."))), reply.text)
                    assertEquals(score.reward, afresh.reward, 0.05)
                    assertTrue(afresh.computedTokens > 2)
                }
            }
        }

    @Test
    fun `a delivered head is believed for its signatures`() =
        live {
            openStore(folder).use { store ->
                store.rewardModels.open(delivered("reward.gguf")).use { delivered ->
                    model().use { shipped ->
                        val prompt = Prompt.Chat(listOf(Message(Role.USER, "Name a river.")))
                        assertEquals(shipped.score(prompt, "The Nile.").reward, delivered.score(prompt, "The Nile.").reward)
                    }
                }
                assertEquals(
                    HistoryAction.ACCEPTED,
                    store.adapters
                        .history()
                        .first()
                        .action,
                )
                val refused = failure<PocketuneException.InvalidArgument> { store.rewardModels.open(delivered("brief.gguf")) }
                assertEquals("path" to RefusalReason.TOO_LARGE, refused.argument to refused.refusal?.reason)
                val other = failure<PocketuneException.InvalidArgument> { store.experiments.startDelivered(delivered("reward.gguf")) }
                assertEquals(RefusalReason.OTHER_KIND, other.refusal?.reason)
            }
        }

    @Test
    fun `the best of several replies is kept`() =
        live {
            model().use { model ->
                engine.chat(assistant).use { chat ->
                    val found = chat.sendBestOf("Name a river.", 3, model, drafts())
                    assertEquals(3, found.drafts.size)
                    val best = found.drafts.maxBy { it.score?.reward ?: Double.NEGATIVE_INFINITY }
                    assertEquals(best.reply.text, found.reply.text)
                    assertEquals(listOf("Name a river.", best.reply.text), chat.history.map { it.content })
                    for (count in listOf(0, -1)) {
                        val refused = failure<PocketuneException.InvalidArgument> { chat.sendBestOf("Hi", count, model) }
                        assertEquals("count", refused.argument)
                    }
                    failure<PocketuneException.InvalidArgument> { chat.sendBestOf("Hi", 2, model, greedy()) }
                    assertEquals(2, chat.history.size)
                }
            }
        }

    @Test
    fun `cancelling the call stops all drafts and keeps none`() =
        live {
            model().use { model ->
                engine.chat(assistant).use { chat ->
                    val job = launch { chat.sendBestOf("Write a long story.", 64, model, drafts(400)) }
                    delay(300.milliseconds)
                    val took =
                        measureTime {
                            job.cancelAndJoin()
                            engine.complete("One, two,", greedy(2)).collect()
                        }
                    assertTrue(took < 5.seconds, "took $took")
                    assertTrue(chat.history.isEmpty())
                }
            }
        }

    @Test
    fun `mistakes are exceptions`() =
        live {
            failure<PocketuneException.InvalidArgument> { RewardModel.read(engine, "no head".toByteArray()) }
            val model = model()
            model.close()
            engine.chat().use { chat ->
                failure<PocketuneException.Closed> { model.score(Prompt.Raw("One"), "two") }
                failure<PocketuneException.Closed> { chat.sendBestOf("Hi", 2, model, drafts()) }
            }
        }
}
