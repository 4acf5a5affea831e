package dev.pocketune.readme

import dev.pocketune.Choice
import dev.pocketune.TestModel
import dev.pocketune.challenger
import dev.pocketune.definition
import dev.pocketune.live
import dev.pocketune.openStore
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.nio.file.Path

class ReadmeSnippetTest {
    @Test
    fun `what the README shows prints a reply`() =
        live {
            val printed = printed { askTheModel(TestModel.path) }
            assertTrue(Regex("""\S[\s\S]*\n\d+ tokens/s\n""").containsMatchIn(printed), printed)
        }

    @Test
    fun `what the README shows of experiments prints a verdict`(
        @TempDir folder: Path,
    ) = live {
        openStore(folder).use { store ->
            val definition = definition(store.challenger())
            val shown = mutableListOf<String>()
            val printed =
                printed {
                    compare(store, definition) { first, second ->
                        shown += listOf(first, second)
                        Choice.SECOND
                    }
                }
            assertEquals(2, shown.size)
            assertTrue(printed.isNotBlank())
            val decision =
                store.experiments
                    .all()
                    .single()
                    .verdict()
            assertEquals(1, decision.metrics.single().outcomes)
        }
    }

    private suspend fun printed(block: suspend () -> Unit): String {
        val out = System.out
        val printed = ByteArrayOutputStream()
        System.setOut(PrintStream(printed, true))
        try {
            block()
        } finally {
            System.setOut(out)
        }
        return printed.toString()
    }
}
