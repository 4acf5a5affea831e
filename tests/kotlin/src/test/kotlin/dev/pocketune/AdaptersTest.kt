package dev.pocketune

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path

class AdaptersTest {
    private val engine = TestModel.engine

    @TempDir
    private lateinit var folder: Path

    private suspend fun open(): Adapters = openAdapters(folder)

    private suspend fun reply(): String = engine.chat(assistant).use { it.send("Name a river.", greedy()).parts().first }

    @Test
    fun `an adapter is reviewed, installed, activated and left`() =
        live {
            open().use { adapters ->
                val before = reply()
                val review = assertInstanceOf(AdapterVerdict.Accepted::class.java, adapters.review(delivered("brief.gguf"))).adapter
                assertEquals("Answers are shorter.", review.changelog)
                assertEquals(2, review.signers.size)
                assertEquals("accuracy", review.measurements.single().metric)
                assertNull(review.replaces)
                assertTrue(adapters.installed().isEmpty())

                adapters.install(delivered("brief.gguf"))
                val installed = adapters.installed().single()
                assertEquals(review.sha256, installed.sha256)
                assertEquals(before, reply())
                assertNull(adapters.activate(listOf(AdapterChoice(installed.sha256))))
                assertNotEquals(before, reply())
                assertTrue(adapters.rollBack().isEmpty())
                assertEquals(before, reply())
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
                assertEquals(0uL, adapters.clockBehindSeconds())
            }
        }

    @Test
    fun `a stranger's adapter is refused with its reason`() =
        live {
            open().use { adapters ->
                val verdict = adapters.install(delivered("stranger.gguf"))
                val refusal = assertInstanceOf(AdapterVerdict.Refused::class.java, verdict).refusal
                assertEquals(RefusalReason.NO_TRUSTED_SIGNATURE, refusal.reason)
                val entry = adapters.history().first()
                assertEquals(HistoryAction.REFUSED, entry.action)
                assertEquals("no_trusted_signature", entry.reason)
            }
        }

    @Test
    fun `a revoked adapter stops and the app hears why`() =
        live {
            open().use { adapters ->
                val before = reply()
                adapters.install(delivered("brief.gguf"))
                val sha256 = adapters.installed().single().sha256
                adapters.activate(listOf(AdapterChoice(sha256, 0.5f)))
                assertTrue(adapters.apply().isEmpty())
                assertEquals(2uL, adapters.rotatePolicy(deliveredBytes("revoking.json")))
                val refused = adapters.apply().single()
                assertEquals(RefusalReason.REVOKED, refused.refusal.reason)
                assertEquals(before, reply())
                assertEquals(RefusalReason.REVOKED, adapters.activate(listOf(AdapterChoice(sha256)))?.reason)
                adapters.deactivate()
            }
        }

    @Test
    fun `scales lie between 0 and 1 and an adapter occurs once`() =
        live {
            open().use { adapters ->
                adapters.install(delivered("brief.gguf"))
                val sha256 = adapters.installed().single().sha256
                for (scale in listOf(1000f, -1f, Float.NaN, Float.POSITIVE_INFINITY)) {
                    failure<PocketuneException.InvalidArgument> { adapters.activate(listOf(AdapterChoice(sha256, scale))) }
                }
                val often = List(20) { AdapterChoice(sha256, 0.05f) }
                assertEquals(RefusalReason.ADAPTER_TWICE, adapters.activate(often)?.reason)
                assertNull(adapters.activate(listOf(AdapterChoice(sha256, 0.05f))))
                adapters.deactivate()
            }
        }

    @Test
    fun `mistakes are exceptions`() =
        live {
            Adapters.open(engine, folder.toString()).use { adapters ->
                failure<PocketuneException.InvalidArgument> { adapters.review(delivered("brief.gguf")) }
                failure<PocketuneException.InvalidArgument> { adapters.pinPolicy("no policy".toByteArray()) }
                failure<PocketuneException.InvalidArgument> { adapters.remove("abc") }
                failure<PocketuneException.NotNow> { adapters.rollBack() }
            }
            failure<PocketuneException.InvalidArgument> { Adapters.open(engine, folder.toString(), ByteArray(7)) }
            val file = Files.createFile(folder.resolve("file"))
            failure<PocketuneException.StorageFailed> { Adapters.open(engine, file.toString()) }
        }
}
