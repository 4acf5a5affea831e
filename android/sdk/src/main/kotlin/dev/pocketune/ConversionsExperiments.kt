package dev.pocketune

import dev.pocketune.ffi.Arm as NativeArm
import dev.pocketune.ffi.ArmDefinition as NativeArmDefinition
import dev.pocketune.ffi.ArmWeights as NativeArmWeights
import dev.pocketune.ffi.Asked as NativeAsked
import dev.pocketune.ffi.AskedPart as NativeAskedPart
import dev.pocketune.ffi.Choice as NativeChoice
import dev.pocketune.ffi.DamagedExperiment as NativeDamagedExperiment
import dev.pocketune.ffi.Decision as NativeDecision
import dev.pocketune.ffi.ExperimentDefinition as NativeExperimentDefinition
import dev.pocketune.ffi.ExperimentDesign as NativeExperimentDesign
import dev.pocketune.ffi.ExperimentGoal as NativeExperimentGoal
import dev.pocketune.ffi.ExperimentLimits as NativeExperimentLimits
import dev.pocketune.ffi.ExperimentNamespace as NativeExperimentNamespace
import dev.pocketune.ffi.Forecast as NativeForecast
import dev.pocketune.ffi.Measure as NativeMeasure
import dev.pocketune.ffi.MetricDefinition as NativeMetricDefinition
import dev.pocketune.ffi.MetricEvidence as NativeMetricEvidence
import dev.pocketune.ffi.MetricRange as NativeMetricRange
import dev.pocketune.ffi.MetricRole as NativeMetricRole
import dev.pocketune.ffi.Outcome as NativeOutcome
import dev.pocketune.ffi.Verdict as NativeVerdict
import dev.pocketune.ffi.VerdictReason as NativeVerdictReason

// No branch is `else`: a new native variant does not build until someone decides
// what an app sees.

internal fun ExperimentDefinition.toNative(): NativeExperimentDefinition =
    NativeExperimentDefinition(
        id = id,
        hypothesis = hypothesis,
        design = design.toNative(),
        salt = salt,
        incumbent = incumbent.toNative(),
        challenger = challenger.toNative(),
        metrics = metrics.map { it.toNative() },
        limits = limits.toNative(),
        goal = goal.toNative(),
        alpha = alpha,
        coverage = coverage,
        weights = weights?.let { NativeArmWeights(it.incumbent, it.challenger) },
        namespace = namespace?.let { NativeExperimentNamespace(it.id, it.start, it.end) },
        hashVersion = hashVersion.unsigned("hashVersion"),
        personOutcomes = personOutcomes?.unsigned("personOutcomes"),
    )

private fun ExperimentDesign.toNative(): NativeExperimentDesign =
    when (this) {
        ExperimentDesign.SIDE_BY_SIDE -> NativeExperimentDesign.SIDE_BY_SIDE
        ExperimentDesign.BY_CONVERSATION -> NativeExperimentDesign.BY_CONVERSATION
    }

private fun ArmDefinition.toNative(): NativeArmDefinition = NativeArmDefinition(name, adapters)

private fun MetricDefinition.toNative(): NativeMetricDefinition =
    NativeMetricDefinition(measure.toNative(), role.toNative(), range?.let { NativeMetricRange(it.low, it.high) }, margin)

private fun MetricRole.toNative(): NativeMetricRole =
    when (this) {
        MetricRole.PRIMARY -> NativeMetricRole.PRIMARY
        MetricRole.SECONDARY -> NativeMetricRole.SECONDARY
        MetricRole.GUARDRAIL -> NativeMetricRole.GUARDRAIL
    }

private fun ExperimentLimits.toNative(): NativeExperimentLimits =
    NativeExperimentLimits(
        maxOutcomes = maxOutcomes.unsigned("maxOutcomes"),
        maxDays = maxDays.unsigned("maxDays"),
        minOutcomes = minOutcomes.unsigned("minOutcomes"),
    )

private fun ExperimentGoal.toNative(): NativeExperimentGoal =
    when (this) {
        ExperimentGoal.Better -> NativeExperimentGoal.Better
        is ExperimentGoal.NotWorseBy -> NativeExperimentGoal.NotWorseBy(margin)
    }

internal fun Outcome.toNative(): NativeOutcome =
    when (this) {
        is Outcome.Picked -> NativeOutcome.Picked(arm?.toNative())
        is Outcome.Value -> NativeOutcome.Value(value)
        is Outcome.Pair -> NativeOutcome.Pair(incumbent, challenger)
    }

internal fun Measure.toNative(): NativeMeasure =
    when (this) {
        Measure.PICK -> NativeMeasure.PICK
        Measure.THUMB -> NativeMeasure.THUMB
        Measure.REGENERATE -> NativeMeasure.REGENERATE
        Measure.EDIT_DISTANCE -> NativeMeasure.EDIT_DISTANCE
        Measure.ABANDONMENT -> NativeMeasure.ABANDONMENT
        Measure.CRITIC_SCORE -> NativeMeasure.CRITIC_SCORE
        Measure.REWARD_SCORE -> NativeMeasure.REWARD_SCORE
        Measure.FIRST_TOKEN_MS -> NativeMeasure.FIRST_TOKEN_MS
        Measure.TOKENS_PER_S -> NativeMeasure.TOKENS_PER_S
        Measure.PEAK_MEMORY_MB -> NativeMeasure.PEAK_MEMORY_MB
        Measure.THERMAL_STATE -> NativeMeasure.THERMAL_STATE
        Measure.REFUSAL -> NativeMeasure.REFUSAL
    }

