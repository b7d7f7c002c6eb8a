//! Sentences about addresses. Each says which one, what happened and the way out.

use super::Broken;
use lorascope_protocol::address::shown;
use lorascope_protocol::address::url::WebAddress;

const WAY_OUT: &str = "Download the file and drop it here.";

/// The host of an address.
pub fn host(address: &str) -> String {
    WebAddress::parse(address).map_or_else(|_| "the server".to_owned(), |address| address.host)
}

pub fn unreachable(address: &str) -> String {
    format!(
        "{}: {} does not let other pages read its files (no CORS header), or it cannot be reached. {WAY_OUT}",
        shown(address),
        host(address)
    )
}

/// After the answer had begun; `at` bytes of perhaps `total` are here.
pub fn broke_off(address: &str, why: Broken, at: u64, total: Option<u64>) -> String {
    let what = match why {
        Broken::Unreachable => "the connection was lost",
        Broken::CutOff => "the connection broke off",
        Broken::TimedOut => "no byte came for a long time",
    };
    let of = total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
    format!(
        "{}: {what} after {}{of}, and again when the rest was asked for. Try again, or download the file and drop it here.",
        shown(address),
        size(at)
    )
}

pub fn missing(address: &str, status: u16) -> String {
    format!(
        "{}: {} has no such file ({status}). Check the address; capital letters count.",
        shown(address),
        host(address)
    )
}

pub fn no_repository(address: &str) -> String {
    format!(
        "{}: there is no such repository, revision or folder. Check the name; capital letters count.",
        shown(address)
    )
}

pub fn closed(address: &str, status: u16) -> String {
    format!(
        "{}: {} does not give this file without a login ({status}): it is private, its authors ask to be asked first, or \
         it does not exist. Lorascope sends no password: log in there, download the file and drop it here.",
        shown(address),
        host(address)
    )
}

pub fn too_many(address: &str) -> String {
    format!(
        "{}: {} has had too many requests (429) and asks to wait for longer than this page does. Try again later, or \
         download the file and drop it here.",
        shown(address),
        host(address)
    )
}

pub fn fault(address: &str, status: u16) -> String {
    format!("{}: {} has a fault of its own ({status}), twice. Try again later.", shown(address), host(address))
}

pub fn other(address: &str, status: u16) -> String {
    format!("{}: {} answers with {status}, and no file. {WAY_OUT}", shown(address), host(address))
}

pub fn misplaced(address: &str) -> String {
    format!("{}: {} sends other bytes of the file than were asked for. {WAY_OUT}", shown(address), host(address))
}

pub fn changed(address: &str) -> String {
    format!(
        "{}: the file changed on the server while it was being read, twice. Try again in a while, or download the file \
         and drop it here.",
        shown(address)
    )
}

pub fn web_page(address: &str) -> String {
    format!(
        "{}: {} answers with a web page (HTML), not with the file. It may ask for a login, or show the file: give the \
         address of the file itself (on Hugging Face that of its download arrow), or download it and drop it here.",
        shown(address),
        host(address)
    )
}

pub fn pointer(address: &str) -> String {
    format!(
        "{}: {} gives a Git LFS pointer, a note of 130 bytes in place of the file. Give the address that downloads the \
         file itself, or download it and drop it here.",
        shown(address),
        host(address)
    )
}

pub fn only_whole(address: &str) -> String {
    format!(
        "{} sends files only as a whole (it ignores ranges), so this one was read from its beginning to its end at once.",
        host(address)
    )
}

pub fn waiting(address: &str, seconds: u64) -> String {
    let unit = if seconds == 1 { "second" } else { "seconds" };
    format!("{} has had too many requests and asks to wait: {seconds} {unit} …", host(address))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_address_and_its_host() {
        let said = unreachable("https://example.org/a.safetensors");
        assert!(said.starts_with("https://example.org/a.safetensors: example.org does not let"), "{said}");
        let said = broke_off("https://x.org/a", Broken::CutOff, 1_500_000, Some(3_000_000));
        assert!(said.contains("after 1.5 MB of 3.0 MB, and again"), "{said}");
    }

    #[test]
    fn what_is_shown_is_bounded_and_plain() {
        assert_eq!(shown(""), "An empty address");
        assert_eq!(shown("a\u{7}b"), "a\u{fffd}b");
        assert!(shown(&"ä".repeat(500)).len() <= 204);
    }
}
