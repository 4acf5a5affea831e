import Foundation
internal import PocketuneFFI

/// A model file in GGUF form.
public enum ModelSource: Hashable, Sendable {
    /// A file in the app's bundle or container, by its file URL.
    case file(URL)

    /// An open, seekable descriptor of the whole file, which the caller keeps.
    case descriptor(Int32)
}

/// Facts about a model file, read from its checked header.
public struct ModelFacts: Codable, Hashable, Sendable {
    /// Architecture, such as `llama`.
    public let architecture: String
    /// Name that the file gives itself.
    public let name: String?
    /// Quantization, such as `Q4_1`.
    public let quantization: String
    /// Licence that the file states.
    public let license: String?
    /// Number of weights.
    public let parameters: Int
    /// Tokens of context that the model was trained on.
    public let contextLength: Int
    /// Width of the hidden state.
    public let embeddingLength: Int
    /// Number of layers.
    public let blockCount: Int
    /// Number of tokens in the vocabulary.
    public let vocabularySize: Int
    /// Whether the file brings a chat template.
    public let hasChatTemplate: Bool
    /// Size of the file.
    public let fileBytes: Int
}

/// Memory that a model needs with given options, in bytes.
public struct MemoryEstimate: Codable, Hashable, Sendable {
    /// Context length that the estimate is for, in tokens.
    public let contextTokens: Int
    /// Everything together.
    public let requiredBytes: Int
    /// Weights in the file's layout, mapped unless mapping is off.
    public let weightBytes: Int
    /// Weights copied into a layout that suits this CPU.
    public let repackedBytes: Int
    /// KV cache of the active chat.
    public let kvBytes: Int
    /// Compute buffers and logits.
    public let computeBytes: Int
    /// Vocabulary, code and thread stacks.
    public let overheadBytes: Int
    /// What the system says is free; nil where it does not say.
    public let availableBytes: Int?
    /// Whether the model can be loaded.
    public let fits: Bool
}

extension ModelSource {
    func native() throws -> PocketuneFFI.ModelSource {
        switch self {
        case .file(let url): .path(path: try path(of: url, "source"))
        case .descriptor(let descriptor): .descriptor(fd: descriptor)
        }
    }
}

extension ModelFacts {
    init(_ native: PocketuneFFI.ModelFacts) {
        architecture = native.architecture
        name = native.name
        quantization = native.quantization
        license = native.license
        parameters = Int(clamping: native.parameters)
        contextLength = Int(native.contextLength)
        embeddingLength = Int(native.embeddingLength)
        blockCount = Int(native.blockCount)
        vocabularySize = Int(native.vocabularySize)
        hasChatTemplate = native.hasChatTemplate
        fileBytes = Int(clamping: native.fileBytes)
    }
}

extension MemoryEstimate {
    init(_ native: PocketuneFFI.MemoryEstimate) {
        contextTokens = Int(native.contextTokens)
        requiredBytes = Int(clamping: native.requiredBytes)
        weightBytes = Int(clamping: native.weightBytes)
        repackedBytes = Int(clamping: native.repackedBytes)
        kvBytes = Int(clamping: native.kvBytes)
        computeBytes = Int(clamping: native.computeBytes)
        overheadBytes = Int(clamping: native.overheadBytes)
        availableBytes = native.availableBytes.map { Int(clamping: $0) }
        fits = native.fits
    }
}
