package dev.pocketune

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path

class ReviewsTest {
    @TempDir
    private lateinit var folder: Path

    private val question = "Why is the sky blue?"
    private val fine = "Because air scatters blue light more than red light."

    // The bracket stays open, which may mean that something is missing.
    private val doubtful = "Because air scatters blue light more than red light (as it does at noon."

    @Test
    fun `critics object to an empty reply and not to a good one`() {
        val empty = Pocketune.criticize(question, "")
        assertEquals(Ruling.FAIL, empty.ruling)
        assertTrue(empty.objections.isNotEmpty())
        val good = Pocketune.criticize(question, fine, systemPrompt = "You are a helpful assistant.")
        assertEquals(Ruling.PASS, good.ruling)
        assertTrue(good.objections.isEmpty())
        assertTrue(good.score > empty.score)
    }

    @Test
    fun `nothing is kept or shared without consent`() =
        live {
            // Reviewing needs no model.
            Store.open(folder.toFile()).use { store ->
                val reviews = store.reviews
                assertEquals(
                    ConsentPurpose.REVIEW,
                    failure<PocketuneException.ConsentMissing> { reviews.offer(question, doubtful) }.purpose,
                )
                assertTrue(store.consents().isEmpty())
                store.setConsent(ConsentPurpose.REVIEW, true)
                assertEquals(setOf(ConsentPurpose.REVIEW), store.consents())
                assertNull(reviews.offer(question, fine))
                val id = checkNotNull(reviews.offer(question, doubtful))
                val kept = reviews.list().single()
                assertEquals(listOf(id, question, doubtful), listOf(kept.id, kept.prompt, kept.reply))
                assertEquals("balance", kept.objections.single().critic)

                failure<PocketuneException.ConsentMissing> { reviews.share(id) }
                assertEquals(ConsentPurpose.REVIEW_SHARING, failure<PocketuneException.ConsentMissing> { reviews.export() }.purpose)
                store.setConsent(ConsentPurpose.REVIEW_SHARING, true)
                assertEquals("", reviews.export())
                reviews.share(id)
                assertTrue("at noon" in reviews.export())

                assertEquals(1, reviews.importLabels("""{"id": "$id", "annotator": "ann", "label": "pass"}"""))
                failure<PocketuneException.InvalidArgument> { reviews.importLabels("{}") }
                val labelled = reviews.list().single()
                assertEquals(listOf(ReviewLabel("ann", "pass")), labelled.labels)
                assertTrue(checkNotNull(labelled.exportedAt) >= labelled.keptAt)
                reviews.forget(id)
                failure<PocketuneException.InvalidArgument> { reviews.forget(id) }

                reviews.offer(question, doubtful)
                store.setConsent(ConsentPurpose.REVIEW, false)
                assertTrue(reviews.list().isEmpty())
            }
        }

    @Test
    fun `what nothing uses cannot be agreed to`() =
        live {
            Store.open(folder.toFile()).use { store ->
                for (purpose in ConsentPurpose.entries - setOf(ConsentPurpose.REVIEW, ConsentPurpose.REVIEW_SHARING)) {
                    failure<PocketuneException.NotNow> { store.setConsent(purpose, true) }
                    store.setConsent(purpose, false)
                }
                assertTrue(store.consents().isEmpty())
            }
        }
}
