package dev.pocketune

/** A prompt for [Engine.score] and [Engine.embed]. */
public sealed interface Prompt {
    /**
     * Text as it stands; control tokens written out in it are control tokens.
     *
     * @property text the text
     */
    public data class Raw(
        val text: String,
    ) : Prompt

    /**
     * A conversation, rendered with a chat template and the opening of a reply.
     *
     * @property turns the turns
     * @property systemPrompt instructions before the first turn
     * @property template where the template comes from
     */
    public data class Chat
        @JvmOverloads
        constructor(
            val turns: List<Message>,
            val systemPrompt: String? = null,
            val template: TemplateChoice = TemplateChoice.Model,
        ) : Prompt
}

/** How hidden states of several tokens become one vector. */
public enum class Pooling {
    /** Their mean. */
    MEAN,

    /** The last token's. */
    LAST,
}

/**
 * How likely a reply is.
 *
 * @property logProbability natural-log probability of the whole reply
 * @property tokens each token of the reply, in order
 */
public data class Score(
    val logProbability: Double,
    val tokens: List<TokenScore>,
)

/**
 * One token of a scored reply.
 *
 * @property token the token
 * @property logProbability its natural-log probability given everything before it
 */
public data class TokenScore(
    val token: Int,
    val logProbability: Double,
)

/**
 * A pooled hidden state.
 *
 * @property values one number for each dimension; not normalized
 * @property tokens tokens that went into it
 */
public data class Embedding(
    val values: List<Float>,
    val tokens: Int,
)
