package dev.pocketune

import java.io.File

/**
 * How to load a model. From Java: [Builder].
 *
 * @property contextTokens tokens of prompt and reply together; null: the trained length,
 *   at most 4,096
 * @property threads 1 to 64; null: the performance cores, at most 4
 * @property batchTokens most prompt tokens read between two looks at cancellation, 32 to
 *   4,096
 * @property microBatchTokens tokens computed at once, 32 to [batchTokens]; buffers grow
 *   with it
 * @property kvCacheType storage type of the KV cache
 * @property fullSlidingWindow keeps every position of sliding-window layers, so that
 *   edited histories reuse their unchanged start
 * @property useMmap maps the weights from the file
 * @property kvLimitBytes most bytes of all chats' KV caches; null: twice the active chat's
 * @property ignoreMemoryEstimate loads although the estimate exceeds what is free
 * @property cacheDirectory a folder for small caches (the model's SHA-256); null: the
 *   app's cache directory on Android, nowhere elsewhere
 */
public data class EngineOptions(
    val contextTokens: Int? = null,
    val threads: Int? = null,
    val batchTokens: Int = 512,
    val microBatchTokens: Int = 512,
    val kvCacheType: KvCacheType = KvCacheType.F16,
    val fullSlidingWindow: Boolean = true,
    val useMmap: Boolean = true,
    val kvLimitBytes: Long? = null,
    val ignoreMemoryEstimate: Boolean = false,
    val cacheDirectory: File? = null,
) {
    /** Makes [EngineOptions] from Java: the defaults, but for what is set. */
    public class Builder {
        private var options = EngineOptions()

        /** Sets [EngineOptions.contextTokens]. */
        public fun contextTokens(tokens: Int?): Builder = apply { options = options.copy(contextTokens = tokens) }

        /** Sets [EngineOptions.threads]. */
        public fun threads(count: Int?): Builder = apply { options = options.copy(threads = count) }

        /** Sets [EngineOptions.batchTokens]. */
        public fun batchTokens(tokens: Int): Builder = apply { options = options.copy(batchTokens = tokens) }

        /** Sets [EngineOptions.microBatchTokens]. */
        public fun microBatchTokens(tokens: Int): Builder = apply { options = options.copy(microBatchTokens = tokens) }

        /** Sets [EngineOptions.kvCacheType]. */
        public fun kvCacheType(type: KvCacheType): Builder = apply { options = options.copy(kvCacheType = type) }

        /** Sets [EngineOptions.fullSlidingWindow]. */
        public fun fullSlidingWindow(full: Boolean): Builder = apply { options = options.copy(fullSlidingWindow = full) }

        /** Sets [EngineOptions.useMmap]. */
        public fun useMmap(use: Boolean): Builder = apply { options = options.copy(useMmap = use) }

        /** Sets [EngineOptions.kvLimitBytes]. */
        public fun kvLimitBytes(bytes: Long?): Builder = apply { options = options.copy(kvLimitBytes = bytes) }

        /** Sets [EngineOptions.ignoreMemoryEstimate]. */
        public fun ignoreMemoryEstimate(ignore: Boolean): Builder = apply { options = options.copy(ignoreMemoryEstimate = ignore) }

        /** Sets [EngineOptions.cacheDirectory]. */
        public fun cacheDirectory(directory: File?): Builder = apply { options = options.copy(cacheDirectory = directory) }

        /** What was set. */
        public fun build(): EngineOptions = options
    }
}

/** Storage type of cached keys and values. */
public enum class KvCacheType {
    /** 16-bit floats. */
    F16,

    /** 8-bit blocks: about half the memory. */
    Q8_0,

    /** 32-bit floats, for exact comparisons. */
    F32,
}
