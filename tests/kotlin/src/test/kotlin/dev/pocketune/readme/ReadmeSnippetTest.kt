package dev.pocketune.readme

import dev.pocketune.TestModel
import dev.pocketune.live
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayOutputStream
import java.io.PrintStream

class ReadmeSnippetTest {
    @Test
    fun `what the README shows prints a reply`() =
        live {
            val out = System.out
            val printed = ByteArrayOutputStream()
            System.setOut(PrintStream(printed, true))
            try {
                askTheModel(TestModel.path)
            } finally {
                System.setOut(out)
            }
            assertTrue(Regex("""\S[\s\S]*\n\d+ tokens/s\n""").containsMatchIn(printed.toString()), "$printed")
        }
}
