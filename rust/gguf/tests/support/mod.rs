//! GGUF bytes written by hand, so that they can be wrong.

/// A file under construction.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
}

impl Raw {
    /// Magic, version 3 and the two counts.
    pub(crate) fn new(tensors: u64, keys: u64) -> Self {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(keys.to_le_bytes());
        Raw { bytes }
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn string(self, bytes: &[u8]) -> Self {
        self.u64(bytes.len() as u64).raw(bytes)
    }

    /// A `u32` key.
    pub(crate) fn key_u32(self, key: &str, value: u32) -> Self {
        self.string(key.as_bytes()).u32(4).u32(value)
    }

    /// A tensor's entry.
    pub(crate) fn tensor(self, name: &str, dims: &[u64], tensor_type: u32, offset: u64) -> Self {
        let mut raw = self.string(name.as_bytes()).u32(dims.len() as u32);
        for &dim in dims {
            raw = raw.u64(dim);
        }
        raw.u32(tensor_type).u64(offset)
    }

    /// Padding to 32 and so many bytes of data.
    pub(crate) fn data(mut self, len: usize) -> Self {
        let start = self.bytes.len().next_multiple_of(32);
        self.bytes.resize(start + len, 0);
        self
    }
}
