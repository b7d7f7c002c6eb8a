//! From bytes to the characters of a link and back: deflate, a checksum, base64url.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Serialize, de::DeserializeOwned};

use super::{LONGEST, LinkError, phrases};

/// Bytes that a profile inflates to at most. Of [`LONGEST`] characters only repetition can give more.
const INFLATED: usize = 4 << 20;
/// The best that miniz has in reasonable time.
const LEVEL: u8 = 9;
const CHECK: usize = 4;

/// Version, body and the CRC-32 of both (little-endian), in base64url without padding.
pub fn seal(version: u8, body: &[u8]) -> String {
    let mut bytes = vec![version];
    bytes.extend(body);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Version and body, whose checksum holds.
pub fn unseal(payload: &str) -> Result<Vec<u8>, LinkError> {
    if payload.len() > LONGEST {
        return Err(LinkError::Damaged);
    }
    // Strict: no padding, no other characters, no bits beyond the last byte.
    let mut bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| LinkError::Damaged)?;
    let split = bytes.len().checked_sub(CHECK).ok_or(LinkError::Damaged)?;
    let check = bytes.split_off(split);
    if crc32fast::hash(&bytes).to_le_bytes().as_slice() == check { Ok(bytes) } else { Err(LinkError::Damaged) }
}

/// A body: how long its first part is (varint of [`postcard`]), that part in postcard's form, with [`phrases`] and
/// deflated, and then the bits, which nothing makes shorter.
pub fn body<T: Serialize>(head: &T, bits: &[u8]) -> Vec<u8> {
    // Fails only for sequences of unknown length, of which there is none.
    let head = postcard::to_stdvec(head).unwrap_or_default();
    let head = compress_to_vec(&phrases::shorten(&head), LEVEL);
    let mut body = postcard::to_stdvec(&head).unwrap_or_default();
    body.extend(bits);
    body
}

/// What [`body`] made: all of its head, and the bits.
pub fn open<T: DeserializeOwned>(body: &[u8]) -> Result<(T, Vec<u8>), LinkError> {
    let (head, bits) = postcard::take_from_bytes::<&[u8]>(body).map_err(|_| LinkError::Damaged)?;
    let head = decompress_to_vec_with_limit(head, INFLATED).map_err(|_| LinkError::Damaged)?;
    let head = phrases::lengthen(&head, INFLATED).ok_or(LinkError::Damaged)?;
    match postcard::take_from_bytes(&head) {
        Ok((value, [])) => Ok((value, bits.to_vec())),
        _ => Err(LinkError::Damaged),
    }
}
