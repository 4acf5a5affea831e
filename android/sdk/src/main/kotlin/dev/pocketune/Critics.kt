package dev.pocketune

/**
 * A ruling of the critics and what it rests on; [Pocketune.criticize] asks for it.
 *
 * @property ruling the decision
 * @property score from 0 to 1, by all critics together
 * @property objections of those that object
 */
public data class Judgement(
    val ruling: Ruling,
    val score: Double,
    val objections: List<Objection>,
)

/** What the critics decide. */
public enum class Ruling {
    /** Nothing to object. */
    PASS,

    /** Certainly at fault. */
    FAIL,

    /** A person should look. */
    NEEDS_REVIEW,
}

/**
 * What one critic objects.
 *
 * @property critic its name, such as `repetition`
 * @property score from 0, certainly at fault, to 1
 * @property reason why, in plain words, without anything that user or model wrote
 */
public data class Objection(
    val critic: String,
    val score: Double,
    val reason: String,
)
