//! Everything that can be wrong with GGUF bytes or with the model they hold.

use crate::{GgmlType, ValueType, reason};

/// Why bytes are not an acceptable GGUF file.
///
/// Each variant is one fault and carries what was found, what was expected
/// and where. Names come from the file and may be long; they are valid UTF-8.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GgufError {
    /// The prefix ends before the tables do, the file does not: call
    /// [`Gguf::parse`](crate::Gguf::parse) again with at least this many
    /// bytes. This is a lower bound; doubling the prefix ends sooner.
    #[error("need at least {at_least_bytes} bytes of the file to read its tables")]
    NeedMore {
        /// Bytes from the start of the file.
        at_least_bytes: u64,
    },
    /// The prefix handed in is longer than the file is said to be.
    #[error("{prefix_bytes} bytes were read of a file of {file_bytes}")]
    PrefixExceedsFile {
        /// Bytes handed in.
        prefix_bytes: u64,
        /// Bytes the file is said to have.
        file_bytes: u64,
    },
    /// The file ends inside its tables.
    #[error("{needed_bytes} bytes at offset {offset} reach beyond the file of {file_bytes} bytes")]
    Truncated {
        /// Where the read started.
        offset: u64,
        /// Bytes it needed.
        needed_bytes: u64,
        /// Bytes the file has.
        file_bytes: u64,
    },
    /// The tables are larger than any model needs.
    #[error("the tables reach past byte {limit} (at offset {offset})")]
    HeaderTooLarge {
        /// Where the read started.
        offset: u64,
        /// [`MAX_HEADER_BYTES`](crate::limits::MAX_HEADER_BYTES).
        limit: u64,
    },
    /// The first four bytes are not `GGUF`.
    #[error("not a GGUF file: it starts with {found:02x?}")]
    BadMagic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A big-endian file.
    #[error("big-endian GGUF (version {version}) is not supported")]
    BigEndian {
        /// The version in the file's own byte order.
        version: u32,
    },
    /// A version other than 2 and 3.
    #[error("GGUF version {found} is not supported (2 and 3 are)")]
    UnsupportedVersion {
        /// The version in the file.
        found: u32,
    },
    /// More keys than the cap.
    #[error("{found} metadata keys, at most {limit} are accepted")]
    TooManyKeys {
        /// Announced keys.
        found: u64,
        /// [`MAX_KEYS`](crate::limits::MAX_KEYS).
        limit: u64,
    },
    /// More tensors than the cap.
    #[error("{found} tensors, at most {limit} are accepted")]
    TooManyTensors {
        /// Announced tensors.
        found: u64,
        /// [`MAX_TENSORS`](crate::limits::MAX_TENSORS).
        limit: u64,
    },
    /// A string longer than its cap.
    #[error("string of {found} bytes at offset {offset}, at most {limit} are accepted")]
    StringTooLong {
        /// Offset of the string's length field.
        offset: u64,
        /// Announced bytes.
        found: u64,
        /// The cap that applies.
        limit: u64,
    },
    /// A string that is not UTF-8.
    #[error("string at offset {offset} is not UTF-8")]
    NotUtf8 {
        /// Offset of the string's length field.
        offset: u64,
    },
    /// A string with a NUL inside. llama.cpp reads C strings: what it would
    /// see is not what was checked.
    #[error("string at offset {offset} holds a NUL byte")]
    NulInString {
        /// Offset of the string's length field.
        offset: u64,
    },
    /// A key or tensor name without a byte.
    #[error("empty name at offset {offset}")]
    EmptyName {
        /// Offset of the name's length field.
        offset: u64,
    },

    /// Two metadata entries with one key.
    #[error("metadata key {key:?} occurs twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A value type the format does not have.
    #[error("metadata key {key:?} has unknown value type {found}")]
    UnknownValueType {
        /// The key.
        key: String,
        /// The type number in the file.
        found: u32,
    },
    /// An array of arrays, which ggml refuses.
    #[error("metadata key {key:?} is an array of arrays")]
    NestedArray {
        /// The key.
        key: String,
    },
    /// An array longer than its cap.
    #[error("metadata key {key:?} has {found} elements, at most {limit} are accepted")]
    ArrayTooLong {
        /// The key.
        key: String,
        /// Announced elements.
        found: u64,
        /// [`MAX_ARRAY_LEN`](crate::limits::MAX_ARRAY_LEN).
        limit: u64,
    },
    /// A bool that is neither 0 nor 1.
    #[error("metadata key {key:?} holds {found} where a bool (0 or 1) is stored")]
    InvalidBool {
        /// The key.
        key: String,
        /// The byte in the file.
        found: u8,
    },
    /// A key that is needed is absent.
    #[error("metadata key {key:?} is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A key has a value of another type than its reader needs.
    #[error("{}", reason::wrong_type(key, *found, *expected))]
    WrongType {
        /// The key.
        key: String,
        /// The value's type.
        found: ValueType,
        /// The type that is needed.
        expected: ValueType,
    },
    /// A key has an array of other elements than its reader needs.
    #[error("metadata key {key:?} is an array of {found}, not of {expected}")]
    WrongElementType {
        /// The key.
        key: String,
        /// The elements' type.
        found: ValueType,
        /// The type that is needed.
        expected: ValueType,
    },
    /// `general.alignment` is zero, not a power of two or absurdly large.
    #[error("general.alignment is {found}, not a power of two up to {limit}")]
    BadAlignment {
        /// The value in the file.
        found: u32,
        /// [`MAX_ALIGNMENT`](crate::limits::MAX_ALIGNMENT).
        limit: u32,
    },

    /// Two tensors with one name.
    #[error("tensor {tensor:?} occurs twice")]
    DuplicateTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor without axes or with more than four.
    #[error("tensor {tensor:?} has {found} dimensions, not 1 to 4")]
    BadDimensionCount {
        /// The tensor's name.
        tensor: String,
        /// Axes in the file.
        found: u32,
    },
    /// A dimension of zero.
    #[error("tensor {tensor:?} has no elements along axis {axis}")]
    ZeroDimension {
        /// The tensor's name.
        tensor: String,
        /// The axis, 0 being the contiguous one.
        axis: u32,
    },
    /// A dimension above `i64::MAX`, which ggml would read as negative.
    #[error("tensor {tensor:?} has {found} elements along axis {axis}")]
    DimensionTooLarge {
        /// The tensor's name.
        tensor: String,
        /// The axis.
        axis: u32,
        /// The dimension in the file.
        found: u64,
    },
    /// The product of dimensions, or the size in bytes, does not fit.
    #[error("tensor {tensor:?} of dimensions {dims:?} is too large to address")]
    TensorTooLarge {
        /// The tensor's name.
        tensor: String,
        /// Its dimensions, padded with ones.
        dims: [u64; 4],
    },
    /// A type number ggml does not have, or no longer has.
    #[error("tensor {tensor:?} has unknown or removed ggml type {found}: quantize it again")]
    UnknownTensorType {
        /// The tensor's name.
        tensor: String,
        /// The type number in the file.
        found: u32,
    },
    /// A row that is no whole number of quantization blocks.
    #[error(
        "tensor {tensor:?}: rows of {found} elements are no multiple of {tensor_type} blocks of {block}"
    )]
    PartialBlock {
        /// The tensor's name.
        tensor: String,
        /// Its type.
        tensor_type: GgmlType,
        /// Elements along axis 0.
        found: u64,
        /// Elements in a block.
        block: u64,
    },
    /// Tensor data is not where the running sum of padded sizes puts it.
    #[error("tensor {tensor:?} is at data offset {found}, not {expected}")]
    TensorOffset {
        /// The tensor's name.
        tensor: String,
        /// The offset in the file.
        found: u64,
        /// The offset ggml demands.
        expected: u64,
    },
    /// Tensor data reaches beyond the file.
    #[error("tensor {tensor:?} ends at byte {end_bytes} of a file of {file_bytes}")]
    TensorOutsideFile {
        /// The tensor's name.
        tensor: String,
        /// File offset of its end.
        end_bytes: u64,
        /// Bytes the file has.
        file_bytes: u64,
    },
    /// A tensor handed to the builder has another number of bytes than its
    /// type and dimensions say.
    #[error("tensor {tensor:?} takes {expected} bytes, {found} were given")]
    TensorDataLength {
        /// The tensor's name.
        tensor: String,
        /// Bytes given.
        found: u64,
        /// Bytes its type and dimensions take.
        expected: u64,
    },

    /// `general.type` names something other than a model.
    #[error("general.type is {found:?}, not \"model\"")]
    NotAModel {
        /// The value in the file.
        found: String,
    },
    /// An architecture that is not on the allow-list.
    #[error("models of architecture {found:?} are not supported (llama and gemma3 are)")]
    UnsupportedArchitecture {
        /// The value of `general.architecture`.
        found: String,
    },
    /// One part of a split model.
    #[error("the model is split into {count} files: join them with llama-gguf-split --merge first")]
    SplitModel {
        /// The value of `split.count`.
        count: u16,
    },
    /// One part of a split model that says which.
    #[error(
        "this is part {part} of {count} of a split model: join the parts with \
         llama-gguf-split --merge first"
    )]
    SplitPart {
        /// Which part, from 1.
        part: u32,
        /// The value of `split.count`.
        count: u16,
    },
    /// A mixture of experts.
    #[error("mixture-of-experts models ({experts} experts) are not supported")]
    MixtureOfExperts {
        /// The value of `<arch>.expert_count`.
        experts: u32,
    },
    /// A key llama.cpp acts upon and no audit covers.
    #[error("{}", reason::unsupported_key(key))]
    UnsupportedKey {
        /// The key.
        key: String,
    },

    /// A whole number outside its range.
    #[error("{}", reason::out_of_range(key, *found, *min, *max))]
    OutOfRange {
        /// The key.
        key: String,
        /// The value in the file.
        found: i64,
        /// Smallest accepted value.
        min: i64,
        /// Largest accepted value.
        max: i64,
    },
    /// A number outside its range, or not a number.
    #[error("metadata key {key:?} is {found}, not {min} to {max}")]
    FloatOutOfRange {
        /// The key.
        key: String,
        /// The value in the file.
        found: f32,
        /// Smallest accepted value.
        min: f32,
        /// Largest accepted value.
        max: f32,
    },
    /// A string llama.cpp does not know or the audit does not cover.
    #[error("{}", reason::unsupported_value(key, found))]
    UnsupportedValue {
        /// The key.
        key: String,
        /// The value in the file.
        found: String,
    },
    /// A text longer than its cap.
    #[error("metadata key {key:?} has {found} bytes, at most {limit} are accepted")]
    TextTooLong {
        /// The key.
        key: String,
        /// Bytes in the file.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// An array with another number of elements than its peers.
    #[error("metadata key {key:?} has {found} elements, not {expected}")]
    ArrayLength {
        /// The key.
        key: String,
        /// Elements in the file.
        found: u64,
        /// Elements expected.
        expected: u64,
    },
    /// A hyperparameter that must be a multiple of another.
    #[error("metadata key {key:?} is {found}, no multiple of {divisor}")]
    NotAMultiple {
        /// The key.
        key: String,
        /// Its value.
        found: u64,
        /// What it must be a multiple of.
        divisor: u64,
    },
    /// A hyperparameter that must equal another.
    #[error("metadata key {key:?} is {found}, not {expected}")]
    Inconsistent {
        /// The key.
        key: String,
        /// Its value.
        found: u64,
        /// What the other hyperparameters make of it.
        expected: u64,
    },

    /// A tensor the architecture needs is absent.
    #[error("tensor {tensor:?} is missing")]
    MissingTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor the architecture does not have; llama.cpp refuses these too.
    #[error("{}", reason::unexpected_tensor(tensor))]
    UnexpectedTensor {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor whose dimensions are not what the hyperparameters say.
    #[error("tensor {tensor:?} has dimensions {found:?}, not {expected:?}")]
    TensorShape {
        /// The tensor's name.
        tensor: String,
        /// Its dimensions, padded with ones.
        found: [u64; 4],
        /// The dimensions the hyperparameters say.
        expected: [u64; 4],
    },
    /// A tensor of a type that the CPU cannot use in its place.
    #[error("tensor {tensor:?} has type {found}, which cannot be used there")]
    TensorType {
        /// The tensor's name.
        tensor: String,
        /// Its type.
        found: GgmlType,
    },

    /// Two tokens with one text.
    #[error("tokens {first} and {second} have the same text")]
    DuplicateToken {
        /// Id of the first.
        first: u32,
        /// Id of the second.
        second: u32,
    },
    /// Tokens that byte-level decoding would blow up: each character outside
    /// its alphabet repeats the whole token.
    #[error("the tokens' texts decode to {found} bytes, at most {limit} are accepted")]
    TokenTextTooLarge {
        /// Bytes of the decoded texts.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// More text in all tokens together than any real vocabulary has.
    #[error("the tokens have {found} bytes of text, at most {limit} are accepted")]
    VocabularyTooLarge {
        /// Bytes in the file.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// More control, user-defined and unknown tokens than any real vocabulary has.
    #[error("{found} control, user-defined and unknown tokens, at most {limit} are accepted")]
    TooManySpecialTokens {
        /// Tokens in the file.
        found: u32,
        /// The cap.
        limit: u32,
    },
    /// More text in control, user-defined and unknown tokens than any real vocabulary has.
    #[error(
        "control, user-defined and unknown tokens have {found} bytes of text, at most {limit} \
         are accepted"
    )]
    SpecialTokensTooLarge {
        /// Bytes in the file.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// More merge rules than any real vocabulary has.
    #[error("{found} merge rules, at most {limit} are accepted")]
    TooManyMerges {
        /// Rules in the file.
        found: u32,
        /// The cap.
        limit: u32,
    },
    /// Merge rules with more text than any real ones.
    #[error("the merge rules have {found} bytes of text, at most {limit} are accepted")]
    MergesTooLarge {
        /// Bytes in the file.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// Arrays beside the vocabulary that are larger than any real ones.
    #[error("arrays beside the vocabulary have {found} bytes, at most {limit} are accepted")]
    ArraysTooLarge {
        /// Bytes in the file.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// A token longer than any real one of its type.
    #[error("token {id} has {found} bytes, at most {limit} are accepted")]
    TokenTooLong {
        /// Its id.
        id: u32,
        /// Bytes in the file.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// A token of a type llama.cpp does not have.
    #[error("token {id} has unknown type {found}")]
    UnknownTokenType {
        /// Its id.
        id: u32,
        /// The type number in the file.
        found: i32,
    },
    /// A score that is no finite number.
    #[error("token {id} has score {found}")]
    BadScore {
        /// Its id.
        id: u32,
        /// The score in the file.
        found: f32,
    },
    /// A byte token that is not written `<0xHH>`.
    #[error("byte token {id} is not of the form <0xHH>")]
    BadByteToken {
        /// Its id.
        id: u32,
    },
    /// The vocabulary cannot express a byte.
    #[error("the vocabulary has no token for byte {byte:#04x}")]
    MissingByteToken {
        /// The byte.
        byte: u8,
    },
    /// A special token outside the vocabulary.
    #[error("metadata key {key:?} names token {found} of a vocabulary of {vocabulary}")]
    TokenOutsideVocabulary {
        /// The key.
        key: String,
        /// The id in the file.
        found: i64,
        /// Number of tokens.
        vocabulary: u32,
    },
    /// A merge rule that is not two pieces with a space between.
    #[error("merge rule {index} is malformed")]
    BadMerge {
        /// Its place in `tokenizer.ggml.merges`.
        index: u32,
    },
}
