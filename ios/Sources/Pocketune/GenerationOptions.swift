internal import PocketuneFFI

/// What one reply may be like.
public struct GenerationOptions: Codable, Hashable, Sendable {
    /// Most tokens of the reply, at least 1.
    public var maxTokens: Int
    /// How tokens are chosen.
    public var sampling: Sampling
    /// The reply ends before the first of these strings: at most 16, each of 1 to 256 bytes.
    public var stop: [String]
    /// A form that the reply must have.
    public var constraint: Constraint?

    /// The defaults, and what differs from them.
    public init(
        maxTokens: Int = 512,
        sampling: Sampling = Sampling(),
        stop: [String] = [],
        constraint: Constraint? = nil
    ) {
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.stop = stop
        self.constraint = constraint
    }
}

/// How a token is chosen.
public struct Sampling: Codable, Hashable, Sendable {
    /// 0 takes the likeliest token (greedy); else 0.001 to 10.
    public var temperature: Float
    /// Keeps this many tokens; 0 keeps all.
    public var topK: Int
    /// Keeps the smallest set with this probability, above 0 to 1; 1 is off.
    public var topP: Float
    /// Keeps tokens at least this fraction as likely as the likeliest, 0 to 1; 0 is off.
    public var minP: Float
    /// Penalties on repetition.
    public var penalties: Penalties
    /// Seed of the draw, at least 0; nil draws one, which the reply names.
    public var seed: Int?
    /// Added to single tokens' logits.
    public var logitBias: [TokenBias]

    /// The defaults, and what differs from them.
    public init(
        temperature: Float = 0.7,
        topK: Int = 40,
        topP: Float = 0.95,
        minP: Float = 0.05,
        penalties: Penalties = Penalties(),
        seed: Int? = nil,
        logitBias: [TokenBias] = []
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.penalties = penalties
        self.seed = seed
        self.logitBias = logitBias
    }

    /// Always the likeliest token: the same prompt gives the same reply.
    public static let greedy = Sampling(temperature: 0)
}

/// Lowers the logits of tokens that were used before.
public struct Penalties: Codable, Hashable, Sendable {
    /// Tokens looked back at, 0 to 4,096.
    public var lastTokens: Int
    /// Factor on used tokens, 0.01 to 10; 1 is off.
    public var `repeat`: Float
    /// Subtracted for each use, −10 to 10; 0 is off.
    public var frequency: Float
    /// Subtracted once from each used token, −10 to 10; 0 is off.
    public var presence: Float

    /// The defaults, and what differs from them.
    public init(lastTokens: Int = 64, repeat: Float = 1, frequency: Float = 0, presence: Float = 0) {
        self.lastTokens = lastTokens
        self.repeat = `repeat`
        self.frequency = frequency
        self.presence = presence
    }
}

/// Adds to one token's logit.
public struct TokenBias: Codable, Hashable, Sendable {
    /// The token.
    public var token: Int
    /// What is added, at most a million either way; negative infinity forbids the token.
    public var bias: Float

    /// Adds `bias` to the logit of `token`.
    public init(token: Int, bias: Float) {
        self.token = token
        self.bias = bias
    }
}

/// A form that a reply must have.
public enum Constraint: Codable, Hashable, Sendable {
    /// A grammar in llama.cpp's GBNF notation with the start symbol `root`, at most 64 KiB.
    case gbnf(String)
    /// A JSON Schema, as JSON text of at most 64 KiB.
    case jsonSchema(String)
}

extension GenerationOptions {
    func native() throws -> PocketuneFFI.GenerationOptions {
        PocketuneFFI.GenerationOptions(
            maxTokens: try exactly(maxTokens, "maxTokens"), sampling: try sampling.native(), stop: stop,
            constraint: constraint?.native)
    }
}

extension Sampling {
    func native() throws -> PocketuneFFI.Sampling {
        PocketuneFFI.Sampling(
            temperature: temperature,
            topK: try exactly(topK, "topK"),
            topP: topP,
            minP: minP,
            penalties: try penalties.native(),
            seed: try seed.map { try exactly($0, "seed") },
            logitBias: try logitBias.map {
                PocketuneFFI.TokenBias(token: try exactly($0.token, "logitBias"), bias: $0.bias)
            })
    }
}

extension Penalties {
    init(_ native: PocketuneFFI.Penalties) {
        self.init(
            lastTokens: Int(native.lastTokens), repeat: native.repeat, frequency: native.frequency,
            presence: native.presence)
    }

    func native() throws -> PocketuneFFI.Penalties {
        PocketuneFFI.Penalties(
            lastTokens: try exactly(lastTokens, "penalties.lastTokens"), repeat: `repeat`, frequency: frequency,
            presence: presence)
    }
}

extension Constraint {
    var native: PocketuneFFI.Constraint {
        switch self {
        case .gbnf(let grammar): .gbnf(grammar: grammar)
        case .jsonSchema(let schema): .jsonSchema(schema: schema)
        }
    }
}
