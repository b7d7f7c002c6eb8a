//! The parts of a relative path, with `/` between folders.

/// The folder of a path; empty for none.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path as it is named inside a folder; the whole path where it does not lie there.
pub fn inside<'a>(folder: &str, path: &'a str) -> &'a str {
    if folder.is_empty() {
        return path;
    }
    path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path)
}

/// Words as a part of a file's name that every file system takes: the last part of a path, of ASCII letters, digits,
/// `-`, `_` and `.`, at most 80 of them; `fallback` where nothing is left.
pub fn file_stem(label: &str, fallback: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let label: String = file_name(label).chars().take(80).map(plain).collect();
    let label = label.trim_matches(['-', '.']);
    if label.is_empty() { fallback.to_owned() } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_label_becomes_a_file_name() {
        let of = |label| file_stem(label, "adapter");
        assert_eq!([of("runs/tutor v2"), of("../..")], ["tutor-v2", "adapter"]);
        assert_eq!(of("a\\b:c*?\"<>|\u{202e}.exe"), "a-b-c-------.exe");
        assert_eq!(file_stem(&"x".repeat(300), "adapter").len(), 80);
        assert_eq!([of(""), of("漢字")], ["adapter"; 2]);
    }
}
