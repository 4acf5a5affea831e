package dev.pocketune

/** What is measured of a reply, or of a conversation. */
public enum class Measure {
    /** Which of two replies the user picked. */
    PICK,

    /** Thumb up (1) or down (0). */
    THUMB,

    /** Whether another reply was asked for, 1 or 0. */
    REGENERATE,

    /** Share of the reply that the user changed. */
    EDIT_DISTANCE,

    /** Whether the conversation was left without an answer that the user kept, 1 or 0. */
    ABANDONMENT,

    /** What the critics give, 0 to 1. */
    CRITIC_SCORE,

    /** What the reward model gives, as a probability. */
    REWARD_SCORE,

    /** Time to the first token, in ms. */
    FIRST_TOKEN_MS,

    /** Speed of decoding. */
    TOKENS_PER_S,

    /** Peak memory of the process, in 10⁶ bytes. */
    PEAK_MEMORY_MB,

    /** 0 nominal, 1 fair, 2 serious, 3 critical. */
    THERMAL_STATE,

    /** Whether the reply refuses, 1 or 0. */
    REFUSAL,
}

/** What came of a unit, by one measure. */
public sealed interface Outcome {
    /**
     * Of two replies the user picked one.
     *
     * @property arm whose; null: neither was better
     */
    public data class Picked(
        val arm: Arm?,
    ) : Outcome

    /**
     * The one arm that answered was measured.
     *
     * @property value in the measure's unit; 1 or 0 for a yes or no
     */
    public data class Value(
        val value: Double,
    ) : Outcome

    /**
     * Both arms answered, and both were measured.
     *
     * @property incumbent the incumbent's value
     * @property challenger the challenger's value
     */
    public data class Pair(
        val incumbent: Double,
        val challenger: Double,
    ) : Outcome
}
