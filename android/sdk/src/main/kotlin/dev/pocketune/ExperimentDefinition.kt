package dev.pocketune

/**
 * What an experiment compares, measures and waits for. From Java: [Builder].
 *
 * Every field is explained in `rust/FORMATS.md`, which has the same definition as a file.
 *
 * @property id what it is called: 1 to 64 of `a-z 0-9 . _ -`
 * @property hypothesis what is hoped for, in a sentence
 * @property design who answers
 * @property incumbent what is in use, and stays unless the other proves better
 * @property challenger what may take its place
 * @property metrics what is measured, 1 to 16; exactly one is primary
 * @property limits when it ends without a verdict
 * @property salt makes its assignments its own; experiments of one salt assign alike
 * @property goal what is to be shown of the primary metric
 * @property alpha bound on the chance of a wrong claim, at all looks together
 * @property coverage share of units that take part
 * @property weights shares of both arms by conversation; null: halves. Side by side they are
 *   not used
 * @property namespace the part of a namespace whose units take part; null: all
 * @property hashVersion version of the hash that assigns, 1 or 2
 * @property personOutcomes over several devices: from how many outcomes of each arm on a
 *   person counts, and how many count; null: 8
 */
public data class ExperimentDefinition(
    val id: String,
    val hypothesis: String,
    val design: ExperimentDesign,
    val incumbent: ArmDefinition,
    val challenger: ArmDefinition,
    val metrics: List<MetricDefinition>,
    val limits: ExperimentLimits,
    val salt: String = id,
    val goal: ExperimentGoal = ExperimentGoal.Better,
    val alpha: Double = 0.05,
    val coverage: Double = 1.0,
    val weights: ArmWeights? = null,
    val namespace: ExperimentNamespace? = null,
    val hashVersion: Int = 2,
    val personOutcomes: Int? = null,
) {
    /** Makes an [ExperimentDefinition] from Java: the defaults, but for what is set. */
    public class Builder(
        id: String,
        hypothesis: String,
        design: ExperimentDesign,
        incumbent: ArmDefinition,
        challenger: ArmDefinition,
        metrics: List<MetricDefinition>,
        limits: ExperimentLimits,
    ) {
        private var definition = ExperimentDefinition(id, hypothesis, design, incumbent, challenger, metrics, limits)

        /** Sets [ExperimentDefinition.salt]. */
        public fun salt(salt: String): Builder = apply { definition = definition.copy(salt = salt) }

        /** Sets [ExperimentDefinition.goal]. */
        public fun goal(goal: ExperimentGoal): Builder = apply { definition = definition.copy(goal = goal) }

        /** Sets [ExperimentDefinition.alpha]. */
        public fun alpha(alpha: Double): Builder = apply { definition = definition.copy(alpha = alpha) }

        /** Sets [ExperimentDefinition.coverage]. */
        public fun coverage(share: Double): Builder = apply { definition = definition.copy(coverage = share) }

        /** Sets [ExperimentDefinition.weights]. */
        public fun weights(weights: ArmWeights?): Builder = apply { definition = definition.copy(weights = weights) }

        /** Sets [ExperimentDefinition.namespace]. */
        public fun namespace(part: ExperimentNamespace?): Builder = apply { definition = definition.copy(namespace = part) }

        /** Sets [ExperimentDefinition.hashVersion]. */
        public fun hashVersion(version: Int): Builder = apply { definition = definition.copy(hashVersion = version) }

        /** Sets [ExperimentDefinition.personOutcomes]. */
        public fun personOutcomes(count: Int?): Builder = apply { definition = definition.copy(personOutcomes = count) }

        /** What was set. */
        public fun build(): ExperimentDefinition = definition
    }
}

/** Who answers in an experiment. */
public enum class ExperimentDesign {
    /** Both arms answer each question, in random order; the user picks. */
    SIDE_BY_SIDE,

    /** One arm answers a whole conversation. */
    BY_CONVERSATION,
}

/**
 * One variant. It is exactly these adapters, at scale 1; without any it is the bare model,
 * not what happens to be active.
 *
 * @property name for people; the two of an experiment differ
 * @property adapters SHA-256 of installed adapters
 */
public data class ArmDefinition
    @JvmOverloads
    constructor(
        val name: String,
        val adapters: List<String> = emptyList(),
    )

/**
 * Something that an experiment measures.
 *
 * @property measure what
 * @property role what for
 * @property range the range that is compared; null: the measure's own
 * @property margin how much worse a guardrail may be, as a share of the range
 */
public data class MetricDefinition
    @JvmOverloads
    constructor(
        val measure: Measure,
        val role: MetricRole,
        val range: MetricRange? = null,
        val margin: Double = 0.05,
    )

/** What a metric is for. */
public enum class MetricRole {
    /** The verdict is about it. */
    PRIMARY,

    /** Shown, decides nothing. */
    SECONDARY,

    /**
     * Must be shown not to be worse by its margin before a promotion; the challenger is
     * rolled back where it is shown to be.
     */
    GUARDRAIL,
}

/**
 * A range in a measure's unit; what lies outside counts as its end.
 *
 * @property low where it begins
 * @property high where it ends
 */
public data class MetricRange(
    val low: Double,
    val high: Double,
)

/** What is to be shown of the primary metric for a promotion. */
public sealed interface ExperimentGoal {
    /** The challenger is better. */
    public data object Better : ExperimentGoal

    /**
     * It is not worse by so much of the range or more: for what is smaller or faster.
     *
     * @property margin a share of the range, between 0 and 1
     */
    public data class NotWorseBy(
        val margin: Double,
    ) : ExperimentGoal
}

/**
 * When an experiment ends without a verdict; the incumbent stays.
 *
 * @property maxOutcomes outcomes of the primary metric, at least 1
 * @property maxDays days since the first exposure, at least 1
 * @property minOutcomes outcomes of the primary metric before a promotion; what harms goes
 *   sooner
 */
public data class ExperimentLimits
    @JvmOverloads
    constructor(
        val maxOutcomes: Long,
        val maxDays: Int,
        val minOutcomes: Long = 0,
    )

/**
 * Shares of both arms by conversation; positive, with the sum 1.
 *
 * @property incumbent the incumbent's
 * @property challenger the challenger's
 */
public data class ArmWeights(
    val incumbent: Double,
    val challenger: Double,
)

/**
 * The part of a namespace whose units take part, so that experiments do not meet.
 *
 * @property id the namespace
 * @property start where the part begins, in [0, 1]
 * @property end where it ends
 */
public data class ExperimentNamespace(
    val id: String,
    val start: Double,
    val end: Double,
)
