import Foundation
internal import PocketuneFFI

/// Why a call failed. There is one case for each thing an app may do about it. Reasons
/// are for logs and developers, and contain no prompt, reply or path.
///
/// A call whose task was cancelled throws `CancellationError` instead.
public enum PocketuneError: Error, Hashable, Sendable {
    /// The model file is missing, unreadable or no regular file: fetch it again, or ask for
    /// permission.
    case modelUnreadable(reason: String)

    /// The file is damaged or no model: delete it and fetch it again.
    case modelInvalid(reason: String)

    /// A sound model that this version cannot run: offer another one. `feature` is what of it
    /// is not supported; nil where that is the architecture.
    case modelUnsupported(architecture: String?, feature: String?, reason: String)

    /// Not enough memory: use a shorter context or a smaller model, or free memory. 0 is
    /// unknown.
    case outOfMemory(requiredBytes: Int, availableBytes: Int)

    /// The conversation does not fit: start a new one, shorten it, or drop turns.
    case contextFull(promptTokens: Int, contextTokens: Int)

    /// A mistake in the call: an option out of range, a grammar or template that does not
    /// work, a history that does not alternate, a file that is not accepted. `argument` is
    /// its name; `refusal` says why the verifier does not accept what was delivered.
    case invalidArgument(argument: String, reason: String, refusal: AdapterRefusal? = nil)

    /// Nothing to do it with at present, such as no reply to ask for again: offer it later.
    case notNow(reason: String)

    /// The user has not agreed to it: ask, then ``Store/setConsent(_:given:)``.
    case consentMissing(purpose: ConsentPurpose)

    /// A saved chat of another model or version, or a damaged one: start afresh.
    case stateMismatch(reason: String)

    /// The engine was closed: load it again.
    case closed

    /// A file other than the model could not be read or written: see `kind`.
    case storageFailed(kind: StorageFault, reason: String)

    /// A failure of the library itself: report it.
    case `internal`(reason: String)
}

/// What is wrong with storage.
public enum StorageFault: String, Codable, Hashable, Sendable, CaseIterable {
    /// The disk is full: free space, and try again.
    case full

    /// The folder or file may not be written.
    case readOnly

    /// Another process holds it: try again.
    case busy

    /// A later version of the library wrote it: update the app.
    case newer

    /// It is not what was written.
    case damaged

    /// The keychain lost the key: what it encrypted cannot be read any more.
    case keyMissing

    /// The keychain is locked until the user unlocks the device: try again then.
    case locked

    /// The file is missing, no regular file, or the system failed otherwise.
    case other
}

extension PocketuneError: LocalizedError {
    /// The failure in a plain sentence.
    public var errorDescription: String? {
        switch self {
        case .modelUnreadable(let reason): "The model cannot be read: \(reason)."
        case .modelInvalid(let reason): "The model file is invalid: \(reason)."
        case .modelUnsupported(_, _, let reason): "The model is not supported: \(reason)."
        case .outOfMemory(let required, let available):
            required > 0
                ? "Not enough memory: \(required) bytes are needed, \(available) are free."
                : "There is not enough memory."
        case .contextFull(let prompt, let context):
            "The conversation is too long: it has \(prompt) tokens, and the context holds \(context)."
        case .invalidArgument(let argument, let reason, _): "The argument \(argument) is invalid: \(reason)."
        case .notNow(let reason): "This is not possible now: \(reason)."
        case .consentMissing: "The user has not agreed to this."
        case .stateMismatch(let reason): "The saved chat cannot be restored: \(reason)."
        case .closed: "The engine was closed."
        case .storageFailed(_, let reason): "A file could not be read or written: \(reason)."
        case .internal(let reason): "Pocketune failed: \(reason)."
        }
    }
}

extension PocketuneError {
    init(_ native: PocketuneFFI.PocketuneError) {
        switch native {
        case .ModelUnreadable(let reason): self = .modelUnreadable(reason: reason)
        case .ModelInvalid(let reason): self = .modelInvalid(reason: reason)
        case .ModelUnsupported(let architecture, let feature, let reason):
            self = .modelUnsupported(architecture: architecture, feature: feature, reason: reason)
        case .OutOfMemory(let required, let available):
            self = .outOfMemory(requiredBytes: Int(clamping: required), availableBytes: Int(clamping: available))
        case .ContextFull(let prompt, let context):
            self = .contextFull(promptTokens: Int(clamping: prompt), contextTokens: Int(clamping: context))
        case .InvalidArgument(let argument, let reason, let refusal):
            self = .invalidArgument(argument: argument, reason: reason, refusal: refusal.map(AdapterRefusal.init))
        case .NotNow(let reason): self = .notNow(reason: reason)
        case .ConsentMissing(let purpose): self = .consentMissing(purpose: ConsentPurpose(purpose))
        case .StateMismatch(let reason): self = .stateMismatch(reason: reason)
        case .Closed: self = .closed
        case .StorageFailed(let kind, let reason): self = .storageFailed(kind: StorageFault(kind), reason: reason)
        case .Internal(let reason): self = .internal(reason: reason)
        }
    }
}

extension StorageFault {
    init(_ native: PocketuneFFI.StorageFault) {
        self =
            switch native {
            case .full: .full
            case .readOnly: .readOnly
            case .busy: .busy
            case .newer: .newer
            case .damaged: .damaged
            case .keyMissing: .keyMissing
            case .locked: .locked
            case .other: .other
            }
    }
}

/// Runs a call of the native library; its errors become those of this one.
func translated<Value>(_ call: () throws -> Value) throws -> Value {
    do { return try call() } catch { throw publicError(error) }
}

/// As the other one, for a call that waits.
func translated<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation,
    _ call: () async throws -> Value
) async throws -> Value {
    do { return try await call() } catch { throw publicError(error) }
}

private func publicError(_ error: any Error) -> any Error {
    switch error {
    case let native as PocketuneFFI.PocketuneError: PocketuneError(native)
    case is PocketuneError, is CancellationError: error
    // What UniFFI throws when a panic reached it.
    default: PocketuneError.internal(reason: "\(error)")
    }
}
