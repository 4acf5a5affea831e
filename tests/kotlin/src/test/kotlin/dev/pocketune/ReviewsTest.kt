package dev.pocketune

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
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
            openAdapters(folder).use { adapters ->
                val reviews = adapters.reviews
                assertEquals(ReviewConsent.KEEP, failure<PocketuneException.ConsentMissing> { reviews.offer(question, doubtful) }.consent)
                assertFalse(reviews.hasConsent(ReviewConsent.KEEP))
                reviews.setConsent(ReviewConsent.KEEP, true)
                assertTrue(reviews.hasConsent(ReviewConsent.KEEP))
                assertNull(reviews.offer(question, fine))
                val id = checkNotNull(reviews.offer(question, doubtful))
                val kept = reviews.list().single()
                assertEquals(listOf(id, question, doubtful), listOf(kept.id, kept.prompt, kept.reply))
                assertEquals("balance", kept.objections.single().critic)

                failure<PocketuneException.ConsentMissing> { reviews.share(id) }
                assertEquals(ReviewConsent.SHARE, failure<PocketuneException.ConsentMissing> { reviews.export() }.consent)
                reviews.setConsent(ReviewConsent.SHARE, true)
                assertEquals("", reviews.export())
                reviews.share(id)
                assertTrue("at noon" in reviews.export())

                assertEquals(1uL, reviews.importLabels("""{"id": "$id", "annotator": "ann", "label": "pass"}"""))
                failure<PocketuneException.InvalidArgument> { reviews.importLabels("{}") }
                val labelled = reviews.list().single()
                assertEquals(listOf(ReviewLabel("ann", "pass")), labelled.labels)
                assertNotNull(labelled.exportedAtS)
                reviews.forget(id)
                failure<PocketuneException.InvalidArgument> { reviews.forget(id) }

                reviews.offer(question, doubtful)
                reviews.setConsent(ReviewConsent.KEEP, false)
                assertTrue(reviews.list().isEmpty())
            }
        }
}
