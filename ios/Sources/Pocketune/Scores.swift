internal import PocketuneFFI

/// A prompt for ``Engine/score(_:reply:)`` and ``Engine/embed(_:pooling:)``.
public enum Prompt: Codable, Hashable, Sendable {
    /// Text as it stands; control tokens in it are control tokens.
    case raw(String)
    /// A conversation, rendered with a chat template and the opening of a reply.
    case chat(systemPrompt: String? = nil, turns: [Message], template: TemplateChoice = .model)
}

/// How hidden states of several tokens become one vector.
public enum Pooling: String, Codable, Hashable, Sendable, CaseIterable {
    /// Their mean.
    case mean
    /// The last token's.
    case last
}

/// How likely a reply is.
public struct Score: Codable, Hashable, Sendable {
    /// Natural-log probability of the whole reply.
    public let logProbability: Double
    /// Each token of the reply, in order.
    public let tokens: [TokenScore]
}

/// One token of a scored reply.
public struct TokenScore: Codable, Hashable, Sendable {
    /// The token.
    public let token: Int
    /// Its natural-log probability given everything before it.
    public let logProbability: Double
}

/// A pooled hidden state; not normalized.
public struct Embedding: Codable, Hashable, Sendable {
    /// One number for each dimension.
    public let values: [Float]
    /// Tokens that went into it.
    public let tokens: Int
}

extension Prompt {
    var native: PocketuneFFI.Prompt {
        switch self {
        case .raw(let text): .raw(text: text)
        case .chat(let systemPrompt, let turns, let template):
            .chat(systemPrompt: systemPrompt, turns: turns.map(\.native), template: template.native)
        }
    }
}

extension Pooling {
    var native: PocketuneFFI.Pooling {
        switch self {
        case .mean: .mean
        case .last: .last
        }
    }
}

extension Score {
    init(_ native: PocketuneFFI.Score) {
        logProbability = native.logProbability
        tokens = native.tokens.map { TokenScore(token: Int($0.token), logProbability: $0.logProbability) }
    }
}

extension Embedding {
    init(_ native: PocketuneFFI.Embedding) {
        values = native.values
        tokens = Int(native.tokens)
    }
}
