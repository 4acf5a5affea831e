import Foundation
internal import PocketuneFFI

/// A finished reply: what it says, how it came to be, and what it cost.
public struct Reply: Codable, Hashable, Identifiable, Sendable {
    /// Names the reply, also in the history (``Message/replyId``) and after the chat was saved
    /// and restored: 32 hexadecimal digits.
    public let id: String
    /// When it was asked for.
    public let time: Date
    /// The adapters it was computed under; empty for the model as it is.
    public let adapters: [AdapterChoice]
    /// How its tokens were chosen.
    public let sampling: ReplySampling
    /// The text, without stop strings.
    public let text: String
    /// Why it ended.
    public let stopReason: StopReason
    /// Tokens of the prompt, reused ones included.
    public let promptTokens: Int
    /// Prompt tokens that were still cached.
    public let reusedTokens: Int
    /// Tokens generated.
    public let generatedTokens: Int
    /// Messages of the history that were left out to fit the context.
    public let droppedMessages: Int
    /// From the request to its first token.
    public let timeToFirstToken: Duration
    /// Prompt tokens computed per second; 0 when all were reused.
    public let prefillTokensPerS: Double
    /// Tokens generated per second after the first.
    public let decodeTokensPerS: Double
}

/// How the tokens of a reply were chosen: what was asked for, with everything that was left
/// open filled in. Biases, stop strings and constraints are not repeated.
public struct ReplySampling: Codable, Hashable, Sendable {
    /// 0 is greedy: then top-k, top-p, min-p and the seed had no effect.
    public let temperature: Float
    /// Tokens that were kept; 0 is all.
    public let topK: Int
    /// The probability that was kept; 1 is all.
    public let topP: Float
    /// The least probability of a kept token as a share of the likeliest one's.
    public let minP: Float
    /// Penalties on repetition.
    public let penalties: Penalties
    /// Seed of the draw.
    public let seed: Int
    /// Most tokens that the reply could have.
    public let maxTokens: Int
}

/// Why a reply ended.
public enum StopReason: String, Codable, Hashable, Sendable, CaseIterable {
    /// The model ended its turn, or the constraint was fulfilled.
    case endOfTurn
    /// A stop string came up.
    case stopString
    /// `maxTokens` were generated.
    case maxTokens
    /// The context is full.
    case contextFull
    /// It was stopped; the text is what there was.
    case cancelled
}

/// A part of a reply as it is generated.
public enum ReplyPart: Hashable, Sendable {
    /// The next piece of text: whole characters, never a part of a stop string.
    case text(String)
    /// The end; nothing follows.
    case done(Reply)
}

extension Reply {
    init(_ native: PocketuneFFI.Reply) {
        id = native.id
        time = Date(seconds: native.timeS)
        adapters = native.adapters.map(AdapterChoice.init)
        sampling = ReplySampling(native.sampling)
        text = native.text
        stopReason = StopReason(native.stopReason)
        promptTokens = Int(native.promptTokens)
        reusedTokens = Int(native.reusedTokens)
        generatedTokens = Int(native.generatedTokens)
        droppedMessages = Int(native.droppedMessages)
        timeToFirstToken = .microseconds(native.timeToFirstTokenMs * 1000)
        prefillTokensPerS = native.prefillTokensPerS
        decodeTokensPerS = native.decodeTokensPerS
    }
}

extension ReplySampling {
    init(_ native: PocketuneFFI.ReplySampling) {
        temperature = native.temperature
        topK = Int(native.topK)
        topP = native.topP
        minP = native.minP
        penalties = Penalties(native.penalties)
        seed = Int(native.seed)
        maxTokens = Int(native.maxTokens)
    }
}

extension StopReason {
    init(_ native: PocketuneFFI.StopReason) {
        self =
            switch native {
            case .endOfTurn: .endOfTurn
            case .stopString: .stopString
            case .maxTokens: .maxTokens
            case .contextFull: .contextFull
            case .cancelled: .cancelled
            }
    }

    var native: PocketuneFFI.StopReason {
        switch self {
        case .endOfTurn: .endOfTurn
        case .stopString: .stopString
        case .maxTokens: .maxTokens
        case .contextFull: .contextFull
        case .cancelled: .cancelled
        }
    }
}

extension ReplyPart {
    init(_ native: PocketuneFFI.ReplyPart) {
        switch native {
        case .text(let text): self = .text(text)
        case .done(let reply): self = .done(Reply(reply))
        }
    }
}
