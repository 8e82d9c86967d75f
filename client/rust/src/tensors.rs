//! Tensors as the wire carries them: little-endian F32 or BF16, row-major, unpadded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::Error;

/// Float32 numbers. The answer has the form of the request.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensors {
    /// All tensors back to back, in declared order.
    Packed(Vec<f32>),
    /// By name.
    Named(BTreeMap<String, Vec<f32>>),
}

/// Number type on the wire. `BF16` halves the bytes, and rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Dtype {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes a number: the upper half of a float32.
    BF16,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Wire {
    Packed(ByteBuf),
    Named(BTreeMap<String, ByteBuf>),
}

impl Tensors {
    pub(crate) fn to_wire(&self, dtype: Dtype) -> Wire {
        match self {
            Tensors::Packed(numbers) => Wire::Packed(dtype.bytes(numbers)),
            Tensors::Named(named) => Wire::Named(
                named.iter().map(|(name, numbers)| (name.clone(), dtype.bytes(numbers))).collect(),
            ),
        }
    }

    pub(crate) fn from_wire(wire: Wire, dtype: Dtype) -> Self {
        match wire {
            Wire::Packed(data) => Tensors::Packed(dtype.numbers(&data)),
            Wire::Named(named) => {
                Tensors::Named(named.into_iter().map(|(name, data)| (name, dtype.numbers(&data))).collect())
            }
        }
    }
}

/// Add the updates to the parameters in place: p ← p + u.
///
/// # Panics
/// When there are not as many of the one as of the other.
pub fn apply_updates(params: &mut [f32], updates: &[f32]) {
    assert_eq!(params.len(), updates.len(), "as many updates as parameters");
    for (p, u) in params.iter_mut().zip(updates) {
        *p += u;
    }
}

impl Dtype {
    fn bytes(self, numbers: &[f32]) -> ByteBuf {
        ByteBuf::from(match self {
            Dtype::F32 => numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(),
            Dtype::BF16 => numbers.iter().flat_map(|x| narrowed(*x).to_le_bytes()).collect(),
        })
    }

    fn numbers(self, data: &[u8]) -> Vec<f32> {
        match self {
            Dtype::F32 => {
                data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            Dtype::BF16 => data.chunks_exact(2).map(|b| f32::from_le_bytes([0, 0, b[0], b[1]])).collect(),
        }
    }
}

/// The upper half of a float32, rounded to the nearest, of two equally near to the even one.
fn narrowed(number: f32) -> u16 {
    let word = number.to_bits();
    let upper = (word >> 16) as u16;
    if number.is_nan() {
        // Rounding could carry a NaN over into infinity: it keeps its upper half, and stays a NaN by one bit.
        return upper | 0x40;
    }
    ((word + 0x7fff + u32::from(upper & 1)) >> 16) as u16
}

/// Reads a safetensors file of F32 tensors.
pub(crate) fn read_safetensors(file: &[u8]) -> Result<BTreeMap<String, Vec<f32>>, Error> {
    read(file)
        .ok_or_else(|| Error::Unreadable(format!("Cannot read {} bytes as a safetensors file", file.len())))
}

fn read(file: &[u8]) -> Option<BTreeMap<String, Vec<f32>>> {
    #[derive(Deserialize)]
    struct Entry {
        data_offsets: (usize, usize),
    }
    let length = u64::from_le_bytes(file.get(..8)?.try_into().ok()?) as usize;
    let (header, data) = file[8..].split_at_checked(length)?;
    let mut header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    header.remove("__metadata__");
    let tensor = |(name, entry)| {
        let Entry { data_offsets: (from, to) } = serde_json::from_value(entry).ok()?;
        Some((name, Dtype::F32.numbers(data.get(from..to)?)))
    };
    header.into_iter().map(tensor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_nearest_even() {
        for (word, half) in [
            (0x3f80_0000, 0x3f80),
            (0x3f80_8000, 0x3f80), // halfway, down to the even one
            (0x3f80_8001, 0x3f81),
            (0x3f81_8000, 0x3f82), // halfway, up to the even one
            (0x7f7f_ffff, 0x7f80),
            (0x7f80_0000, 0x7f80),
            (0x7f80_0001, 0x7fc0), // a NaN whose upper half alone would be infinity
            (0x8000_0000, 0x8000),
        ] {
            assert_eq!(narrowed(f32::from_bits(word)), half, "{word:08x}");
        }
    }

    #[test]
    fn refuses_files_that_end_early() {
        for file in [&[][..], &[9, 0, 0, 0, 0, 0, 0, 0, b'{'], &[0xff; 16]] {
            assert!(read_safetensors(file).is_err());
        }
    }
}
