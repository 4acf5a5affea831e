package dev.pocketune

import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
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
    @TempDir
    private lateinit var folder: Path

    @Test
    fun `a unit keeps its arm when the store is opened again`() =
        live {
            val units = (0 until 20).map { "conversation $it" }
            val arms: List<Arm?>
            openStore(folder).use { store ->
                store.experiments.start(definition(store.challenger())).use { experiment ->
                    assertEquals("brief", experiment.id)
                    arms = units.map { experiment.assign(it) }
                }
            }
            assertEquals(setOf(Arm.INCUMBENT, Arm.CHALLENGER), arms.toSet())
            Store.open(folder.toFile()).use { store ->
                store.experiments.all().single().use { experiment ->
                    assertEquals(arms, units.map { experiment.assign(it) })
                    val decision = experiment.verdict()
                    assertEquals(20, decision.incumbentExposures + decision.challengerExposures)
                    assertEquals(VerdictReason.NOT_YET, decision.reason)
                    assertEquals(Forecast.UNKNOWN to null, decision.forecast to decision.moreOutcomes)
                    assertFalse(experiment.ended())
                    assertTrue(store.experiments.damaged().isEmpty())
                    store.experiments.forget(experiment.sha256)
                }
                assertTrue(store.experiments.all().isEmpty())
            }
        }

    @Test
    fun `what cannot be is refused`() =
        live {
            openStore(folder).use { store ->
                failure<PocketuneException.InvalidArgument> { store.experiments.start(definition("ab".repeat(32))) }
                failure<PocketuneException.InvalidArgument> { store.experiments.forget("ab".repeat(32)) }
                val sound = definition(store.challenger())
                for (wrong in wrong(sound)) failure<PocketuneException.InvalidArgument> { store.experiments.start(wrong) }
                val experiment = store.experiments.start(sound)
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
            openStore(folder).use { store ->
                val before = store.reply()
                val experiment = store.experiments.start(definition(store.challenger()))
                repeat(60) {
                    experiment.assign("$it")
                    experiment.record("$it", Measure.PICK, Outcome.Picked(Arm.CHALLENGER))
                }
                val decision = experiment.verdict()
                assertEquals(Verdict.PROMOTE, decision.verdict)
                assertEquals(VerdictReason.PRIMARY_BETTER, decision.reason)
                assertNull(decision.guardrail)
                assertEquals(Forecast.WITHIN_LIMIT to 0L, decision.forecast to decision.moreOutcomes)
                val evidence = decision.metrics.single()
                assertEquals(60, evidence.outcomes)
                assertTrue(evidence.low > 0.0)
                assertTrue("\"brief\"" !in experiment.summary())
                assertTrue(experiment.ledger().lines().size > 120)
                assertEquals(before, store.reply())

                assertEquals(Verdict.PROMOTE, experiment.conclude().verdict)
                assertTrue(experiment.ended())
                assertNotEquals(before, store.reply())
                assertTrue(store.adapters.rollBack().isEmpty())
                assertEquals(before, store.reply())
            }
        }

    @Test
    fun `both arms answer, and the conversation goes on from the pick`() =
        live {
            openStore(folder).use { store ->
                val experiment = store.experiments.start(definition(store.challenger()))
                experiment.sideBySide(assistant).use { chat ->
                    failure<PocketuneException.NotNow> { chat.pick(Choice.FIRST) }
                    val asked = assertInstanceOf(Asked.Two::class.java, chat.ask("Name a river.", greedy(8)))
                    assertEquals(asked.first.text == store.reply(8), experiment.assign(asked.unit) == Arm.INCUMBENT)
                    assertNotEquals(asked.first.text, asked.second.text)
                    chat.pick(Choice.SECOND)
                    assertEquals(listOf("Name a river.", asked.second.text), chat.history.map { it.content })
                    assertInstanceOf(Asked.Two::class.java, chat.ask("Name another one.", greedy(8)))
                    chat.pick(Choice.NEITHER)
                    assertEquals(4, chat.history.size)
                    val picks = experiment.verdict().metrics.single { it.measure == Measure.PICK }
                    assertEquals(2, picks.outcomes)
                    experiment.end()
                    assertInstanceOf(Asked.One::class.java, chat.ask("And a third one.", greedy(8)))
                    assertEquals(6, chat.history.size)
                }
            }
        }

    @Test
    fun `cancelling the call stops both arms and writes nothing`() =
        live {
            openStore(folder).use { store ->
                val experiment = store.experiments.start(definition(store.challenger()))
                experiment.sideBySide(assistant).use { chat ->
                    val endless = checkNotNull(store.engine).endless()
                    val asking = launch { chat.ask("Write a long story.", endless) }
                    delay(300.milliseconds)
                    val took =
                        measureTime {
                            asking.cancelAndJoin()
                            // At once: what was cancelled may still be coming to its end.
                            assertInstanceOf(Asked.Two::class.java, chat.ask("Name a river.", greedy(4)))
                        }
                    assertTrue(took < 5.seconds, "took $took")
                    val decision = experiment.verdict()
                    assertEquals(1, decision.incumbentExposures + decision.challengerExposures)
                    chat.pick(Choice.FIRST)
                    assertEquals(2, chat.history.size)
                }
            }
        }

    @Test
    fun `a conversation stays under its arm`() =
        live {
            openStore(folder).use { store ->
                val base = store.reply(8)
                val experiment = store.experiments.start(definition(store.challenger(), ExperimentDesign.BY_CONVERSATION, Measure.THUMB))
                failure<PocketuneException.InvalidArgument> { experiment.sideBySide() }
                repeat(4) { unit ->
                    val (chat, arm) = experiment.chat("conversation $unit", assistant)
                    chat.use {
                        val text = it.reply("Name a river.", greedy(8)).text
                        assertEquals(arm == Arm.INCUMBENT, text == base)
                    }
                    experiment.record("conversation $unit", Measure.THUMB, Outcome.Value(1.0))
                }
                val decision = experiment.verdict()
                assertEquals(4, decision.metrics.single().outcomes)
            }
        }

    @Test
    fun `both replies are streamed, and the conversation goes on from the pick`() =
        live {
            openStore(folder).use { store ->
                store.experiments.start(definition(store.challenger())).use { experiment ->
                    experiment.sideBySide(assistant).use { chat ->
                        val parts = chat.stream("Name a river.", greedy(8)).toList()
                        val asked = assertInstanceOf(Asked.Two::class.java, (parts.last() as AskedPart.Done).asked)
                        val first = parts.filterIsInstance<AskedPart.First>()
                        val second = parts.filterIsInstance<AskedPart.Second>()
                        assertTrue(first.size > 1 && second.size > 1, "$parts")
                        assertEquals(parts, first + second + parts.last())
                        assertEquals(asked.first.text, first.joinToString("") { it.text })
                        assertEquals(asked.second.text, second.joinToString("") { it.text })
                        chat.pick(Choice.SECOND)
                        assertEquals(asked.second.text, chat.history.last().content)
                        experiment.end()
                        val one = chat.stream("Name another one.", greedy(8)).toList()
                        val reply = assertInstanceOf(Asked.One::class.java, (one.last() as AskedPart.Done).asked).reply
                        assertEquals(reply.text, one.filterIsInstance<AskedPart.First>().joinToString("") { it.text })
                        assertEquals(4, chat.history.size)
                    }
                }
            }
        }

    @Test
    fun `leaving a stream of both replies writes nothing`() =
        live {
            openStore(folder).use { store ->
                val endless = checkNotNull(store.engine).endless()
                store.experiments.start(definition(store.challenger())).use { experiment ->
                    experiment.sideBySide(assistant).use { chat ->
                        assertInstanceOf(AskedPart.First::class.java, chat.stream("Write a long story.", endless).first())
                        // At once: what was left may still be coming to its end.
                        assertInstanceOf(Asked.Two::class.java, chat.ask("Name a river.", greedy(4)))
                        val decision = experiment.verdict()
                        assertEquals(1, decision.incumbentExposures + decision.challengerExposures)
                    }
                }
            }
        }

    private fun wrong(sound: ExperimentDefinition): List<ExperimentDefinition> =
        listOf(
            sound.copy(id = "Not a name"),
            sound.copy(metrics = emptyList()),
            sound.copy(metrics = sound.metrics + sound.metrics),
            sound.copy(metrics = sound.metrics.map { it.copy(margin = 0.0) }),
            sound.copy(metrics = sound.metrics.map { it.copy(range = MetricRange(1.0, 0.0)) }),
            sound.copy(challenger = sound.challenger.copy(name = "base")),
            sound.copy(limits = ExperimentLimits(0, 28)),
            sound.copy(limits = ExperimentLimits(-1, 28)),
            sound.copy(limits = ExperimentLimits(300, -28)),
            sound.copy(goal = ExperimentGoal.NotWorseBy(1.0)),
            sound.copy(alpha = Double.NaN),
            sound.copy(coverage = 0.0),
            sound.copy(weights = ArmWeights(0.5, 0.6)),
            sound.copy(namespace = ExperimentNamespace("assistant", 0.5, 0.5)),
            sound.copy(hashVersion = -2),
            sound.copy(personOutcomes = 0),
        )
}
