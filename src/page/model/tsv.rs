//! Tables for other programs.

/// One line of fields between tabs for each of `lines`.
pub fn tab_separated(lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |fields: Vec<String>| {
        let clean = |field: &String| field.replace(['\t', '\n', '\r'], " ");
        fields.iter().map(clean).collect::<Vec<_>>().join("\t") + "\n"
    };
    lines.into_iter().map(line).collect()
}

/// Every digit of a number; nothing where there is none.
pub fn digits(x: Option<f64>) -> String {
    x.filter(|x| x.is_finite()).map(|x| x.to_string()).unwrap_or_default()
}

/// The fields of a line behind its name.
pub fn line(name: &str, fields: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(fields).collect()
}
