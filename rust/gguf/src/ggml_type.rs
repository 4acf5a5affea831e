//! The element types of tensors.

use std::fmt;

macro_rules! ggml_types {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $block:literal, $bytes:literal;)*) => {
        /// A tensor's element type, with the numbers `ggml_type` gives them.
        ///
        /// Quantized types store blocks: [`block_size`](Self::block_size)
        /// elements in [`block_bytes`](Self::block_bytes) bytes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types)]
        #[repr(u32)]
        pub enum GgmlType {
            $($(#[$doc])* $variant = $id,)*
        }

        impl GgmlType {
            /// Every type, by number.
            pub const ALL: &[GgmlType] = &[$(GgmlType::$variant),*];

            /// The type with this number in `ggml_type`, unless ggml has none
            /// or has removed it.
            pub fn from_id(id: u32) -> Option<Self> {
                match id {
                    $($id => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name ggml prints.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Elements in one block; 1 for plain types.
            pub fn block_size(self) -> u64 {
                match self { $(Self::$variant => $block,)* }
            }

            /// Bytes of one block.
            pub fn block_bytes(self) -> u64 {
                match self { $(Self::$variant => $bytes,)* }
            }
        }
    };
}

ggml_types! {
    /// 32-bit float.
    F32 = 0, "f32", 1, 4;
    /// 16-bit float.
    F16 = 1, "f16", 1, 2;
    /// 4 bits, a scale for 32.
    Q4_0 = 2, "q4_0", 32, 18;
    /// 4 bits, a scale and a minimum for 32.
    Q4_1 = 3, "q4_1", 32, 20;
    /// 5 bits, a scale for 32.
    Q5_0 = 6, "q5_0", 32, 22;
    /// 5 bits, a scale and a minimum for 32.
    Q5_1 = 7, "q5_1", 32, 24;
    /// 8 bits, a scale for 32.
    Q8_0 = 8, "q8_0", 32, 34;
    /// 8 bits, a scale and a sum for 32: activations only.
    Q8_1 = 9, "q8_1", 32, 36;
    /// 2 bits, superblocks of 256.
    Q2_K = 10, "q2_K", 256, 84;
    /// 3 bits, superblocks of 256.
    Q3_K = 11, "q3_K", 256, 110;
    /// 4 bits, superblocks of 256.
    Q4_K = 12, "q4_K", 256, 144;
    /// 5 bits, superblocks of 256.
    Q5_K = 13, "q5_K", 256, 176;
    /// 6 bits, superblocks of 256.
    Q6_K = 14, "q6_K", 256, 210;
    /// 8 bits, superblocks of 256: activations only.
    Q8_K = 15, "q8_K", 256, 292;
    /// 2.06 bits.
    IQ2_XXS = 16, "iq2_xxs", 256, 66;
    /// 2.31 bits.
    IQ2_XS = 17, "iq2_xs", 256, 74;
    /// 3.06 bits.
    IQ3_XXS = 18, "iq3_xxs", 256, 98;
    /// 1.56 bits.
    IQ1_S = 19, "iq1_s", 256, 50;
    /// 4 bits through a table, a scale for 32.
    IQ4_NL = 20, "iq4_nl", 32, 18;
    /// 3.44 bits.
    IQ3_S = 21, "iq3_s", 256, 110;
    /// 2.5 bits.
    IQ2_S = 22, "iq2_s", 256, 82;
    /// 4.25 bits.
    IQ4_XS = 23, "iq4_xs", 256, 136;
    /// 8-bit integer.
    I8 = 24, "i8", 1, 1;
    /// 16-bit integer.
    I16 = 25, "i16", 1, 2;
    /// 32-bit integer.
    I32 = 26, "i32", 1, 4;
    /// 64-bit integer.
    I64 = 27, "i64", 1, 8;
    /// 64-bit float.
    F64 = 28, "f64", 1, 8;
    /// 1.75 bits.
    IQ1_M = 29, "iq1_m", 256, 56;
    /// 16-bit brain float.
    BF16 = 30, "bf16", 1, 2;
    /// Ternary, 1.69 bits.
    TQ1_0 = 34, "tq1_0", 256, 54;
    /// Ternary, 2.06 bits.
    TQ2_0 = 35, "tq2_0", 256, 66;
    /// 4-bit float, a power-of-two scale for 32.
    MXFP4 = 39, "mxfp4", 32, 17;
    /// 4-bit float, a float scale for 16, stored four at a time.
    NVFP4 = 40, "nvfp4", 64, 36;
    /// Sign bits, a scale for 128.
    Q1_0 = 41, "q1_0", 128, 18;
    /// 2 bits, a scale for 64.
    Q2_0 = 42, "q2_0", 64, 18;
}

impl GgmlType {
    /// The type's number in `ggml_type`.
    pub fn id(self) -> u32 {
        self as u32
    }

    /// Bytes of a row of `elements`, unless that is no whole number of blocks
    /// or does not fit.
    pub fn row_bytes(self, elements: u64) -> Option<u64> {
        if !elements.is_multiple_of(self.block_size()) {
            return None;
        }
        (elements / self.block_size()).checked_mul(self.block_bytes())
    }
}

impl fmt::Display for GgmlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_number() {
        for &ty in GgmlType::ALL {
            assert_eq!(GgmlType::from_id(ty.id()), Some(ty));
        }
        assert_eq!(GgmlType::ALL.len(), 35);
    }

    #[test]
    fn removed_types_are_unknown() {
        for id in [4, 5, 31, 32, 33, 36, 37, 38, 43, u32::MAX] {
            assert_eq!(GgmlType::from_id(id), None);
        }
    }

    #[test]
    fn rows_are_whole_blocks() {
        assert_eq!(GgmlType::Q4_1.row_bytes(576), Some(360));
        assert_eq!(GgmlType::Q4_K.row_bytes(576), None);
        assert_eq!(GgmlType::F64.row_bytes(u64::MAX), None);
    }
}
