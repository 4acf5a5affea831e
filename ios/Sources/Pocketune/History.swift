import Foundation
internal import PocketuneFFI

/// One line of a store's history of adapters.
public struct HistoryEntry: Codable, Hashable, Sendable {
    /// When, by the device's clock.
    public let at: Date
    /// What.
    public let action: HistoryAction
    /// Which adapter, in hexadecimal digits.
    public let sha256: String?
    /// Its name.
    public let name: String?
    /// Its channel.
    public let channel: String?
    /// Its version.
    public let version: Int?
    /// Names of the keys that had signed it.
    public let signers: [String]
    /// Why not, as a stable name in snake case.
    public let reason: String?
    /// More, in words.
    public let detail: String
}

/// What was done with adapters, or not done.
public enum HistoryAction: String, Codable, Hashable, Sendable, CaseIterable {
    /// A policy came with the app.
    case policyPinned
    /// The policy's own signers replaced it.
    case policyRotated
    /// An adapter was installed.
    case installed
    /// A reward head, a suite or an experiment was accepted.
    case accepted
    /// An adapter, or what else was delivered, was not accepted.
    case refused
    /// Adapters became active.
    case activated
    /// The model answers as it is again.
    case deactivated
    /// What was active before is active again.
    case rolledBack
    /// An adapter was removed.
    case removed
    /// A clock behind the latest time seen was declared right.
    case clockTrusted
}

extension HistoryEntry {
    init(_ native: PocketuneFFI.HistoryEntry) {
        at = Date(seconds: native.atS)
        action = HistoryAction(native.action)
        sha256 = native.sha256
        name = native.name
        channel = native.channel
        version = native.version.map { Int(clamping: $0) }
        signers = native.signers
        reason = native.reason
        detail = native.detail
    }
}

extension HistoryAction {
    init(_ native: PocketuneFFI.HistoryAction) {
        self =
            switch native {
            case .policyPinned: .policyPinned
            case .policyRotated: .policyRotated
            case .installed: .installed
            case .accepted: .accepted
            case .refused: .refused
            case .activated: .activated
            case .deactivated: .deactivated
            case .rolledBack: .rolledBack
            case .removed: .removed
            case .clockTrusted: .clockTrusted
            }
    }
}
