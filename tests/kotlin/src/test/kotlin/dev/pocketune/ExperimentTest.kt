package dev.pocketune

import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

class ExperimentTest {
    private val engine = TestModel.engine

    @TempDir
    private lateinit var folder: Path

    private suspend fun reply(): String = engine.chat(assistant).use { it.reply("Name a river.", greedy(8u)).text }

    @Test
    fun `a unit keeps its arm when the store is opened again`() =
        live {
            val units = (0 until 20).map { "conversation $it" }
            val arms: List<Arm?>
            openAdapters(folder).use { adapters ->
                adapters.startExperiment(definition(adapters.challenger())).use { experiment ->
                    assertEquals("brief", experiment.id)
                    arms = units.map { experiment.assign(it) }
                }
            }
            assertEquals(setOf(Arm.INCUMBENT, Arm.CHALLENGER), arms.toSet())
            openAdapters(folder).use { adapters ->
                adapters.experiments().single().use { experiment ->
                    assertEquals(arms, units.map { experiment.assign(it) })
                    val decision = experiment.verdict()
                    assertEquals(20uL, decision.incumbentExposures + decision.challengerExposures)
                    assertEquals(VerdictReason.NOT_YET, decision.reason)
                    assertEquals(Forecast.UNKNOWN to null, decision.forecast to decision.moreOutcomes)
                    assertFalse(experiment.ended())
                    assertTrue(adapters.damagedExperiments().isEmpty())
                    adapters.forgetExperiment(experiment.sha256)
                }
                assertTrue(adapters.experiments().isEmpty())
            }
        }

    @Test
    fun `what cannot be is refused`() =
        live {
            openAdapters(folder).use { adapters ->
                failure<PocketuneException.InvalidArgument> { adapters.startExperiment("{}") }
                failure<PocketuneException.InvalidArgument> { adapters.startExperiment(definition("ab".repeat(32))) }
                failure<PocketuneException.InvalidArgument> { adapters.forgetExperiment("ab".repeat(32)) }
                val experiment = adapters.startExperiment(definition(adapters.challenger()))
                val picked = Outcome.Picked(Arm.CHALLENGER)
                failure<PocketuneException.InvalidArgument> { experiment.record("a", Measure.PICK, picked) }
                experiment.assign("a")
                failure<PocketuneException.InvalidArgument> { experiment.record("a", Measure.THUMB, Outcome.Value(1.0)) }
                experiment.record("a", Measure.PICK, picked)
                failure<PocketuneException.InvalidArgument> { experiment.record("a", Measure.PICK, picked) }
                failure<PocketuneException.NotNow> { experiment.conclude() }
                experiment.end()
                assertTrue(experiment.ended())
                assertNull(experiment.assign("b"))
                experiment.close()
                failure<PocketuneException.Closed> { experiment.verdict() }
            }
        }

    @Test
    fun `a challenger that is picked is promoted and answers from then on`() =
        live {
            openAdapters(folder).use { adapters ->
                val before = reply()
                val experiment = adapters.startExperiment(definition(adapters.challenger()))
                repeat(60) {
                    experiment.assign("$it")
                    experiment.record("$it", Measure.PICK, Outcome.Picked(Arm.CHALLENGER))
                }
                val decision = experiment.verdict()
                assertEquals(Verdict.PROMOTE, decision.verdict)
                assertEquals(VerdictReason.PRIMARY_BETTER, decision.reason)
                assertNull(decision.guardrail)
                assertEquals(Forecast.WITHIN_LIMIT to 0uL, decision.forecast to decision.moreOutcomes)
                val evidence = decision.metrics.single()
                assertEquals(60uL, evidence.outcomes)
                assertTrue(evidence.low > 0.0)
                assertTrue("\"brief\"" !in experiment.summary())
                assertTrue(experiment.ledger().lines().size > 120)
                assertEquals(before, reply())

                assertEquals(Verdict.PROMOTE, experiment.conclude().verdict)
                assertTrue(experiment.ended())
                assertNotEquals(before, reply())
                assertTrue(adapters.rollBack().isEmpty())
                assertEquals(before, reply())
            }
        }

    @Test
    fun `both arms answer, and the conversation goes on from the pick`() =
        live {
            openAdapters(folder).use { adapters ->
                val experiment = adapters.startExperiment(definition(adapters.challenger()))
                experiment.sideBySide(assistant).use { chat ->
                    failure<PocketuneException.NotNow> { chat.pick(Choice.FIRST) }
                    val asked = assertInstanceOf(Asked.Two::class.java, chat.ask("Name a river.", greedy(8u)))
                    assertEquals(asked.first.text == reply(), experiment.assign(asked.unit) == Arm.INCUMBENT)
                    assertNotEquals(asked.first.text, asked.second.text)
                    chat.pick(Choice.SECOND)
                    assertEquals(listOf("Name a river.", asked.second.text), chat.history.map { it.content })
                    assertInstanceOf(Asked.Two::class.java, chat.ask("Name another one.", greedy(8u)))
                    chat.pick(Choice.NEITHER)
                    assertEquals(4, chat.history.size)
                    val picks = experiment.verdict().metrics.single { it.measure == Measure.PICK }
                    assertEquals(2uL, picks.outcomes)
                    experiment.end()
                    assertInstanceOf(Asked.One::class.java, chat.ask("And a third one.", greedy(8u)))
                    assertEquals(6, chat.history.size)
                }
            }
        }

    @Test
    fun `cancelling the call stops both arms and writes nothing`() =
        live {
            openAdapters(folder).use { adapters ->
                val experiment = adapters.startExperiment(definition(adapters.challenger()))
                experiment.sideBySide(assistant).use { chat ->
                    val asking = launch { chat.ask("Write a long story.", engine.endless()) }
                    delay(300.milliseconds)
                    val took =
                        measureTime {
                            asking.cancelAndJoin()
                            // At once: what was cancelled may still be coming to its end.
                            assertInstanceOf(Asked.Two::class.java, chat.ask("Name a river.", greedy(4u)))
                        }
                    assertTrue(took < 5.seconds, "took $took")
                    val decision = experiment.verdict()
                    assertEquals(1uL, decision.incumbentExposures + decision.challengerExposures)
                    chat.pick(Choice.FIRST)
                    assertEquals(2, chat.history.size)
                }
            }
        }

    @Test
    fun `a conversation stays under its arm`() =
        live {
            openAdapters(folder).use { adapters ->
                val base = reply()
                val experiment = adapters.startExperiment(definition(adapters.challenger(), "by_conversation", "thumb"))
                failure<PocketuneException.InvalidArgument> { experiment.sideBySide() }
                repeat(4) { unit ->
                    val (chat, arm) = experiment.chat("conversation $unit", assistant)
                    chat.use {
                        val text = it.reply("Name a river.", greedy(8u)).text
                        assertEquals(arm == Arm.INCUMBENT, text == base)
                    }
                    experiment.record("conversation $unit", Measure.THUMB, Outcome.Value(1.0))
                }
                val decision = experiment.verdict()
                assertEquals(4uL, decision.metrics.single().outcomes)
            }
        }
}
