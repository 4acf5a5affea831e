package dev.pocketune

/**
 * A verdict with its evidence.
 *
 * @property verdict what to do
 * @property reason why
 * @property guardrail the guardrail of that reason; null where it is about none
 * @property sentence what, why and on which numbers, in a sentence
 * @property incumbentExposures exposures of the incumbent
 * @property challengerExposures exposures of the challenger
 * @property forecast whether a verdict is in sight
 * @property moreOutcomes about how many more outcomes lead to it; null where it is not in
 *   sight
 * @property metrics evidence by each metric
 */
public data class Decision(
    val verdict: Verdict,
    val reason: VerdictReason,
    val guardrail: Measure?,
    val sentence: String,
    val incumbentExposures: Long,
    val challengerExposures: Long,
    val forecast: Forecast,
    val moreOutcomes: Long?,
    val metrics: List<MetricEvidence>,
)

/** What an experiment proves. */
public enum class Verdict {
    /** The challenger takes the incumbent's place. */
    PROMOTE,

    /** The challenger is worse and goes. */
    ROLL_BACK,

    /** Nothing is proven yet. */
    KEEP_GOING,

    /** Nothing was proven; the incumbent stays. */
    INCONCLUSIVE,
}

/** Why an experiment proves what it proves. */
public enum class VerdictReason {
    /** The goal of the primary metric is reached and every guardrail holds. */
    PRIMARY_BETTER,

    /** The challenger is worse by the primary metric. */
    PRIMARY_WORSE,

    /** It is worse by a guardrail's margin. */
    GUARDRAIL_HARMED,

    /** The goal is reached; a guardrail is not shown to hold yet. */
    GUARDRAIL_OPEN,

    /** The goal is reached with fewer outcomes than asked for. */
    TOO_FEW_OUTCOMES,

    /** The evidence is not enough yet. */
    NOT_YET,

    /** Arms were not assigned by their weights: nothing that was counted can be believed. */
    SAMPLE_RATIO,

    /** There are as many outcomes as there may be. */
    OUTCOME_LIMIT,

    /** It has lasted as long as it may. */
    DAY_LIMIT,

    /** Somebody ended it. */
    ENDED_BY_HAND,
}

/**
 * Whether a verdict is in sight, if the outcomes to come are as those that came. An
 * estimate, rough early on.
 */
public enum class Forecast {
    /** Nothing can be said yet. */
    UNKNOWN,

    /** Fewer than the limit leaves. */
    WITHIN_LIMIT,

    /** More than the limit leaves. */
    BEYOND_LIMIT,
}

/**
 * What one metric of an experiment says. Effects are shares of the metric's range, the
 * challenger's mean less the incumbent's, positive where the challenger is better.
 *
 * @property measure which
 * @property outcomes how many outcomes
 * @property effect the effect seen; null before both arms have outcomes
 * @property low where the effect is at least, at all looks at once, with probability 1 − alpha
 * @property high where it is at most
 */
public data class MetricEvidence(
    val measure: Measure,
    val outcomes: Long,
    val effect: Double?,
    val low: Double,
    val high: Double,
)
