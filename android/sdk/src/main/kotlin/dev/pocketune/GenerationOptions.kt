package dev.pocketune

/**
 * What one reply may be like. From Java: [Builder].
 *
 * @property maxTokens most tokens of the reply, at least 1
 * @property sampling how tokens are chosen
 * @property stop the reply ends before the first of these strings, which are
 *   never streamed, not even in part; at most 16, each of 1 to 256 bytes
 * @property constraint a form that the reply must have
 */
public data class GenerationOptions(
    val maxTokens: Int = 512,
    val sampling: Sampling = Sampling(),
    val stop: List<String> = emptyList(),
    val constraint: Constraint? = null,
) {
    /** Makes [GenerationOptions] from Java: the defaults, but for what is set. */
    public class Builder {
        private var options = GenerationOptions()

        /** Sets [GenerationOptions.maxTokens]. */
        public fun maxTokens(tokens: Int): Builder = apply { options = options.copy(maxTokens = tokens) }

        /** Sets [GenerationOptions.sampling]. */
        public fun sampling(sampling: Sampling): Builder = apply { options = options.copy(sampling = sampling) }

        /** Sets [GenerationOptions.stop]. */
        public fun stop(strings: List<String>): Builder = apply { options = options.copy(stop = strings) }

        /** Sets [GenerationOptions.constraint]. */
        public fun constraint(constraint: Constraint?): Builder = apply { options = options.copy(constraint = constraint) }

        /** What was set. */
        public fun build(): GenerationOptions = options
    }
}

/**
 * How a token is chosen from the logits. From Java: [Builder].
 *
 * @property temperature 0 is greedy; else 0.001 to 10
 * @property topK keeps this many tokens; 0 keeps all
 * @property topP keeps the smallest set with this probability; 1 is off
 * @property minP keeps tokens at least this fraction as likely as the likeliest; 0 is off
 * @property penalties on repetition; null: none
 * @property seed of the draw, 0 to 4,294,967,295; null draws one, which the reply names
 * @property logitBias added to single tokens' logits
 */
public data class Sampling(
    val temperature: Float = 0.7f,
    val topK: Int = 40,
    val topP: Float = 0.95f,
    val minP: Float = 0.05f,
    val penalties: Penalties? = null,
    val seed: Long? = null,
    val logitBias: List<TokenBias> = emptyList(),
) {
    /** Makes [Sampling] from Java: the defaults, but for what is set. */
    public class Builder {
        private var sampling = Sampling()

        /** Sets [Sampling.temperature]. */
        public fun temperature(temperature: Float): Builder = apply { sampling = sampling.copy(temperature = temperature) }

        /** Sets [Sampling.topK]. */
        public fun topK(tokens: Int): Builder = apply { sampling = sampling.copy(topK = tokens) }

        /** Sets [Sampling.topP]. */
        public fun topP(probability: Float): Builder = apply { sampling = sampling.copy(topP = probability) }

        /** Sets [Sampling.minP]. */
        public fun minP(fraction: Float): Builder = apply { sampling = sampling.copy(minP = fraction) }

        /** Sets [Sampling.penalties]. */
        public fun penalties(penalties: Penalties?): Builder = apply { sampling = sampling.copy(penalties = penalties) }

        /** Sets [Sampling.seed]. */
        public fun seed(seed: Long?): Builder = apply { sampling = sampling.copy(seed = seed) }

        /** Sets [Sampling.logitBias]. */
        public fun logitBias(biases: List<TokenBias>): Builder = apply { sampling = sampling.copy(logitBias = biases) }

        /** What was set. */
        public fun build(): Sampling = sampling
    }
}

/**
 * Lowers the logits of tokens that were used before.
 *
 * @property lastTokens tokens looked back at, 0 to 4,096
 * @property repeat factor on used tokens, 0.01 to 10; 1 is off
 * @property frequency subtracted for each use; 0 is off
 * @property presence subtracted once from each used token; 0 is off
 */
public data class Penalties
    @JvmOverloads
    constructor(
        val lastTokens: Int = 64,
        val repeat: Float = 1f,
        val frequency: Float = 0f,
        val presence: Float = 0f,
    )

/**
 * Adds to one token's logit.
 *
 * @property token the token
 * @property bias what is added, at most a million either way; negative infinity forbids
 *   the token
 */
public data class TokenBias(
    val token: Int,
    val bias: Float,
)

/** A form that a reply must have. */
public sealed interface Constraint {
    /**
     * A grammar in llama.cpp's GBNF notation, at most 64 KiB. What is wrong with it
     * is said with its rule or line.
     *
     * @property grammar the grammar, with the start symbol `root`
     */
    public data class Gbnf(
        val grammar: String,
    ) : Constraint

    /**
     * A JSON Schema of at most 64 KiB; the reply is one JSON document. Between its
     * parts stands at most one space, or one line break and 20 spaces or tabs.
     *
     * @property schema the schema, as JSON text
     */
    public data class JsonSchema(
        val schema: String,
    ) : Constraint
}
