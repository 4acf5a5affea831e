package dev.pocketune

import java.time.Instant
import dev.pocketune.ffi.AdapterChoice as NativeAdapterChoice
import dev.pocketune.ffi.AdapterMeasurement as NativeAdapterMeasurement
import dev.pocketune.ffi.AdapterRefusal as NativeAdapterRefusal
import dev.pocketune.ffi.AdapterSummary as NativeAdapterSummary
import dev.pocketune.ffi.AdapterVerdict as NativeAdapterVerdict
import dev.pocketune.ffi.HistoryAction as NativeHistoryAction
import dev.pocketune.ffi.HistoryEntry as NativeHistoryEntry
import dev.pocketune.ffi.InstalledAdapter as NativeInstalledAdapter
import dev.pocketune.ffi.RefusalReason as NativeRefusalReason
import dev.pocketune.ffi.RefusedAdapter as NativeRefusedAdapter

// No branch is `else`: a new native variant does not build until someone decides
// what an app sees.

internal fun AdapterChoice.toNative(): NativeAdapterChoice = NativeAdapterChoice(sha256, scale)

internal fun NativeAdapterChoice.toPublic(): AdapterChoice = AdapterChoice(sha256, scale)

internal fun NativeAdapterVerdict.toPublic(): AdapterVerdict =
    when (this) {
        is NativeAdapterVerdict.Accepted -> AdapterVerdict.Accepted(adapter.toPublic())
        is NativeAdapterVerdict.Refused -> AdapterVerdict.Refused(refusal.toPublic())
    }

internal fun NativeInstalledAdapter.toPublic(): InstalledAdapter =
    InstalledAdapter(
        sha256 = sha256,
        name = name,
        channel = channel,
        version = version.capped(),
        sizeBytes = sizeBytes.capped(),
        madeHere = madeHere,
        installedAt = Instant.ofEpochSecond(installedAtS),
    )

private fun NativeAdapterSummary.toPublic(): AdapterSummary =
    AdapterSummary(
        sha256 = sha256,
        name = name,
        channel = channel,
        version = version.capped(),
        sizeBytes = sizeBytes.capped(),
        changelog = changelog,
        objective = objective,
        dataSummary = dataSummary,
        createdAt = Instant.ofEpochSecond(createdAtS),
        expiresAt = Instant.ofEpochSecond(expiresAtS),
        signers = signers,
        validators = validators,
        measurements = measurements.map { it.toPublic() },
        madeHere = madeHere,
        replaces = replaces?.toPublic(),
    )

private fun NativeAdapterMeasurement.toPublic(): AdapterMeasurement = AdapterMeasurement(suite, metric, value, baseline)

internal fun NativeRefusedAdapter.toPublic(): RefusedAdapter = RefusedAdapter(sha256, refusal.toPublic())

internal fun NativeAdapterRefusal.toPublic(): AdapterRefusal = AdapterRefusal(reason.toPublic(), detail)

