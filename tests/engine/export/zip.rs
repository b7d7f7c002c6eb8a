use std::io::{Cursor, Read};

use lorascope_engine::export::zip::{Member, Sum, ZipError, framing};
use zip::{CompressionMethod, ZipArchive};

const MEMBERS: [(&str, &[&[u8]]); 4] = [
    ("adapter_model.safetensors", &[b"first piece, ", b"", b"second piece"]),
    ("adapter_config.json", &[b"{}\n"]),
    ("empty", &[]),
    ("größer/名.txt", &[b"text"]),
];

/// The archive, put together as a caller does.
fn archive() -> Vec<u8> {
    let sum = |pieces: &[&[u8]]| pieces.iter().map(|piece| Sum::of(piece)).fold(Sum::default(), Sum::then);
    let members: Vec<Member> = MEMBERS
        .iter()
        .map(|(name, pieces)| (*name, sum(pieces)))
        .map(|(name, sum)| Member { name: name.to_owned(), len: sum.len, crc: sum.crc })
        .collect();
    let framing = framing(&members).unwrap();
    let mut file = Vec::new();
    for (local, (_, pieces)) in framing.locals.iter().zip(MEMBERS) {
        file.extend_from_slice(local);
        file.extend(pieces.concat());
    }
    file.extend_from_slice(&framing.central);
    assert_eq!(file.len() as u64, framing.len);
    file
}

#[test]
fn an_independent_reader_reads_every_member() {
    let mut zip = ZipArchive::new(Cursor::new(archive())).unwrap();
    assert_eq!(zip.len(), MEMBERS.len());
    for (n, (name, pieces)) in MEMBERS.iter().enumerate() {
        let mut member = zip.by_index(n).unwrap();
        assert_eq!((&*member.name().unwrap(), member.compression()), (*name, CompressionMethod::Stored));
        assert_eq!(member.last_modified().map(|t| (t.year(), t.month(), t.day(), t.hour())), Some((1980, 1, 1, 0)));
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, pieces.concat());
    }
    assert_eq!(archive(), archive(), "the same content gives the same archive");
}

#[test]
fn a_damaged_member_does_not_pass() {
    let mut file = archive();
    let at = file.windows(5).position(|w| w == b"piece").unwrap();
    file[at] ^= 1;
    let mut zip = ZipArchive::new(Cursor::new(file)).unwrap();
    let error = zip.by_index(0).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().to_lowercase().contains("checksum"), "{error}");
    assert!(zip.by_index(1).unwrap().read_to_end(&mut Vec::new()).is_ok());
}

#[test]
fn what_a_zip_cannot_hold_is_refused() {
    let member = |name: &str, len| Member { name: name.to_owned(), len, crc: 0 };
    // 98 bytes of framing and the name twice.
    let room = u64::from(u32::MAX) - 98 - 2;
    assert!(framing(&[member("a", room - 1)]).is_ok());
    assert_eq!(framing(&[member("a", room)]), Err(ZipError::TooLarge { len: u64::from(u32::MAX) }));
    let two = [member("a", 3 << 30), member("b", 3 << 30)];
    assert!(framing(&two).unwrap_err().to_string().contains("one by one"));
    assert_eq!(framing(&[member("a", u64::MAX)]), Err(ZipError::TooLarge { len: u64::MAX }));
    assert!(framing(&vec![member("", 0); 65_534]).is_ok());
    assert_eq!(framing(&vec![member("", 0); 65_535]), Err(ZipError::TooMany { count: 65_535 }));
    assert!(matches!(framing(&[member(&"n".repeat(65_536), 0)]), Err(ZipError::LongName { .. })));
}
