package dev.pocketune

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration

class StoreTest {
    @TempDir
    private lateinit var folder: Path

    @Test
    fun `closing the store closes its engine`() =
        live {
            val engine = Engine.load(TestModel.source, TestModel.options)
            val store = Store.open(folder.toFile(), engine)
            assertSame(engine, store.engine)
            store.close()
            store.close()
            failure<PocketuneException.Closed> { engine.chat() }
            failure<PocketuneException.Closed> { store.consents() }
            failure<PocketuneException.Closed> { store.adapters.installed() }
            failure<PocketuneException.Closed> { store.experiments.all() }
            failure<PocketuneException.Closed> { store.reviews.list() }
            failure<PocketuneException.Closed> { store.rewardModels.open(delivered("reward.gguf")) }
        }

    @Test
    fun `without an engine a store lists and removes, and says so where it needs one`() =
        live {
            val sha256 =
                openStore(folder).use { store ->
                    store.challenger().also { store.experiments.start(definition(it)).close() }
                }
            Store.open(folder.toFile()).use { store ->
                assertNull(store.engine)
                assertEquals(
                    sha256,
                    store.adapters
                        .installed()
                        .single()
                        .sha256,
                )
                failure<PocketuneException.NotNow> { store.adapters.apply() }
                failure<PocketuneException.NotNow> { store.adapters.verify(delivered("brief.gguf")) }
                failure<PocketuneException.NotNow> { store.adapters.activate(listOf(AdapterChoice(sha256))) }
                failure<PocketuneException.NotNow> { store.rewardModels.open(delivered("reward.gguf")) }
                store.experiments.all().single().use { experiment ->
                    experiment.assign("a")
                    assertTrue(experiment.ledger().isNotEmpty())
                    failure<PocketuneException.NotNow> { experiment.sideBySide() }
                    store.experiments.forget(experiment.sha256)
                }
                store.adapters.remove(sha256)
                assertTrue(store.adapters.installed().isEmpty())
            }
        }

    @Test
    fun `the clock is right and the policy has its version`() =
        live {
            Store.open(folder.toFile()).use { store ->
                assertEquals(1, store.pinPolicy(deliveredBytes("policy.json")))
                assertEquals(2, store.rotatePolicy(deliveredBytes("revoking.json")))
                assertEquals(Duration.ZERO, store.clockBehind())
                store.trustClock()
                val refused = failure<PocketuneException.InvalidArgument> { store.pinPolicy("no policy".toByteArray()) }
                assertEquals("policy", refused.argument)
            }
        }

    @Test
    fun `what is no folder and no key is refused, and the engine stays open`() =
        live {
            val file = Files.createFile(folder.resolve("file")).toFile()
            val failed = failure<PocketuneException.StorageFailed> { Store.open(file) }
            assertEquals(StorageFault.OTHER, failed.kind)
            val refused = failure<PocketuneException.InvalidArgument> { Store.open(folder.toFile(), TestModel.engine, ByteArray(7)) }
            assertEquals("deviceKey", refused.argument)
            assertTrue(TestModel.engine.tokenize("a").isNotEmpty())
        }

    @Test
    fun `a damaged store says so`() =
        live {
            Files.write(folder.resolve("store.sqlite"), ByteArray(5_000) { 7 })
            val failed = failure<PocketuneException.StorageFailed> { Store.open(folder.toFile()) }
            assertEquals(StorageFault.DAMAGED, failed.kind)
        }
}
