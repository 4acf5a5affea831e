package dev.pocketune

import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** What apps may depend on is written down, so that a change is seen. */
class ApiTest {
    private val listing = File("../../android/sdk/api/pocketune.api")

    @Test
    fun `the public API is what the listing says`() {
        val api = api()
        if (System.getenv("POCKETUNE_WRITE_API") != null) listing.writeText(api)
        assertEquals(
            listing.takeIf(File::isFile)?.readText(),
            api,
            "the public API is another one than android/sdk/api/pocketune.api lists; if that is meant: scripts/kotlin-api.sh",
        )
    }

    @Test
    fun `no signature has a type of the layer below, an unsigned number or a name that Java cannot write`() {
        val telling = Regex("""dev/pocketune/ffi|kotlin/U(Int|Long|Byte|Short)\b| fun [^ (]*-""")
        val found = api().lines().filter(telling::containsMatchIn)
        assertTrue(found.isEmpty(), found.joinToString("\n"))
    }

    private fun api(): String {
        val ours = File("target/classes/dev/pocketune").walk().filter { "ffi" !in it.path.split(File.separatorChar) }
        val android = File("target/test-classes/dev/pocketune/PocketuneAndroid.class")
        val classes = (ours + android).filter { it.extension == "class" }
        return buildString { AbiTools.getInstance().printJvmDump(this, classes.toList(), AbiFilters.EMPTY) }
    }
}
