import Foundation
internal import PocketuneFFI

/// An adapter with the scale of its change.
public struct AdapterChoice: Codable, Hashable, Sendable {
    /// SHA-256 of its file, in hexadecimal digits.
    public var sha256: String
    /// Factor on its change, 0 to 1: 1 for all of it.
    public var scale: Float

    /// An adapter, and how much of its change is wanted.
    public init(sha256: String, scale: Float = 1) {
        self.sha256 = sha256
        self.scale = scale
    }
}

/// An installed adapter.
public struct InstalledAdapter: Codable, Hashable, Identifiable, Sendable {
    /// SHA-256 of its file, in hexadecimal digits.
    public let sha256: String
    /// Its name.
    public let name: String
    /// Releases of one channel replace each other.
    public let channel: String
    /// Place in the channel's order.
    public let version: Int
    /// Length of its file.
    public let sizeBytes: Int
    /// Whether this device made it.
    public let madeHere: Bool
    /// When it was installed.
    public let installedAt: Date

    /// Its digest.
    public var id: String { sha256 }
}

/// An accepted adapter, for whoever decides about it.
public struct AdapterSummary: Codable, Hashable, Identifiable, Sendable {
    /// SHA-256 of its file, in hexadecimal digits.
    public let sha256: String
    /// Its name.
    public let name: String
    /// Releases of one channel replace each other.
    public let channel: String
    /// Place in the channel's order.
    public let version: Int
    /// Length of its file.
    public let sizeBytes: Int
    /// What changes, in plain words.
    public let changelog: String
    /// What training made likelier.
    public let objective: String
    /// What it was made from.
    public let dataSummary: String
    /// When it was made.
    public let createdAt: Date
    /// From when on it no longer counts.
    public let expiresAt: Date
    /// Names of the keys that released it.
    public let signers: [String]
    /// Names of the keys that vouch for its validation.
    public let validators: [String]
    /// What validation measured.
    public let measurements: [AdapterMeasurement]
    /// Whether this device made it.
    public let madeHere: Bool
    /// The newest one of its channel that is installed.
    public let replaces: InstalledAdapter?

    /// Its digest.
    public var id: String { sha256 }
}

/// One figure of a validation.
public struct AdapterMeasurement: Codable, Hashable, Sendable {
    /// The suite's name, as the validator calls it.
    public let suite: String
    /// What was measured.
    public let metric: String
    /// With the adapter.
    public let value: Double
    /// Without it.
    public let baseline: Double?
}

/// The verifier's word on a delivery.
public enum AdapterVerdict: Hashable, Sendable {
    /// It passes.
    case accepted(AdapterSummary)
    /// It does not.
    case refused(AdapterRefusal)
}

/// Why an adapter, or what else was delivered, does not pass.
public struct AdapterRefusal: Codable, Hashable, Sendable {
    /// The check that it failed.
    public let reason: RefusalReason
    /// The same with numbers and names, in words for developers.
    public let detail: String
}

/// An active adapter that no longer passes.
public struct RefusedAdapter: Codable, Hashable, Identifiable, Sendable {
    /// SHA-256 of its file, in hexadecimal digits.
    public let sha256: String
    /// Why.
    public let refusal: AdapterRefusal

    /// Its digest.
    public var id: String { sha256 }
}

extension AdapterChoice {
    init(_ native: PocketuneFFI.AdapterChoice) {
        self.init(sha256: native.sha256, scale: native.scale)
    }

    var native: PocketuneFFI.AdapterChoice {
        PocketuneFFI.AdapterChoice(sha256: sha256, scale: scale)
    }
}

extension InstalledAdapter {
    init(_ native: PocketuneFFI.InstalledAdapter) {
        sha256 = native.sha256
        name = native.name
        channel = native.channel
        version = Int(clamping: native.version)
        sizeBytes = Int(clamping: native.sizeBytes)
        madeHere = native.madeHere
        installedAt = Date(seconds: native.installedAtS)
    }
}

extension AdapterSummary {
    init(_ native: PocketuneFFI.AdapterSummary) {
        sha256 = native.sha256
        name = native.name
        channel = native.channel
        version = Int(clamping: native.version)
        sizeBytes = Int(clamping: native.sizeBytes)
        changelog = native.changelog
        objective = native.objective
        dataSummary = native.dataSummary
        createdAt = Date(seconds: native.createdAtS)
        expiresAt = Date(seconds: native.expiresAtS)
        signers = native.signers
        validators = native.validators
        measurements = native.measurements.map {
            AdapterMeasurement(suite: $0.suite, metric: $0.metric, value: $0.value, baseline: $0.baseline)
        }
        madeHere = native.madeHere
        replaces = native.replaces.map(InstalledAdapter.init)
    }
}

extension AdapterVerdict {
    init(_ native: PocketuneFFI.AdapterVerdict) {
        switch native {
        case .accepted(let adapter): self = .accepted(AdapterSummary(adapter))
        case .refused(let refusal): self = .refused(AdapterRefusal(refusal))
        }
    }
}

extension AdapterRefusal {
    init(_ native: PocketuneFFI.AdapterRefusal) {
        reason = RefusalReason(native.reason)
        detail = native.detail
    }
}

extension RefusedAdapter {
    init(_ native: PocketuneFFI.RefusedAdapter) {
        sha256 = native.sha256
        refusal = AdapterRefusal(native.refusal)
    }
}
