//! Raw bytes to numbers: the CPU's side of `shaders/tall.wgsl`, and the dtypes that only the CPU decodes.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::RawTall;

/// The dtypes that factors may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FactorType {
    F32,
    F16,
    Bf16,
    /// Decoded on the CPU only: the GPU has no f64.
    F64,
    /// Decoded on the CPU only: one byte does not pay for a kernel of its own.
    F8E4m3,
    /// Decoded on the CPU only.
    F8E5m2,
}

impl FactorType {
    /// The number by which the kernels know it.
    pub fn code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Bf16 => 2,
            Self::F64 => 3,
            Self::F8E4m3 => 4,
            Self::F8E5m2 => 5,
        }
    }

    /// Whether the kernels decode it.
    pub fn on_gpu(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::F8E4m3 | Self::F8E5m2 => 1,
        }
    }

    /// The number at `index` of `bytes`; NaN beyond the end, which a matrix that [`RawTall::is_whole`] does not have.
    pub fn decode(self, bytes: &[u8], index: usize) -> f64 {
        fn at<const N: usize>(bytes: &[u8], index: usize) -> [u8; N] {
            bytes.get(index * N..).and_then(|tail| tail.first_chunk::<N>()).copied().unwrap_or([0xff; N])
        }
        match self {
            Self::F32 => f64::from(f32::from_le_bytes(at(bytes, index))),
            Self::F16 => half::f16::from_le_bytes(at(bytes, index)).to_f64(),
            Self::Bf16 => half::bf16::from_le_bytes(at(bytes, index)).to_f64(),
            Self::F64 => f64::from_le_bytes(at(bytes, index)),
            Self::F8E4m3 => f8_e4m3(at::<1>(bytes, index)[0]),
            Self::F8E5m2 => f8_e5m2(at::<1>(bytes, index)[0]),
        }
    }
}

/// As `widen_f16` of `shaders/tall.wgsl`, without a branch; `half` would branch on the CPU's features each time.
pub(super) fn widen_f16(h: u16) -> f32 {
    let magnitude = u32::from(h & 0x7fff) << 13;
    let exponent = magnitude & 0x0f80_0000;
    let normal = magnitude + (112 << 23);
    // The leading one that a subnormal does not have is added and, as a number, subtracted again.
    let subnormal = (f32::from_bits(magnitude + (113 << 23)) - f32::from_bits(113 << 23)).to_bits();
    let bits = if exponent == 0 { subnormal } else { normal };
    let bits = if exponent == 0x0f80_0000 { normal + (112 << 23) } else { bits };
    f32::from_bits(bits | u32::from(h & 0x8000) << 16)
}

/// OCP 8-bit floating point, E4M3: bias 7, no infinities, S.1111.111 is NaN.
pub(super) fn f8_e4m3(byte: u8) -> f64 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 0xf), f64::from(byte & 7));
    let magnitude = match (exponent, byte & 7) {
        (15, 7) => f64::NAN,
        (0, _) => mantissa / 8.0 * 2f64.powi(-6),
        _ => (1.0 + mantissa / 8.0) * 2f64.powi(exponent - 7),
    };
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

/// OCP 8-bit floating point, E5M2: the upper byte of an f16.
pub(super) fn f8_e5m2(byte: u8) -> f64 {
    half::f16::from_bits(u16::from(byte) << 8).to_f64()
}

/// Numbers in a block of GGUF's Q8_0.
pub const Q8_0_NUMBERS: usize = 32;
/// Bytes of such a block: an f16 scale d and 32 whole numbers q of 8 bits, for the numbers d·q.
pub const Q8_0_BYTES: usize = 34;

/// The numbers of Q8_0 blocks, in their order (`dequantize_row_q8_0` of ggml, which also works in f32). `None` where
/// the bytes are not whole blocks. A scale that is not finite gives numbers that are not.
pub fn q8_0(bytes: &[u8]) -> Option<Vec<f32>> {
    let (blocks, []) = bytes.as_chunks::<Q8_0_BYTES>() else { return None };
    let mut numbers = Vec::with_capacity(blocks.len() * Q8_0_NUMBERS);
    for [low, high, quants @ ..] in blocks {
        let scale = half::f16::from_le_bytes([*low, *high]).to_f32();
        numbers.extend(quants.iter().map(|q| scale * f32::from(q.cast_signed())));
    }
    Some(numbers)
}

