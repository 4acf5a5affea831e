package dev.pocketune

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import kotlin.time.Duration.Companion.seconds

/** The small model that the tests run, and one engine that they share. */
object TestModel {
    /** Path of SmolLM2-135M-Instruct; a missing file fails the test that asks. */
    val path: File by lazy {
        val file = System.getenv("POCKETUNE_MODEL")?.let(Path::of) ?: models().resolve("smollm2-135m-instruct-q4_1.gguf")
        check(Files.isRegularFile(file)) { "no model at $file: scripts/fetch-model.sh smollm2 fetches it" }
        file.toFile()
    }

    /** The model as a source. */
    val source: ModelSource by lazy { ModelSource.Path(path) }

    /** Options that keep the tests small. */
    val options = EngineOptions(contextTokens = 1024, threads = 2)

    /** Shared by the tests that do not close it. */
    val engine: Engine by lazy { runBlocking { Engine.load(source, options) } }

    private fun models(): Path {
        System.getenv("POCKETUNE_MODELS")?.let { return Path.of(it) }
        val cache = System.getenv("XDG_CACHE_HOME")?.let(Path::of) ?: Path.of(System.getProperty("user.home"), ".cache")
        return cache.resolve("pocketune").resolve("models")
    }
}

/** What tests/examples/delivery.rs made. */
fun delivered(name: String): File = File(System.getenv("POCKETUNE_DELIVERY"), name)

/** What is in [delivered]. */
fun deliveredBytes(name: String): ByteArray = delivered(name).readBytes()

/** A store in [folder] under the delivered policy, with an engine of its own. */
suspend fun openStore(folder: Path): Store {
    val engine = Engine.load(TestModel.source, TestModel.options)
    return Store.open(folder.toFile(), engine).also { it.pinPolicy(deliveredBytes("policy.json")) }
}

/** Its engine's greedy reply. */
suspend fun Store.reply(maxTokens: Int = 16): String =
    checkNotNull(engine).chat(assistant).use { it.reply("Name a river.", greedy(maxTokens)).text }

/** Installs the delivered adapter and returns its SHA-256. */
suspend fun Store.challenger(): String {
    adapters.install(delivered("brief.gguf"))
    return adapters.installed().single().sha256
}

/** An experiment: the model as it is against an adapter. */
fun definition(
    challenger: String,
    design: ExperimentDesign = ExperimentDesign.SIDE_BY_SIDE,
    measure: Measure = Measure.PICK,
): ExperimentDefinition =
    ExperimentDefinition(
        id = "brief",
        hypothesis = "Short replies are picked.",
        design = design,
        incumbent = ArmDefinition("base"),
        challenger = ArmDefinition("brief", listOf(challenger)),
        metrics = listOf(MetricDefinition(measure, MetricRole.PRIMARY)),
        limits = ExperimentLimits(maxOutcomes = 300, maxDays = 28),
    )

/** Runs a test that suspends, for at most two minutes. */
fun live(block: suspend CoroutineScope.() -> Unit): Unit = runBlocking { withTimeout(120.seconds) { block() } }

/** Without instructions the model answers questions about France in French. */
val assistant = ChatOptions(systemPrompt = "You are a helpful assistant.")

/** Greedy decoding of a few tokens. */
fun greedy(maxTokens: Int = 16): GenerationOptions = GenerationOptions(maxTokens = maxTokens, sampling = Sampling(temperature = 0f))

/** Greedy decoding that ends at nothing but the context's end. */
fun Engine.endless(): GenerationOptions {
    val ends = listOf("<|im_end|>", "<|endoftext|>").map { tokenize(it, withControlTokens = true).single() }
    val never = ends.map { TokenBias(it, Float.NEGATIVE_INFINITY) }
    return GenerationOptions(maxTokens = 100_000, sampling = Sampling(temperature = 0f, logitBias = never))
}

/** Collects a flow, which must end with its only [ReplyPart.Done]. */
suspend fun Flow<ReplyPart>.parts(): Pair<String, Reply> {
    val text = StringBuilder()
    var reply: Reply? = null
    collect { part ->
        check(reply == null) { "a part came after the end" }
        when (part) {
            is ReplyPart.Text -> text.append(part.text)
            is ReplyPart.Done -> reply = part.reply
        }
    }
    return text.toString() to checkNotNull(reply)
}

/** Runs [block], which must throw an [E], and returns it. */
suspend inline fun <reified E : Throwable> failure(crossinline block: suspend () -> Any?): E {
    val thrown = runCatching { block() }.exceptionOrNull() ?: throw AssertionError("nothing was thrown")
    if (thrown !is E) throw AssertionError("expected ${E::class.simpleName}, got $thrown", thrown)
    return thrown
}
