//! Damaged links: an error or the identical profile, never another one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lorascope_protocol::link::fragment::{self, Fragment};
use lorascope_protocol::link::{self, LinkError};
use lorascope_protocol::report::AdapterReport;
use miniz_oxide::deflate::compress_to_vec;

use crate::links::made::{llama, peft_lora, share, with_own_scheme};
use crate::numbers::Numbers;

/// What a page shows of a fragment: nothing, an error, or a profile.
fn opened(fragment: &str) -> Option<Result<AdapterReport, LinkError>> {
    fragment::parse(fragment).payload.map(|payload| link::read(&payload))
}

/// One thing that may happen to a link on its way.
fn damaged(link: &str, numbers: &mut Numbers) -> String {
    let mut chars: Vec<char> = link.chars().collect();
    let at = numbers.below(chars.len());
    let other = || "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ =&%+/.\n~é";
    let letters: Vec<char> = other().chars().collect();
    match numbers.below(10) {
        0 => chars.truncate(at),
        1 => drop(chars.remove(at)),
        2 => chars.insert(at, letters[numbers.below(letters.len())]),
        3 => chars[at] = letters[numbers.below(letters.len())],
        4 => {
            let with = numbers.below(chars.len());
            chars.swap(at, with);
        }
        5 => chars.iter_mut().skip(at).for_each(|c| *c = c.to_ascii_lowercase()),
        6 => chars.iter_mut().take(at).for_each(|c| *c = c.to_ascii_uppercase()),
        7 => chars[at] = char::from_u32(chars[at] as u32 ^ 1 << numbers.below(6)).unwrap_or('?'),
        8 => {
            let end = (at + 1 + numbers.below(40)).min(chars.len());
            chars.drain(at..end);
        }
        _ => {
            let part: Vec<char> = chars[at..(at + 30).min(chars.len())].to_vec();
            chars.splice(at..at, part);
        }
    }
    chars.into_iter().collect()
}

#[test]
fn two_thousand_corruptions_each_give_an_error_or_the_identical_profile() {
    let mut numbers = Numbers::new(2024);
    let (mut errors, mut same) = (0, 0);
    for report in [peft_lora(), llama(32, 16)] {
        let payload = share(&report).text;
        let profile = link::read(&payload).expect("the link opens");
        let view = vec![("tab".to_owned(), "alignment".to_owned())];
        let link = Fragment { payload: Some(payload), view }.write();
        for _ in 0..1000 {
            let broken = damaged(&link, &mut numbers);
            match opened(&broken) {
                Some(Ok(shown)) => {
                    assert_eq!(shown, profile, "{broken}");
                    same += 1;
                }
                Some(Err(error)) => {
                    assert!(error.to_string().contains("link"), "{error}");
                    errors += 1;
                }
                // Cut before the payload, or its name lost and little of it left.
                None => assert!(broken.len() < 1100, "nothing is said of {broken}"),
            }
        }
    }
    println!("{errors} errors, {same} identical profiles");
    assert!(errors > 1000 && same > 20, "{errors} errors, {same} the same");
}

#[test]
fn every_single_bit_is_checked() {
    let payload = share(&peft_lora()).text;
    let bytes = URL_SAFE_NO_PAD.decode(&payload).expect("base64");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = link::read(&URL_SAFE_NO_PAD.encode(flipped)).expect_err("a flipped bit is seen");
        assert_eq!(error, LinkError::Damaged);
    }
}

/// A payload of these parts.
fn sealed(version: u8, head: &[u8], bits: &[u8]) -> String {
    let mut sealed = vec![version];
    sealed.extend(postcard::to_stdvec(&compress_to_vec(head, 1)).expect("bytes"));
    sealed.extend(bits);
    sealed.extend(crc32fast::hash(&sealed).to_le_bytes());
    URL_SAFE_NO_PAD.encode(sealed)
}

/// With a checksum that holds, whoever made it: the reader itself must stand.
#[test]
fn hostile_profiles_with_a_good_checksum_never_panic_and_stay_finite() {
    for report in [peft_lora(), with_own_scheme()] {
        hostile_profiles(&share(&report).text);
    }
}

fn hostile_profiles(payload: &str) {
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    let (head, bits) = postcard::take_from_bytes::<&[u8]>(&bytes[1..bytes.len() - 4]).expect("two parts");
    let head = miniz_oxide::inflate::decompress_to_vec(head).expect("deflated");
    let mut numbers = Numbers::new(5);
    let mut opened = 0;
    for _ in 0..20_000 {
        let mut head = head.clone();
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(head.len());
            head[at] = if numbers.below(2) == 0 { numbers.below(256) as u8 } else { head[at] ^ 1 << numbers.below(8) };
        }
        if let Ok(report) = link::read(&sealed(bytes[0], &head, bits)) {
            opened += 1;
            for m in &report.modules {
                let numbers =
                    [m.frobenius, m.energy_share, m.stable_rank, m.effective_rank, m.spectral_entropy, m.scale];
                assert!(numbers.iter().chain(&m.singular_values).all(|x| x.is_finite()), "{m:?}");
            }
            assert!(!serde_json::to_string(&report).expect("JSON").contains("null"));
        }
    }
    assert!(opened > 100, "the mutations reach behind the form: {opened} opened");
}

#[test]
fn a_small_text_does_not_become_a_large_profile() {
    (1..=link::VERSION).for_each(no_large_profile);
}

fn no_large_profile(version: u8) {
    assert_eq!(link::read(&sealed(version, &vec![0; 100 << 20], &[])), Err(LinkError::Damaged), "a bomb");
    assert_eq!(link::read(&sealed(version, &[0xff; 4096], &[])), Err(LinkError::Damaged), "endless lengths");
    assert_eq!(link::read(&sealed(version, &[0xf0; 4 << 20], &[])), Err(LinkError::Damaged), "phrases without end");
}
