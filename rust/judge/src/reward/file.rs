//! A head as a GGUF file: `general.type = reward_head`, the keys and tensors below, and
//! nothing else.

use pocketune_base::Digest;
use pocketune_gguf::{GgmlType, Gguf, GgufBuilder};

use super::error::RewardError;
use super::head::{FeatureSource, MAX_FEATURES, Numbers, RewardHead};

const KIND: &str = "general.type";
const REWARD_HEAD: &str = "reward_head";
const VERSION: &str = "pocketune.reward.format_version";
const BASE: &str = "pocketune.reward.base_sha256";
const FEATURES: &str = "pocketune.reward.feature_length";
const LAYER: &str = "pocketune.reward.layer";
const POOLING: &str = "pocketune.reward.pooling";
/// The only pooling there is: the hidden state of the last token.
const LAST: &str = "last";
pub(crate) const TEMPERATURE: &str = "pocketune.reward.temperature";
pub(crate) const CENTER: &str = "pocketune.reward.output_center";
pub(crate) const OUTPUT_SCALE: &str = "pocketune.reward.output_scale";
const KEYS: [&str; 9] = [
    KIND,
    VERSION,
    BASE,
    FEATURES,
    LAYER,
    POOLING,
    TEMPERATURE,
    CENTER,
    OUTPUT_SCALE,
];

pub(crate) const WEIGHT: &str = "reward.weight";
pub(crate) const MEAN: &str = "reward.feature_mean";
pub(crate) const SCALE: &str = "reward.feature_scale";
const TENSORS: [&str; 3] = [WEIGHT, MEAN, SCALE];

impl RewardHead {
    /// The format that is written, and the only one that is read.
    pub const FORMAT_VERSION: u32 = 1;

    /// The bytes of its file: 12 bytes a feature and some hundred more.
    ///
    /// # Errors
    /// None for a sound head; [`RewardError::Gguf`] is passed on.
    pub fn to_gguf(&self) -> Result<Vec<u8>, RewardError> {
        let (source, numbers) = (self.source(), self.numbers());
        let mut builder = GgufBuilder::new();
        builder
            .metadata(KIND, REWARD_HEAD)
            .metadata(VERSION, Self::FORMAT_VERSION)
            .metadata(
                BASE,
                Digest::from_bytes(source.base_sha256).to_string().as_str(),
            )
            .metadata(FEATURES, self.features() as u32)
            .metadata(LAYER, source.layer)
            .metadata(POOLING, LAST)
            .metadata(TEMPERATURE, numbers.temperature)
            .metadata(CENTER, numbers.center)
            .metadata(OUTPUT_SCALE, numbers.output_scale);
        let dims = [self.features() as u64];
        let values = [&numbers.weight, &numbers.mean, &numbers.scale];
        for (name, values) in TENSORS.into_iter().zip(values) {
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            builder.tensor(name, GgmlType::F32, &dims, bytes);
        }
        Ok(builder.build()?)
    }

    /// Reads a head for the base model of this SHA-256. Nothing is passed over: what is
    /// accepted would be written the same, byte for byte.
    ///
    /// # Errors
    /// The first fault found, each with a variant of [`RewardError`].
    pub fn parse(bytes: &[u8], base_sha256: &[u8; 32]) -> Result<Self, RewardError> {
        let gguf = Gguf::parse(bytes, bytes.len() as u64)?;
        let metadata = gguf.metadata();
        let found = metadata.read(KIND)?.unwrap_or("missing");
        if found != REWARD_HEAD {
            let found = found.to_owned();
            return Err(RewardError::NotARewardHead { found });
        }
        // Before anything else that another version may say differently.
        let found = metadata.require(VERSION)?;
        if found != Self::FORMAT_VERSION {
            return Err(RewardError::FormatVersion { found });
        }
        let mut keys = metadata.iter().map(|(key, _)| key);
        if let Some(key) = keys.find(|key| !KEYS.contains(key)) {
            let key = key.to_owned();
            return Err(RewardError::UnknownKey { key });
        }
        let source = FeatureSource {
            base_sha256: read_base(metadata.require(BASE)?, base_sha256)?,
            layer: metadata.require(LAYER)?,
        };
        let found: &str = metadata.require(POOLING)?;
        if found != LAST {
            let found = found.to_owned();
            return Err(RewardError::UnknownPooling { found });
        }
        let features = read_features(metadata.require(FEATURES)?)?;
        let mut names = gguf.tensors().iter().map(|tensor| tensor.name());
        if let Some(name) = names.find(|name| !TENSORS.contains(name)) {
            let tensor = name.to_owned();
            return Err(RewardError::UnknownTensor { tensor });
        }
        let numbers = Numbers {
            weight: read_tensor(&gguf, bytes, WEIGHT, features)?,
            mean: read_tensor(&gguf, bytes, MEAN, features)?,
            scale: read_tensor(&gguf, bytes, SCALE, features)?,
            temperature: metadata.require(TEMPERATURE)?,
            center: metadata.require(CENTER)?,
            output_scale: metadata.require(OUTPUT_SCALE)?,
        };
        let head = Self::new(source, numbers)?;
        if head.to_gguf()? != bytes {
            return Err(RewardError::NotCanonical);
        }
        Ok(head)
    }
}

/// Stops a head that was trained on another model's hidden state, where its scores would
/// be noise that an optimiser follows.
fn read_base(found: &str, expected: &[u8; 32]) -> Result<[u8; 32], RewardError> {
    let found = Digest::from_hex(found).ok_or(RewardError::Digest { key: BASE })?;
    if found.as_bytes() != expected {
        return Err(RewardError::OtherBase {
            found: found.to_string(),
            expected: Digest::from_bytes(*expected).to_string(),
        });
    }
    Ok(*expected)
}

/// Bounded before tensors are read, so that a small file buys no large allocation.
fn read_features(found: u32) -> Result<u64, RewardError> {
    let (found, limit) = (u64::from(found), MAX_FEATURES as u64);
    if found == 0 || found > limit {
        return Err(RewardError::FeatureCount { found, limit });
    }
    Ok(found)
}

fn read_tensor(
    gguf: &Gguf<'_>,
    file: &[u8],
    name: &'static str,
    features: u64,
) -> Result<Vec<f32>, RewardError> {
    let tensor = name;
    let info = gguf.tensor(name);
    let info = info.ok_or(RewardError::TensorMissing { tensor })?;
    if info.tensor_type() != GgmlType::F32 {
        return Err(RewardError::TensorType { tensor });
    }
    if info.dims() != [features, 1, 1, 1] {
        return Err(RewardError::TensorShape {
            tensor,
            found: info.dims(),
            expected: features,
        });
    }
    // Inside the file: the reader has checked it.
    let data = gguf.tensor_data(info, file).unwrap_or_default();
    let (values, _) = data.as_chunks::<4>();
    Ok(values.iter().copied().map(f32::from_le_bytes).collect())
}
