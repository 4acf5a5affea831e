package dev.pocketune

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.time.Instant

class AdaptersTest {
    @TempDir
    private lateinit var folder: Path

    @Test
    fun `an adapter is verified, installed, activated and left`() =
        live {
            openStore(folder).use { store ->
                val adapters = store.adapters
                val before = store.reply()
                val verdict = assertInstanceOf(AdapterVerdict.Accepted::class.java, adapters.verify(delivered("brief.gguf")))
                val summary = verdict.adapter
                assertEquals("Answers are shorter.", summary.changelog)
                assertEquals(2, summary.signers.size)
                assertEquals("accuracy", summary.measurements.single().metric)
                assertTrue(summary.createdAt < summary.expiresAt)
                assertNull(summary.replaces)
                assertTrue(adapters.installed().isEmpty())

                adapters.install(delivered("brief.gguf"))
                val installed = adapters.installed().single()
                assertEquals(summary.sha256, installed.sha256)
                assertTrue(installed.installedAt <= Instant.now())
                assertEquals(before, store.reply())
                assertNull(adapters.activate(listOf(AdapterChoice(installed.sha256))))
                assertNotEquals(before, store.reply())
                assertTrue(adapters.rollBack().isEmpty())
                assertEquals(before, store.reply())
                adapters.remove(installed.sha256)
                assertEquals(
                    listOf(
                        HistoryAction.REMOVED,
                        HistoryAction.ROLLED_BACK,
                        HistoryAction.ACTIVATED,
                        HistoryAction.INSTALLED,
                        HistoryAction.POLICY_PINNED,
                    ),
                    adapters.history().map { it.action },
                )
                assertEquals(2, adapters.history(2).size)
            }
        }

    @Test
    fun `a reply names the adapters that it was computed under`() =
        live {
            openStore(folder).use { store ->
                val choice = AdapterChoice(store.challenger(), 0.5f)
                store.adapters.activate(listOf(choice))
                val engine = checkNotNull(store.engine)
                assertEquals(listOf(choice), engine.chat(assistant).use { it.reply("Name a river.", greedy(4)).adapters })
                store.adapters.deactivate()
                assertTrue(engine.chat(assistant).use { it.reply("Name a river.", greedy(4)).adapters }.isEmpty())
            }
        }

    @Test
    fun `a stranger's adapter is refused with its reason`() =
        live {
            openStore(folder).use { store ->
                val verdict = store.adapters.install(delivered("stranger.gguf"))
                val refusal = assertInstanceOf(AdapterVerdict.Refused::class.java, verdict).refusal
                assertEquals(RefusalReason.NO_TRUSTED_SIGNATURE, refusal.reason)
                val entry = store.adapters.history().first()
                assertEquals(HistoryAction.REFUSED, entry.action)
                assertEquals("no_trusted_signature", entry.reason)
            }
        }

    @Test
    fun `a revoked adapter stops and the app hears why`() =
        live {
            openStore(folder).use { store ->
                val adapters = store.adapters
                val before = store.reply()
                val sha256 = store.challenger()
                adapters.activate(listOf(AdapterChoice(sha256, 0.5f)))
                assertTrue(adapters.apply().isEmpty())
                assertEquals(2, store.rotatePolicy(deliveredBytes("revoking.json")))
                val refused = adapters.apply().single()
                assertEquals(RefusalReason.REVOKED, refused.refusal.reason)
                assertEquals(before, store.reply())
                assertEquals(RefusalReason.REVOKED, adapters.activate(listOf(AdapterChoice(sha256)))?.reason)
                adapters.deactivate()
            }
        }

    @Test
    fun `scales lie between 0 and 1 and an adapter occurs once`() =
        live {
            openStore(folder).use { store ->
                val sha256 = store.challenger()
                for (scale in listOf(1000f, -1f, Float.NaN, Float.POSITIVE_INFINITY)) {
                    val choice = AdapterChoice(sha256, scale)
                    val refused = failure<PocketuneException.InvalidArgument> { store.adapters.activate(listOf(choice)) }
                    assertEquals("scale", refused.argument)
                }
                val often = List(20) { AdapterChoice(sha256, 0.05f) }
                assertEquals(RefusalReason.ADAPTER_TWICE, store.adapters.activate(often)?.reason)
                assertNull(store.adapters.activate(listOf(AdapterChoice(sha256, 0.05f))))
                store.adapters.deactivate()
            }
        }

    @Test
    fun `mistakes are exceptions`() =
        live {
            openStore(folder).use { store ->
                val adapters = store.adapters
                assertEquals("sha256", failure<PocketuneException.InvalidArgument> { adapters.remove("abc") }.argument)
                assertEquals("limit", failure<PocketuneException.InvalidArgument> { adapters.history(-1) }.argument)
                failure<PocketuneException.NotNow> { adapters.rollBack() }
            }
        }
}
