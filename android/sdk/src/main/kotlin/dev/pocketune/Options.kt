package dev.pocketune

/** A model file in GGUF form. */
public sealed interface ModelSource {
    /**
     * A file to open.
     *
     * @property path its path
     */
    public data class Path(
        val path: String,
    ) : ModelSource

    /**
     * An open, seekable descriptor of the whole file. The library duplicates it:
     * the caller keeps its own, open until the call has returned, and closes it.
     *
     * @property fd the descriptor's number
     */
    public data class Descriptor(
        val fd: Int,
    ) : ModelSource
}

/**
 * How to start a chat.
 *
 * @property systemPrompt instructions before the first turn
 * @property history turns that have been; must alternate, starting with the user
 * @property template where the chat template comes from
 * @property overflow what to do when the conversation no longer fits the context
 */
public data class ChatOptions(
    val systemPrompt: String? = null,
    val history: List<Message> = emptyList(),
    val template: TemplateChoice = TemplateChoice.Model,
    val overflow: OverflowPolicy = OverflowPolicy.ERROR,
)

/** Where a chat's template comes from. */
public sealed interface TemplateChoice {
    /** The template in the model file; a model without one is refused. */
    public data object Model : TemplateChoice

    /** ChatML, whatever the model file says. */
    public data object ChatMl : TemplateChoice

    /**
     * A Jinja template of the app, as `apply_chat_template` of transformers renders it.
     *
     * @property source the template, at most 128 KiB
     */
    public data class Jinja(
        val source: String,
    ) : TemplateChoice
}

/**
 * What one reply may be like.
 *
 * @property maxTokens most tokens of the reply, at least 1
 * @property sampling how tokens are chosen
 * @property stop the reply ends before the first of these strings, which are
 *   never streamed, not even in part; at most 16, each of 1 to 256 bytes
 * @property constraint a form that the reply must have
 */
public data class GenerationOptions(
    val maxTokens: UInt = 512u,
    val sampling: Sampling = Sampling(),
    val stop: List<String> = emptyList(),
    val constraint: Constraint? = null,
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
    public data class Chat(
        val turns: List<Message>,
        val systemPrompt: String? = null,
        val template: TemplateChoice = TemplateChoice.Model,
    ) : Prompt
}