private fun NativeMeasure.toPublic(): Measure =
    when (this) {
        NativeMeasure.PICK -> Measure.PICK
        NativeMeasure.THUMB -> Measure.THUMB
        NativeMeasure.REGENERATE -> Measure.REGENERATE
        NativeMeasure.EDIT_DISTANCE -> Measure.EDIT_DISTANCE
        NativeMeasure.ABANDONMENT -> Measure.ABANDONMENT
        NativeMeasure.CRITIC_SCORE -> Measure.CRITIC_SCORE
        NativeMeasure.REWARD_SCORE -> Measure.REWARD_SCORE
        NativeMeasure.FIRST_TOKEN_MS -> Measure.FIRST_TOKEN_MS
        NativeMeasure.TOKENS_PER_S -> Measure.TOKENS_PER_S
        NativeMeasure.PEAK_MEMORY_MB -> Measure.PEAK_MEMORY_MB
        NativeMeasure.THERMAL_STATE -> Measure.THERMAL_STATE
        NativeMeasure.REFUSAL -> Measure.REFUSAL
    }

private fun Arm.toNative(): NativeArm =
    when (this) {
        Arm.INCUMBENT -> NativeArm.INCUMBENT
        Arm.CHALLENGER -> NativeArm.CHALLENGER
    }

internal fun NativeArm.toPublic(): Arm =
    when (this) {
        NativeArm.INCUMBENT -> Arm.INCUMBENT
        NativeArm.CHALLENGER -> Arm.CHALLENGER
    }

internal fun Choice.toNative(): NativeChoice =
    when (this) {
        Choice.FIRST -> NativeChoice.FIRST
        Choice.SECOND -> NativeChoice.SECOND
        Choice.NEITHER -> NativeChoice.NEITHER
    }

internal fun NativeAsked.toPublic(): Asked =
    when (this) {
        is NativeAsked.One -> Asked.One(reply.toPublic())
        is NativeAsked.Two -> Asked.Two(unit, first.toPublic(), second.toPublic())
    }

internal fun NativeAskedPart.toPublic(): AskedPart =
    when (this) {
        is NativeAskedPart.First -> AskedPart.First(text)
        is NativeAskedPart.Second -> AskedPart.Second(text)
        is NativeAskedPart.Done -> AskedPart.Done(asked.toPublic())
    }

internal fun NativeDamagedExperiment.toPublic(): DamagedExperiment = DamagedExperiment(sha256, reason)

internal fun NativeDecision.toPublic(): Decision =
    Decision(
        verdict = verdict.toPublic(),
        reason = reason.toPublic(),
        guardrail = guardrail?.toPublic(),
        sentence = sentence,
        incumbentExposures = incumbentExposures.capped(),
        challengerExposures = challengerExposures.capped(),
        forecast = forecast.toPublic(),
        moreOutcomes = moreOutcomes?.capped(),
        metrics = metrics.map { it.toPublic() },
    )

private fun NativeMetricEvidence.toPublic(): MetricEvidence = MetricEvidence(measure.toPublic(), outcomes.capped(), effect, low, high)

private fun NativeVerdict.toPublic(): Verdict =
    when (this) {
        NativeVerdict.PROMOTE -> Verdict.PROMOTE
        NativeVerdict.ROLL_BACK -> Verdict.ROLL_BACK
        NativeVerdict.KEEP_GOING -> Verdict.KEEP_GOING
        NativeVerdict.INCONCLUSIVE -> Verdict.INCONCLUSIVE
    }

private fun NativeVerdictReason.toPublic(): VerdictReason =
    when (this) {
        NativeVerdictReason.PRIMARY_BETTER -> VerdictReason.PRIMARY_BETTER
        NativeVerdictReason.PRIMARY_WORSE -> VerdictReason.PRIMARY_WORSE
        NativeVerdictReason.GUARDRAIL_HARMED -> VerdictReason.GUARDRAIL_HARMED
        NativeVerdictReason.GUARDRAIL_OPEN -> VerdictReason.GUARDRAIL_OPEN
        NativeVerdictReason.TOO_FEW_OUTCOMES -> VerdictReason.TOO_FEW_OUTCOMES
        NativeVerdictReason.NOT_YET -> VerdictReason.NOT_YET
        NativeVerdictReason.SAMPLE_RATIO -> VerdictReason.SAMPLE_RATIO
        NativeVerdictReason.OUTCOME_LIMIT -> VerdictReason.OUTCOME_LIMIT
        NativeVerdictReason.DAY_LIMIT -> VerdictReason.DAY_LIMIT
        NativeVerdictReason.ENDED_BY_HAND -> VerdictReason.ENDED_BY_HAND
    }

private fun NativeForecast.toPublic(): Forecast =
    when (this) {
        NativeForecast.UNKNOWN -> Forecast.UNKNOWN
        NativeForecast.WITHIN_LIMIT -> Forecast.WITHIN_LIMIT
        NativeForecast.BEYOND_LIMIT -> Forecast.BEYOND_LIMIT
    }
