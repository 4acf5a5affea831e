import Foundation
internal import PocketuneFFI

/// How to load a model.
public struct EngineOptions: Codable, Hashable, Sendable {
    /// Tokens of prompt and reply together; nil: the trained length, at most 4,096.
    public var contextTokens: Int?
    /// Threads, 1 to 64; nil: the performance cores, at most 4.
    public var threads: Int?
    /// Most prompt tokens read between two looks at cancellation, 32 to 4,096.
    public var batchTokens: Int
    /// Tokens computed at once, 32 to `batchTokens`; buffers grow with it.
    public var microBatchTokens: Int
    /// Storage type of the KV cache.
    public var kvCacheType: KvCacheType
    /// Keep every position of sliding-window layers, so that edited histories reuse their
    /// unchanged start.
    public var fullSlidingWindow: Bool
    /// Map the weights from the file.
    public var useMmap: Bool
    /// Most bytes of all chats' KV caches; nil: twice the active chat's.
    public var kvLimitBytes: Int?
    /// Load although the estimate exceeds what is free.
    public var ignoreMemoryEstimate: Bool
    /// A folder for small caches (the model's SHA-256); nil: nowhere.
    public var cacheDirectory: URL?

    /// The defaults, and what differs from them.
    public init(
        contextTokens: Int? = nil,
        threads: Int? = nil,
        batchTokens: Int = 512,
        microBatchTokens: Int = 512,
        kvCacheType: KvCacheType = .f16,
        fullSlidingWindow: Bool = true,
        useMmap: Bool = true,
        kvLimitBytes: Int? = nil,
        ignoreMemoryEstimate: Bool = false,
        cacheDirectory: URL? = nil
    ) {
        self.contextTokens = contextTokens
        self.threads = threads
        self.batchTokens = batchTokens
        self.microBatchTokens = microBatchTokens
        self.kvCacheType = kvCacheType
        self.fullSlidingWindow = fullSlidingWindow
        self.useMmap = useMmap
        self.kvLimitBytes = kvLimitBytes
        self.ignoreMemoryEstimate = ignoreMemoryEstimate
        self.cacheDirectory = cacheDirectory
    }
}

/// Storage type of cached keys and values.
public enum KvCacheType: String, Codable, Hashable, Sendable, CaseIterable {
    /// 16-bit floats.
    case f16
    /// 8-bit blocks: about half the memory.
    case q8
    /// 32-bit floats, for exact comparisons.
    case f32
}

extension EngineOptions {
    func native() throws -> PocketuneFFI.EngineOptions {
        PocketuneFFI.EngineOptions(
            contextTokens: try contextTokens.map { try exactly($0, "contextTokens") },
            threads: try threads.map { try exactly($0, "threads") },
            batchTokens: try exactly(batchTokens, "batchTokens"),
            microBatchTokens: try exactly(microBatchTokens, "microBatchTokens"),
            kvCacheType: kvCacheType.native,
            fullSlidingWindow: fullSlidingWindow,
            useMmap: useMmap,
            kvLimitBytes: try kvLimitBytes.map { try exactly($0, "kvLimitBytes") },
            ignoreMemoryEstimate: ignoreMemoryEstimate,
            cacheDirectory: try cacheDirectory.map { try path(of: $0, "cacheDirectory") })
    }
}

extension KvCacheType {
    var native: PocketuneFFI.KvCacheType {
        switch self {
        case .f16: .f16
        case .q8: .q80
        case .f32: .f32
        }
    }
}
