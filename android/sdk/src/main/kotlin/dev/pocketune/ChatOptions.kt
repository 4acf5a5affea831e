package dev.pocketune

/**
 * How to start a chat. From Java: [Builder].
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
) {
    /** Makes [ChatOptions] from Java: the defaults, but for what is set. */
    public class Builder {
        private var options = ChatOptions()

        /** Sets [ChatOptions.systemPrompt]. */
        public fun systemPrompt(prompt: String?): Builder = apply { options = options.copy(systemPrompt = prompt) }

        /** Sets [ChatOptions.history]. */
        public fun history(turns: List<Message>): Builder = apply { options = options.copy(history = turns) }

        /** Sets [ChatOptions.template]. */
        public fun template(choice: TemplateChoice): Builder = apply { options = options.copy(template = choice) }

        /** Sets [ChatOptions.overflow]. */
        public fun overflow(policy: OverflowPolicy): Builder = apply { options = options.copy(overflow = policy) }

        /** What was set. */
        public fun build(): ChatOptions = options
    }
}

/**
 * One message of a conversation.
 *
 * @property role who wrote it
 * @property content what it says
 * @property replyId [Reply.id] of the reply that it is, where the chat's model wrote it;
 *   null for what the app says was said
 */
public data class Message
    @JvmOverloads
    constructor(
        val role: Role,
        val content: String,
        val replyId: String? = null,
    )

/** Who wrote a message. */
public enum class Role {
    /** Instructions of the app. */
    SYSTEM,

    /** The user. */
    USER,

    /** The model. */
    ASSISTANT,
}

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

/** What to do when a conversation no longer fits the context. */
public enum class OverflowPolicy {
    /** Refuse with [PocketuneException.ContextFull]. */
    ERROR,

    /** Leave the oldest turns out of the prompt; the history itself stays. */
    DROP_OLDEST_TURNS,
}
