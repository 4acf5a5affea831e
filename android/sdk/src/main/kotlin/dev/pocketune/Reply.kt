package dev.pocketune

import java.time.Duration
import java.time.Instant

/**
 * A finished reply, how it came to be and what it cost.
 *
 * @property id names the reply, also in the history ([Message.replyId]) and after the chat
 *   was saved and restored: 32 hexadecimal digits
 * @property time when it was asked for
 * @property adapters those that it was computed under; empty for the model as it is
 * @property sampling how its tokens were chosen
 * @property text the text, without stop strings
 * @property stopReason why it ended
 * @property promptTokens tokens of the prompt, reused ones included
 * @property reusedTokens prompt tokens that were still cached
 * @property generatedTokens tokens generated
 * @property droppedMessages messages of the history that were left out to fit the context
 * @property timeToFirstToken from the request to its first token, waiting included
 * @property prefillTokensPerS prompt tokens computed per second; 0 when all were reused
 * @property decodeTokensPerS tokens generated per second after the first
 */
public data class Reply(
    val id: String,
    val time: Instant,
    val adapters: List<AdapterChoice>,
    val sampling: ReplySampling,
    val text: String,
    val stopReason: StopReason,
    val promptTokens: Int,
    val reusedTokens: Int,
    val generatedTokens: Int,
    val droppedMessages: Int,
    val timeToFirstToken: Duration,
    val prefillTokensPerS: Double,
    val decodeTokensPerS: Double,
)

/** Why a reply ended. */
public enum class StopReason {
    /** The model ended its turn, or the constraint was fulfilled. */
    END_OF_TURN,

    /** A stop string came up. */
    STOP_STRING,

    /** [GenerationOptions.maxTokens] were generated. */
    MAX_TOKENS,

    /** The context is full. */
    CONTEXT_FULL,

    /** The reply was stopped; the text is what there was. */
    CANCELLED,
}

/**
 * How the tokens of a reply were chosen: what was asked for, with everything that was left
 * open filled in. Biases, stop strings and constraints are not repeated.
 *
 * @property temperature 0 is greedy: then [topK], [topP], [minP] and [seed] had no effect
 * @property topK tokens that were kept; 0 is all
 * @property topP the probability that was kept; 1 is all
 * @property minP the least probability of a kept token as a share of the likeliest one's
 * @property penalties on repetition
 * @property seed of the draw
 * @property maxTokens most tokens that the reply could have
 */
public data class ReplySampling(
    val temperature: Float,
    val topK: Int,
    val topP: Float,
    val minP: Float,
    val penalties: Penalties,
    val seed: Long,
    val maxTokens: Int,
)

/** A part of a reply as it is generated. */
public sealed interface ReplyPart {
    /**
     * The next piece of text: whole characters, never a part of a stop string.
     *
     * @property text the piece
     */
    public data class Text(
        val text: String,
    ) : ReplyPart

    /**
     * The end; nothing follows.
     *
     * @property reply the whole reply
     */
    public data class Done(
        val reply: Reply,
    ) : ReplyPart
}
