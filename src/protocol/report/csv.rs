//! The modules of one adapter as CSV (RFC 4180): one header line, one line per module, every number unrounded.
//!
//! Spreadsheets run what looks like a formula, quoted or not, and names come from files of strangers: a text that
//! begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe before it, which spreadsheets read as "this
//! is text" (OWASP, "CSV Injection"). Numbers stay numbers, negative ones too.

use std::fmt::Write;

use super::ModuleReport;

/// What stands in a field.
enum Field<'a> {
    Text(&'a str),
    Number(f64),
    Count(u64),
}

use Field::{Count, Number, Text};

type Column = (&'static str, fn(&ModuleReport) -> Field<'_>);

/// The columns, in order. `out` and `in` are the shape of ΔW, `sigma_1` is the largest singular value; the others are
/// those of [`ModuleReport`]. What is absent is an empty field.
const COLUMNS: [Column; 22] = [
    ("name", |m| Text(&m.name)),
    ("layer", |m| m.layer.map_or(Text(""), |layer| Count(layer.into()))),
    ("stack", |m| Text(&m.stack)),
    ("kind", |m| Text(&m.kind)),
    ("depth", |m| Text(&m.depth)),
    ("role", |m| Text(&m.role)),
    ("out", |m| Count(m.shape[0])),
    ("in", |m| Count(m.shape[1])),
    ("rank", |m| Count(m.rank.into())),
    ("scale", |m| Number(m.scale)),
    ("scale_source", |m| Text(&m.scale_source)),
    ("dtype", |m| Text(&m.dtype)),
    ("algorithm", |m| Text(&m.algorithm)),
    ("frobenius", |m| Number(m.frobenius)),
    ("energy_share", |m| Number(m.energy_share)),
    ("sigma_1", |m| Number(m.sigma_1())),
    ("stable_rank", |m| Number(m.stable_rank)),
    ("effective_rank", |m| Number(m.effective_rank)),
    ("numerical_rank", |m| Count(m.numerical_rank.into())),
    ("spectral_entropy", |m| Number(m.spectral_entropy)),
    ("truncated", |m| Text(if m.truncated { "true" } else { "false" })),
    ("note", |m| Text(m.note.as_deref().unwrap_or_default())),
];

/// The table in UTF-8 without a byte order mark, its lines ended by CR LF.
pub fn modules(modules: &[ModuleReport]) -> String {
    // Some 250 bytes a module.
    let mut out = String::with_capacity(256 * (modules.len() + 1));
    out.push_str(&COLUMNS.map(|(name, _)| name).join(","));
    for module in modules {
        let mut end = "\r\n";
        for (_, field) in COLUMNS {
            out.push_str(std::mem::replace(&mut end, ","));
            match field(module) {
                Text(field) => text(&mut out, field),
                Number(x) => number(&mut out, x),
                Count(n) => out.push_str(&n.to_string()),
            }
        }
    }
    out.push_str("\r\n");
    out
}

/// The shortest digits that read back as the same number; nothing for what is not finite.
fn number(out: &mut String, x: f64) {
    let _ = match x.abs() {
        _ if !x.is_finite() => Ok(()),
        a if a == 0.0 || (1e-5..1e16).contains(&a) => write!(out, "{x}"),
        _ => write!(out, "{x:e}"),
    };
}

