internal import PocketuneFFI

/// The verifier's checks, in their order.
public enum RefusalReason: String, Codable, Hashable, Sendable, CaseIterable {
    /// More bytes than any role allows; nothing was hashed or parsed.
    case tooLarge
    /// More attestations than are looked at.
    case bundleTooLarge
    /// A line of the bundle is no envelope.
    case envelope
    /// The policy counts no more: a newer one has to come first.
    case policyExpired
    /// Nobody that the policy knows signed anything in the bundle.
    case noTrustedSignature
    /// The only known keys that signed are revoked.
    case keyRevoked
    /// A signed statement breaks its format.
    case statement
    /// No trusted statement releases anything.
    case noRelease
    /// What was released is something else: its statement lies beside other bytes.
    case otherSubject
    /// Too few release keys signed the release.
    case belowReleaseThreshold
    /// Another device made it for itself.
    case otherDevice
    /// The policy lets no device make adapters.
    case deviceRoleMissing
    /// What was released is to be used as something else.
    case otherKind
    /// The file is shorter or longer than the release says.
    case sizeDiffers
    /// The release counts no more.
    case expired
    /// It is for other models.
    case otherBaseModel
    /// It is for this model with another tokenizer.
    case otherTokenizer
    /// An older release than this device has seen in the channel.
    case rollback
    /// Another file under a version that this device has seen.
    case versionReused
    /// The policy revokes these very bytes.
    case revoked
    /// No LoRA for this model.
    case structure
    /// The release says another shape than the file has.
    case shapeDiffers
    /// Longer than its role allows.
    case bytesBeyondLimit
    /// Of a higher rank than its role allows.
    case rankBeyondLimit
    /// It changes a kind of matrix that its role may not.
    case targetBeyondLimit
    /// It changes a matrix by more than its role may.
    case updateBeyondLimit
    /// No trusted statement says that it was validated.
    case noValidation
    /// What was validated is something else.
    case otherBytesValidated
    /// Too few validation keys signed.
    case belowValidationThreshold
    /// It did not pass.
    case validationFailed
    /// What the policy asks for was not measured.
    case metricMissing
    /// It was measured, and is not good enough.
    case metricNotMet
    /// A factor on its change that is not between 0 and 1.
    case scaleOutOfRange
    /// It is twice in one set.
    case adapterTwice
    /// The adapters of a set together change a matrix by more than the policy allows.
    case setBeyondLimit
    /// What the store kept of it is gone or changed; installing it again mends that.
    case damaged
    /// Its signers stopped its rollout: no further device installs it.
    case halted
    /// It is not this device's turn yet; the detail says when it is. Ask again later: the
    /// newest attestations may say otherwise.
    case notYet
}

extension RefusalReason {
    init(_ native: PocketuneFFI.RefusalReason) {
        self =
            switch native {
            case .tooLarge: .tooLarge
            case .bundleTooLarge: .bundleTooLarge
            case .envelope: .envelope
            case .policyExpired: .policyExpired
            case .noTrustedSignature: .noTrustedSignature
            case .keyRevoked: .keyRevoked
            case .statement: .statement
            case .noRelease: .noRelease
            case .otherSubject: .otherSubject
            case .belowReleaseThreshold: .belowReleaseThreshold
            case .otherDevice: .otherDevice
            case .deviceRoleMissing: .deviceRoleMissing
            case .otherKind: .otherKind
            case .sizeDiffers: .sizeDiffers
            case .expired: .expired
            case .otherBaseModel: .otherBaseModel
            case .otherTokenizer: .otherTokenizer
            case .rollback: .rollback
            case .versionReused: .versionReused
            case .revoked: .revoked
            case .structure: .structure
            case .shapeDiffers: .shapeDiffers
            case .bytesBeyondLimit: .bytesBeyondLimit
            case .rankBeyondLimit: .rankBeyondLimit
            case .targetBeyondLimit: .targetBeyondLimit
            case .updateBeyondLimit: .updateBeyondLimit
            case .noValidation: .noValidation
            case .otherBytesValidated: .otherBytesValidated
            case .belowValidationThreshold: .belowValidationThreshold
            case .validationFailed: .validationFailed
            case .metricMissing: .metricMissing
            case .metricNotMet: .metricNotMet
            case .scaleOutOfRange: .scaleOutOfRange
            case .adapterTwice: .adapterTwice
            case .setBeyondLimit: .setBeyondLimit
            case .damaged: .damaged
            case .halted: .halted
            case .notYet: .notYet
            }
    }
}
