//! Figures as a table of Markdown shows them.

use super::records::Figure;

/// A table whose first column is text and whose others are figures.
#[derive(Clone, Debug, Default)]
pub struct Table {
    width: usize,
    lines: Vec<String>,
}

impl Table {
    pub fn new(heads: &[&str]) -> Self {
        let mut table = Self { width: heads.len(), lines: Vec::new() };
        table.row(heads.iter().map(|&head| head.to_owned()));
        table.lines.push(format!("|---{}|", "|---:".repeat(heads.len().saturating_sub(1))));
        table
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        assert_eq!(cells.len(), self.width, "a row as wide as the table: {cells:?}");
        self.lines.push(format!("| {} |", cells.join(" | ")));
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// A figure in words of `show`, or that it was not measured, and why.
pub fn shown(figure: &Figure, show: impl Fn(f64) -> String) -> String {
    match figure {
        Ok(value) => show(*value),
        Err(why) if why.is_empty() => "not measured".to_owned(),
        Err(why) => format!("not measured: {why}"),
    }
}

/// The same in little room: the reason stands elsewhere in the row.
pub fn brief(figure: &Figure, show: impl Fn(f64) -> String) -> String {
    figure.as_ref().map_or_else(|_| "–".to_owned(), |value| show(*value))
}

/// Two figures put together, where both were measured.
pub fn both(a: &Figure, b: &Figure, join: impl Fn(f64, f64) -> f64) -> Figure {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok(join(*a, *b)),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    }
}

/// How often `ours` goes into `theirs`; nothing where ours is no time at all.
pub fn times(theirs: &Figure, ours: &Figure) -> Figure {
    let ratio = both(theirs, ours, |theirs, ours| theirs / ours)?;
    if ratio.is_finite() && ratio > 0.0 { Ok(ratio) } else { Err("less than the clock can tell".to_owned()) }
}

/// Seconds with their unit.
pub fn seconds(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1.0 || value == 0.0 {
        format!("{} s", digits(value))
    } else if magnitude >= 1e-3 {
        format!("{} ms", digits(value * 1e3))
    } else {
        format!("{} µs", digits(value * 1e6))
    }
}

/// A share of one, in per cent.
pub fn percent(value: f64) -> String {
    format!("{} %", digits(value * 100.0))
}

/// Thousands of millions a second.
pub fn giga(value: f64) -> String {
    digits(value / 1e9)
}

/// A number to three digits, groups of thousands apart.
pub fn digits(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // What rounds up to the next power of ten has a digit less behind the point.
    let magnitude = value.abs();
    let decimals = [99.95, 9.995, 0.9995, 0.099_95, 0.0].iter().position(|&from| magnitude >= from).unwrap_or(0);
    if magnitude < 999.5 {
        return format!("{value:.decimals$}");
    }
    let unit = 10f64.powf(magnitude.log10().floor() - 2.0);
    let whole = format!("{:.0}", (magnitude / unit).round() * unit);
    let first = whole.len() % 3;
    let groups = (whole[..first] != *"").then(|| whole[..first].to_owned());
    let rest = (first..whole.len()).step_by(3).map(|at| whole[at..at + 3].to_owned());
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", groups.into_iter().chain(rest).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (0.0, "0"),
            (0.012_34, "0.0123"),
            (0.123_4, "0.123"),
            (0.999_6, "1.00"),
            (9.996, "10.0"),
            (12.34, "12.3"),
            (99.96, "100"),
            (999.4, "999"),
            (999.6, "1,000"),
            (12_345.0, "12,300"),
            (123_456.0, "123,000"),
            (1_234_567.0, "1,230,000"),
            (-4321.0, "-4,320"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ];
        for (value, wanted) in cases {
            assert_eq!(digits(value), wanted, "{value}");
        }
    }

    #[test]
    fn seconds_have_the_unit_that_fits() {
        assert_eq!(seconds(40.26), "40.3 s");
        assert_eq!(seconds(0.0042), "4.20 ms");
        assert_eq!(seconds(3.5e-6), "3.50 µs");
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(percent(0.355), "35.5 %");
        assert_eq!(giga(12.3e9), "12.3");
    }

    #[test]
    fn what_is_missing_stays_missing_and_says_why() {
        let missing: Figure = Err("not installed".to_owned());
        assert_eq!(shown(&missing, seconds), "not measured: not installed");
        assert_eq!(shown(&Err(String::new()), seconds), "not measured");
        assert_eq!(brief(&missing, seconds), "–");
        assert_eq!(both(&Ok(1.0), &missing, |a, b| a + b), missing);
        assert_eq!(times(&Ok(6.0), &Ok(2.0)), Ok(3.0));
        for none in [0.0, -1.0] {
            assert!(times(&Ok(6.0), &Ok(none)).is_err());
        }
    }

    #[test]
    fn cells_cannot_break_a_table() {
        let mut table = Table::new(&["a", "b", "c"]);
        table.row(["x|y".to_owned(), "1".to_owned(), "2".to_owned()]);
        assert_eq!(table.text(), "| a | b | c |\n|---|---:|---:|\n| x\\|y | 1 | 2 |");
    }
}