impl RawTall {
    /// Whether the bytes are those of rows·cols numbers.
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.len() * self.dtype.size()
    }

    /// Numbers in the matrix.
    pub fn len(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element (i, j), exactly.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        let index = if self.transposed { j * self.rows as usize + i } else { i * self.cols as usize + j };
        self.dtype.decode(&self.bytes, index)
    }

    /// Rows `first .. first + count` in f64, row by row into `out` (count × cols numbers).
    pub fn rows_f64(&self, first: usize, count: usize, out: &mut [f64]) {
        match self.dtype {
            FactorType::F32 => self.fill(first, count, out, |b: [u8; 4]| f64::from(f32::from_le_bytes(b))),
            FactorType::F16 => self.fill(first, count, out, |b: [u8; 2]| f64::from(widen_f16(u16::from_le_bytes(b)))),
            FactorType::Bf16 => self.fill(first, count, out, |b: [u8; 2]| half::bf16::from_le_bytes(b).to_f64()),
            FactorType::F64 => self.fill(first, count, out, f64::from_le_bytes),
            FactorType::F8E4m3 => self.fill(first, count, out, |[b]| f8_e4m3(b)),
            FactorType::F8E5m2 => self.fill(first, count, out, |[b]| f8_e5m2(b)),
        }
    }

    fn fill<const N: usize>(&self, first: usize, count: usize, out: &mut [f64], decode: impl Fn([u8; N]) -> f64) {
        let (rows, cols) = (self.rows as usize, self.cols as usize);
        let (numbers, _) = self.bytes.as_chunks::<N>();
        if self.transposed {
            for (j, column) in numbers.chunks_exact(rows.max(1)).enumerate() {
                for (i, &bytes) in column[first..first + count].iter().enumerate() {
                    out[i * cols + j] = decode(bytes);
                }
            }
        } else {
            for (x, &bytes) in out.iter_mut().zip(&numbers[first * cols..(first + count) * cols]) {
                *x = decode(bytes);
            }
        }
    }

    /// The whole matrix in f64 (rows × cols). Eight bytes a number: for the f64 fall-back.
    pub fn to_f64(&self) -> DMatrix<f64> {
        DMatrix::from_fn(self.rows as usize, self.cols as usize, |i, j| self.get(i, j))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_widens_to_itself() {
        for bits in 0..=u16::MAX {
            let (wide, exact) = (widen_f16(bits), half::f16::from_bits(bits).to_f32());
            assert!(wide.to_bits() == exact.to_bits() || wide.is_nan() && exact.is_nan(), "{bits:04x}");
        }
    }

    #[test]
    fn f8_values_are_those_of_the_ocp_tables() {
        assert_eq!(f8_e4m3(0x7e), 448.0);
        assert_eq!(f8_e4m3(0x01), 2f64.powi(-9));
        assert_eq!(f8_e4m3(0xb8), -1.0);
        assert!(f8_e4m3(0x7f).is_nan());
        assert_eq!(f8_e5m2(0x7b), 57344.0);
        assert_eq!(f8_e5m2(0x01), 2f64.powi(-16));
        assert!(f8_e5m2(0x7c).is_infinite());
    }

    #[test]
    fn q8_0_is_the_scale_times_each_whole_number() {
        let block = |scale: f32, first: i8| {
            let quants = (0..32).map(|i| first.wrapping_add(i).cast_unsigned());
            [&half::f16::from_f32(scale).to_le_bytes()[..], &quants.collect::<Vec<u8>>()].concat()
        };
        let numbers = q8_0(&[block(0.5, -128), block(-2.0, 100)].concat()).unwrap();
        assert_eq!(numbers.len(), 64);
        assert_eq!((numbers[0], numbers[31]), (-64.0, -48.5));
        assert_eq!((numbers[32], numbers[59], numbers[60]), (-200.0, -254.0, 256.0), "127, then -128");
        assert_eq!(q8_0(&[]), Some(vec![]));
        for cut in [1, 2, 33, 35, 67] {
            assert_eq!(q8_0(&vec![0; cut]), None, "{cut} bytes");
        }
        assert!(q8_0(&block(f32::NAN, 1)).unwrap().iter().all(|x| x.is_nan()));
        // The smallest f16 above zero is subnormal: not flushed.
        assert_eq!(q8_0(&[&[1, 0][..], &[1; 32]].concat()).unwrap()[0], 2f32.powi(-24));
    }

    #[test]
    fn both_orders_and_all_dtypes_give_the_same_element() {
        for dtype in [FactorType::F32, FactorType::F16, FactorType::Bf16, FactorType::F64] {
            let bytes: Vec<u8> = (0..6)
                .flat_map(|n| match dtype {
                    FactorType::F32 => f32::from(n as u8).to_le_bytes().to_vec(),
                    FactorType::F16 => half::f16::from_f32(n as f32).to_le_bytes().to_vec(),
                    FactorType::Bf16 => half::bf16::from_f32(n as f32).to_le_bytes().to_vec(),
                    _ => f64::from(n).to_le_bytes().to_vec(),
                })
                .collect();
            let raw = RawTall { rows: 3, cols: 2, transposed: false, dtype, bytes: bytes.clone() };
            assert!(raw.is_whole());
            assert_eq!(raw.get(2, 1), 5.0);
            assert_eq!(RawTall { transposed: true, ..raw }.get(2, 1), 5.0);
            assert_eq!(RawTall { rows: 3, cols: 2, transposed: true, dtype, bytes }.get(1, 1), 4.0);
        }
    }
}
