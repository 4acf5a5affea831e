package dev.pocketune

/**
 * Why an adapter, or what else was delivered, does not pass.
 *
 * @property reason the check that it failed
 * @property detail the same with numbers and names, in words for developers
 */
public data class AdapterRefusal(
    val reason: RefusalReason,
    val detail: String,
)

/**
 * An active adapter that no longer passes.
 *
 * @property sha256 its digest, in hexadecimal digits
 * @property refusal why
 */
public data class RefusedAdapter(
    val sha256: String,
    val refusal: AdapterRefusal,
)

/** The verifier's checks, in their order. */
public enum class RefusalReason {
    /** More bytes than any role allows; nothing was hashed or parsed. */
    TOO_LARGE,

    /** More attestations than are looked at. */
    BUNDLE_TOO_LARGE,

    /** A line of the bundle is no envelope. */
    ENVELOPE,

    /** The policy counts no more: a newer one has to come first. */
    POLICY_EXPIRED,

    /** Nobody that the policy knows signed anything in the bundle. */
    NO_TRUSTED_SIGNATURE,

    /** The only known keys that signed are revoked. */
    KEY_REVOKED,

    /** A signed statement breaks its format. */
    STATEMENT,

    /** No trusted statement releases anything. */
    NO_RELEASE,

    /** What was released is something else: its statement lies beside other bytes. */
    OTHER_SUBJECT,

    /** Too few release keys signed the release. */
    BELOW_RELEASE_THRESHOLD,

    /** Another device made it for itself. */
    OTHER_DEVICE,

    /** The policy lets no device make adapters. */
    DEVICE_ROLE_MISSING,

    /** What was released is to be used as something else. */
    OTHER_KIND,

    /** The file is shorter or longer than the release says. */
    SIZE_DIFFERS,

    /** The release counts no more. */
    EXPIRED,

    /** It is for other models. */
    OTHER_BASE_MODEL,

    /** It is for this model with another tokenizer. */
    OTHER_TOKENIZER,

    /** An older release than this device has seen in the channel. */
    ROLLBACK,

    /** Another file under a version that this device has seen. */
    VERSION_REUSED,

    /** The policy revokes these very bytes. */
    REVOKED,

    /** No LoRA for this model. */
    STRUCTURE,

    /** The release says another shape than the file has. */
    SHAPE_DIFFERS,

    /** Longer than its role allows. */
    BYTES_BEYOND_LIMIT,

    /** Of a higher rank than its role allows. */
    RANK_BEYOND_LIMIT,

    /** It changes a kind of matrix that its role may not. */
    TARGET_BEYOND_LIMIT,

    /** It changes a matrix by more than its role may. */
    UPDATE_BEYOND_LIMIT,

    /** No trusted statement says that it was validated. */
    NO_VALIDATION,

    /** What was validated is something else. */
    OTHER_BYTES_VALIDATED,

    /** Too few validation keys signed. */
    BELOW_VALIDATION_THRESHOLD,

    /** It did not pass. */
    VALIDATION_FAILED,

    /** What the policy asks for was not measured. */
    METRIC_MISSING,

    /** It was measured, and is not good enough. */
    METRIC_NOT_MET,

    /** A factor on its change that is not between 0 and 1. */
    SCALE_OUT_OF_RANGE,

    /** It is twice in one set. */
    ADAPTER_TWICE,

    /** The adapters of a set together change a matrix by more than the policy allows. */
    SET_BEYOND_LIMIT,

    /** What the store kept of it is gone or changed; installing it again mends that. */
    DAMAGED,

    /** Its signers stopped its rollout: no further device installs it. */
    HALTED,

    /**
     * It is not this device's turn yet; the detail says when it is. Ask again later: the
     * newest attestations may say otherwise.
     */
    NOT_YET,
}
