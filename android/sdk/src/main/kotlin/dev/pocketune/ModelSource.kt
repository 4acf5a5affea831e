package dev.pocketune

import java.io.File

/** A model file in GGUF form. */
public sealed interface ModelSource {
    /**
     * A file to open.
     *
     * @property path where it is
     */
    public data class Path(
        val path: File,
    ) : ModelSource

    /**
     * An open, seekable descriptor of the whole file. The library duplicates it:
     * the caller keeps its own, open until the call has returned, and closes it.
     *
     * @property fd the descriptor's number
     */
    public data class Descriptor(
        val fd: Int,
    ) : ModelSource
}

/**
 * Facts about a model file, read from its checked header.
 *
 * @property architecture such as `llama`
 * @property name that the file gives itself
 * @property quantization such as `Q4_1`
 * @property license that the file states
 * @property parameters number of weights
 * @property contextLength tokens of context that the model was trained on
 * @property embeddingLength width of the hidden state
 * @property blockCount number of layers
 * @property vocabularySize number of tokens in the vocabulary
 * @property hasChatTemplate whether the file brings a chat template
 * @property fileBytes size of the file
 */
public data class ModelFacts(
    val architecture: String,
    val name: String?,
    val quantization: String,
    val license: String?,
    val parameters: Long,
    val contextLength: Int,
    val embeddingLength: Int,
    val blockCount: Int,
    val vocabularySize: Int,
    val hasChatTemplate: Boolean,
    val fileBytes: Long,
)

/**
 * Memory that a model needs with given options, in bytes.
 *
 * @property contextTokens context length that the estimate is for, in tokens
 * @property requiredBytes everything together
 * @property weightBytes weights in the file's layout, mapped unless mapping is off
 * @property repackedBytes weights copied into a layout that suits this CPU
 * @property kvBytes KV cache of the active chat
 * @property computeBytes compute buffers and logits
 * @property overheadBytes vocabulary, code and thread stacks
 * @property availableBytes what the system says is free; null where it does not say
 * @property fits whether the model can be loaded
 */
public data class MemoryEstimate(
    val contextTokens: Int,
    val requiredBytes: Long,
    val weightBytes: Long,
    val repackedBytes: Long,
    val kvBytes: Long,
    val computeBytes: Long,
    val overheadBytes: Long,
    val availableBytes: Long?,
    val fits: Boolean,
)