fn text(out: &mut String, field: &str) {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if !field.contains([',', '"', '\r', '\n', '\t']) {
        if is_formula {
            out.push('\'');
        }
        out.push_str(field);
        return;
    }
    out.push_str(if is_formula { "\"'" } else { "\"" });
    for (i, part) in field.split('"').enumerate() {
        if i > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str) -> ModuleReport {
        let json = serde_json::json!({
            "name": name, "layer": 3, "stack": "", "kind": "attn", "depth": "early", "role": "q", "shape": [64, 32],
            "rank": 4, "scale": 2.0, "scale_source": "alpha 8 / r 4", "dtype": "F32", "frobenius": 5.0,
            "singular_values": [4.0, 3.0], "energy_share": 0.25, "stable_rank": 1.5625, "effective_rank": 1.9,
            "numerical_rank": 4, "spectral_entropy": 0.65
        });
        serde_json::from_value(json).unwrap()
    }

    /// RFC 4180, read strictly.
    fn read(csv: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
        let mut chars = csv.chars().peekable();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            match (quoted, c) {
                (true, '"') if chars.next_if_eq(&'"').is_some() => field.push('"'),
                (true, '"') => quoted = false,
                (true, c) => field.push(c),
                (false, '"') => {
                    assert!(field.is_empty(), "a quote inside of a bare field: {field}");
                    quoted = true;
                }
                (false, ',') => row.push(std::mem::take(&mut field)),
                (false, '\r') => {
                    assert_eq!(chars.next(), Some('\n'), "a line ends with CR LF");
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                (false, '\n') => panic!("a bare line feed"),
                (false, c) => field.push(c),
            }
        }
        assert!(!quoted && row.is_empty() && field.is_empty(), "the last line is ended");
        rows
    }

    fn table(modules_of: &[ModuleReport]) -> (Vec<String>, Vec<Vec<String>>) {
        let mut rows = read(&modules(modules_of));
        let head = rows.remove(0);
        assert!(rows.iter().all(|row| row.len() == head.len()), "{rows:?}");
        (head, rows)
    }

    #[test]
    fn every_number_reads_back_as_the_same() {
        let mut all = Vec::new();
        for x in [0.1 + 0.2, 1e-300, 5e-324, f64::MAX, -2.5e-7, 1.0, 123_456_789.125, 1e16, 0.0] {
            let mut m = module("layers.0.q_proj");
            (m.scale, m.frobenius, m.energy_share, m.stable_rank) = (x, x, x, x);
            (m.effective_rank, m.spectral_entropy, m.singular_values) = (x, x, vec![x, 0.0]);
            all.push(m);
        }
        let (head, rows) = table(&all);
        assert_eq!(head, COLUMNS.map(|(name, _)| name));
        for (row, m) in rows.iter().zip(&all) {
            for name in
                ["scale", "frobenius", "energy_share", "sigma_1", "stable_rank", "effective_rank", "spectral_entropy"]
            {
                let text = &row[head.iter().position(|h| h == name).unwrap()];
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), m.scale.to_bits(), "{name}: {text}");
                assert!(text.len() <= 24, "the shortest digits: {text}");
            }
        }
        assert_eq!(rows[0][..9], ["layers.0.q_proj", "3", "", "attn", "early", "q", "64", "32", "4"].map(String::from));
    }

    #[test]
    fn what_is_absent_or_no_number_is_empty() {
        let mut m = module("q");
        (m.frobenius, m.scale, m.layer) = (f64::NAN, f64::INFINITY, None);
        m.singular_values.clear();
        let (head, rows) = table(std::slice::from_ref(&m));
        let of = |name: &str| rows[0][head.iter().position(|h| h == name).unwrap()].as_str();
        assert_eq!(["layer", "frobenius", "scale", "note", "stack", "sigma_1"].map(of), [""; 6]);
        assert_eq!([of("truncated"), of("numerical_rank")], ["false", "4"]);
        // A shared link may not list them.
        m.frobenius = 2.5;
        m.stable_rank = 1.5625;
        let (head, rows) = table(&[m]);
        assert_eq!(rows[0][head.iter().position(|h| h == "sigma_1").unwrap()], "2");
        assert_eq!(table(&[]).1.len(), 0);
    }

    #[test]
    fn texts_survive_and_never_begin_like_a_formula() {
        let names = [
            "plain.q_proj",
            "a,b",
            "say \"hi\"",
            "\"",
            "two\r\nlines",
            "ünï → 漢",
            "=HYPERLINK(\"http://evil.example\",\"x\")",
            "+1+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1+1",
        ];
        let all: Vec<ModuleReport> = names.iter().map(|name| module(name)).collect();
        let (_, rows) = table(&all);
        for (row, name) in rows.iter().zip(names) {
            let read = row[0].as_str();
            let is_guarded = read.strip_prefix('\'') == Some(name);
            assert!(read == name || is_guarded, "{name:?} became {read:?}");
            assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{read:?}");
        }
        let guarded = rows.iter().filter(|row| row[0].starts_with('\'')).count();
        assert_eq!(guarded, 8, "only what looks like a formula is changed");
    }

    #[test]
    fn a_negative_number_stays_one() {
        let mut m = module("q");
        m.scale = -0.5;
        let (head, rows) = table(&[m]);
        assert_eq!(rows[0][head.iter().position(|h| h == "scale").unwrap()], "-0.5");
    }
}