private fun NativeRefusalReason.toPublic(): RefusalReason =
    when (this) {
        NativeRefusalReason.TOO_LARGE -> RefusalReason.TOO_LARGE
        NativeRefusalReason.BUNDLE_TOO_LARGE -> RefusalReason.BUNDLE_TOO_LARGE
        NativeRefusalReason.ENVELOPE -> RefusalReason.ENVELOPE
        NativeRefusalReason.POLICY_EXPIRED -> RefusalReason.POLICY_EXPIRED
        NativeRefusalReason.NO_TRUSTED_SIGNATURE -> RefusalReason.NO_TRUSTED_SIGNATURE
        NativeRefusalReason.KEY_REVOKED -> RefusalReason.KEY_REVOKED
        NativeRefusalReason.STATEMENT -> RefusalReason.STATEMENT
        NativeRefusalReason.NO_RELEASE -> RefusalReason.NO_RELEASE
        NativeRefusalReason.OTHER_SUBJECT -> RefusalReason.OTHER_SUBJECT
        NativeRefusalReason.BELOW_RELEASE_THRESHOLD -> RefusalReason.BELOW_RELEASE_THRESHOLD
        NativeRefusalReason.OTHER_DEVICE -> RefusalReason.OTHER_DEVICE
        NativeRefusalReason.DEVICE_ROLE_MISSING -> RefusalReason.DEVICE_ROLE_MISSING
        NativeRefusalReason.OTHER_KIND -> RefusalReason.OTHER_KIND
        NativeRefusalReason.SIZE_DIFFERS -> RefusalReason.SIZE_DIFFERS
        NativeRefusalReason.EXPIRED -> RefusalReason.EXPIRED
        NativeRefusalReason.OTHER_BASE_MODEL -> RefusalReason.OTHER_BASE_MODEL
        NativeRefusalReason.OTHER_TOKENIZER -> RefusalReason.OTHER_TOKENIZER
        NativeRefusalReason.ROLLBACK -> RefusalReason.ROLLBACK
        NativeRefusalReason.VERSION_REUSED -> RefusalReason.VERSION_REUSED
        NativeRefusalReason.REVOKED -> RefusalReason.REVOKED
        NativeRefusalReason.STRUCTURE -> RefusalReason.STRUCTURE
        NativeRefusalReason.SHAPE_DIFFERS -> RefusalReason.SHAPE_DIFFERS
        NativeRefusalReason.BYTES_BEYOND_LIMIT -> RefusalReason.BYTES_BEYOND_LIMIT
        NativeRefusalReason.RANK_BEYOND_LIMIT -> RefusalReason.RANK_BEYOND_LIMIT
        NativeRefusalReason.TARGET_BEYOND_LIMIT -> RefusalReason.TARGET_BEYOND_LIMIT
        NativeRefusalReason.UPDATE_BEYOND_LIMIT -> RefusalReason.UPDATE_BEYOND_LIMIT
        NativeRefusalReason.NO_VALIDATION -> RefusalReason.NO_VALIDATION
        NativeRefusalReason.OTHER_BYTES_VALIDATED -> RefusalReason.OTHER_BYTES_VALIDATED
        NativeRefusalReason.BELOW_VALIDATION_THRESHOLD -> RefusalReason.BELOW_VALIDATION_THRESHOLD
        NativeRefusalReason.VALIDATION_FAILED -> RefusalReason.VALIDATION_FAILED
        NativeRefusalReason.METRIC_MISSING -> RefusalReason.METRIC_MISSING
        NativeRefusalReason.METRIC_NOT_MET -> RefusalReason.METRIC_NOT_MET
        NativeRefusalReason.SCALE_OUT_OF_RANGE -> RefusalReason.SCALE_OUT_OF_RANGE
        NativeRefusalReason.ADAPTER_TWICE -> RefusalReason.ADAPTER_TWICE
        NativeRefusalReason.SET_BEYOND_LIMIT -> RefusalReason.SET_BEYOND_LIMIT
        NativeRefusalReason.DAMAGED -> RefusalReason.DAMAGED
        NativeRefusalReason.HALTED -> RefusalReason.HALTED
        NativeRefusalReason.NOT_YET -> RefusalReason.NOT_YET
    }

internal fun NativeHistoryEntry.toPublic(): HistoryEntry =
    HistoryEntry(
        at = Instant.ofEpochSecond(atS),
        action = action.toPublic(),
        sha256 = sha256,
        name = name,
        channel = channel,
        version = version?.capped(),
        signers = signers,
        reason = reason,
        detail = detail,
    )

private fun NativeHistoryAction.toPublic(): HistoryAction =
    when (this) {
        NativeHistoryAction.POLICY_PINNED -> HistoryAction.POLICY_PINNED
        NativeHistoryAction.POLICY_ROTATED -> HistoryAction.POLICY_ROTATED
        NativeHistoryAction.INSTALLED -> HistoryAction.INSTALLED
        NativeHistoryAction.ACCEPTED -> HistoryAction.ACCEPTED
        NativeHistoryAction.REFUSED -> HistoryAction.REFUSED
        NativeHistoryAction.ACTIVATED -> HistoryAction.ACTIVATED
        NativeHistoryAction.DEACTIVATED -> HistoryAction.DEACTIVATED
        NativeHistoryAction.ROLLED_BACK -> HistoryAction.ROLLED_BACK
        NativeHistoryAction.REMOVED -> HistoryAction.REMOVED
        NativeHistoryAction.CLOCK_TRUSTED -> HistoryAction.CLOCK_TRUSTED
    }
