//! Numbers as a person reads them. What is not finite is never shown as a number: it is [`ABSENT`].

/// Stands where a number is missing or not finite.
pub const ABSENT: &str = "–";

const THIN: char = '\u{202f}';

/// Four significant digits; powers of ten beyond 10⁵ and below 10⁻³.
pub fn general(x: f64) -> String {
    significant(x, 4)
}

/// `digits` significant digits: `1.310`, `0.01340`, `1.31×10⁻⁵`, `0`.
pub fn significant(x: f64, digits: usize) -> String {
    if !x.is_finite() {
        return ABSENT.to_owned();
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    // Rounding first: 9.9996 with four digits is 10.00, not 9.9996 with an exponent of 0.
    let scientific = format!("{:.*e}", digits - 1, x);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-3..5).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        minus(&format!("{x:.decimals$}"))
    } else {
        format!("{}×10{}", minus(mantissa), superscript(exponent))
    }
}

/// A short number for an axis or a legend: no trailing zeros.
pub fn short(x: f64) -> String {
    let text = significant(x, 3);
    match text.split_once('×') {
        Some((mantissa, power)) => {
            let mantissa = without_trailing_zeros(mantissa);
            if mantissa == "1" { power.to_owned() } else { format!("{mantissa}×{power}") }
        }
        None => without_trailing_zeros(&text),
    }
}

/// A fraction as percent: `1.87 %`, `46.9 %`, `100 %`, `< 0.001 %`.
pub fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return ABSENT.to_owned();
    }
    let x = fraction * 100.0;
    let digits = match x.abs() {
        0.0 => "0".to_owned(),
        a if a < 0.001 => return format!("<{THIN}0.001{THIN}%"),
        a if a < 0.1 => format!("{x:.3}"),
        a if a < 10.0 => format!("{x:.2}"),
        a if a < 99.95 => format!("{x:.1}"),
        // Rounding up would claim that everything is kept where it is not.
        a if a < 100.0 => format!("{:.2}", (x * 100.0).floor() / 100.0),
        _ => format!("{x:.0}"),
    };
    format!("{}{THIN}%", minus(&digits))
}

/// A share that is compared with others like it: `97.31 %`, two decimals where [`percent`] has one.
pub fn percent_fine(fraction: f64) -> String {
    let x = fraction * 100.0;
    if (10.0..99.95).contains(&x) { format!("{x:.2}{THIN}%") } else { percent(fraction) }
}

/// An angle in radians, as degrees: `12.34°`.
pub fn degrees(radians: f64) -> String {
    if radians.is_finite() { format!("{}°", fixed(radians.to_degrees(), 2)) } else { ABSENT.to_owned() }
}

/// A fixed number of decimals, for columns of like size (effective rank).
pub fn fixed(x: f64, decimals: usize) -> String {
    if x.is_finite() { minus(&format!("{x:.decimals$}")) } else { ABSENT.to_owned() }
}

/// A cosine: four decimals, and no sign before what they show as zero.
pub fn cosine(x: f64) -> String {
    let text = fixed(x, 4);
    if text == "−0.0000" { "0.0000".to_owned() } else { text }
}

/// How many times as large: `×12.4`, `×340`.
pub fn times(ratio: f64) -> String {
    if ratio.is_finite() { format!("×{}", short(ratio)) } else { ABSENT.to_owned() }
}

/// A file size or an amount read, in decimal units: `84.1 MB`.
pub fn bytes(n: u64) -> String {
    scaled(n as f64, &["B", "kB", "MB", "GB", "TB"])
}

/// A speed in bytes per second: `620 MB/s`; absent where none is known yet.
pub fn rate(bytes_per_second: f64) -> String {
    if !bytes_per_second.is_finite() {
        return ABSENT.to_owned();
    }
    scaled(bytes_per_second, &["B/s", "kB/s", "MB/s", "GB/s"])
}

/// A large count: `41.9 M`, `98 304`.
pub fn count(n: u64) -> String {
    if n < 1_000_000 { grouped(n) } else { scaled(n as f64, &["", "k", "M", "B"]) }
}

/// All the digits, in groups of three: `12 345`; four digits stay together.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut out = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(digit);
    }
    out
}

/// A count in a column of numbers, all its digits together.
pub fn whole(x: f64) -> String {
    fixed(x, 0)
}

/// `1 module`, `42 modules`.
pub fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n as u64), if n == 1 { one } else { many })
}

/// `4096×14336`.
pub fn shape(shape: [u64; 2]) -> String {
    format!("{}×{}", shape[0], shape[1])
}

fn scaled(mut x: f64, units: &[&str]) -> String {
    let mut unit = 0;
    // 999.5 would round to 1000 of the smaller unit.
    while x >= 999.5 && unit + 1 < units.len() {
        x /= 1000.0;
        unit += 1;
    }
    let decimals = if unit == 0 || x >= 99.95 { 0 } else { 1 };
    format!("{x:.decimals$}{THIN}{}", units[unit]).trim_end_matches(THIN).to_owned()
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

fn without_trailing_zeros(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

fn superscript(exponent: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32('⁰' as u32 + (c as u32).wrapping_sub('0' as u32)).unwrap_or(c),
    };
    exponent.to_string().chars().map(digit).collect()
}

/// `σ₇`: a name with a small index.
pub fn indexed(name: &str, index: usize) -> String {
    let digit = |c: char| char::from_u32('₀' as u32 + (c as u32).wrapping_sub('0' as u32)).unwrap_or(c);
    name.chars().chain(index.to_string().chars().map(digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_and_powers() {
        let cases = [
            (1.31, "1.310"),
            (0.0134, "0.01340"),
            (9.99996, "10.00"),
            (12345.678, "12346"),
            (123456.0, "1.235×10⁵"),
            (1.31e-5, "1.310×10⁻⁵"),
            (-2.5e-12, "−2.500×10⁻¹²"),
            (0.0, "0"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ];
        for (x, text) in cases {
            assert_eq!(general(x), text, "{x:e}");
        }
    }

    #[test]
    fn short_numbers_drop_zeros() {
        assert_eq!(
            [short(1.5), short(2.0), short(0.25), short(1e-6), short(2.5e7)],
            ["1.5", "2", "0.25", "10⁻⁶", "2.5×10⁷"]
        );
    }

    #[test]
    fn percent_never_rounds_up_to_everything() {
        let plain = |x: f64| percent(x).replace(THIN, " ");
        assert_eq!(plain(0.0187), "1.87 %");
        assert_eq!(plain(0.469), "46.9 %");
        assert_eq!(plain(0.999_99), "99.99 %");
        assert_eq!(plain(1.0), "100 %");
        assert_eq!(plain(1e-9), "< 0.001 %");
        assert_eq!(plain(0.0), "0 %");
        assert_eq!(percent(f64::NAN), ABSENT);
    }

    #[test]
    fn fine_shares_and_angles() {
        let plain = |x: f64| percent_fine(x).replace(THIN, " ");
        assert_eq!(plain(0.973_14), "97.31 %");
        assert_eq!(plain(0.999_99), "99.99 %");
        assert_eq!([plain(1.0), plain(0.05), plain(f64::NAN)], ["100 %", "5.00 %", ABSENT]);
        assert_eq!([degrees(std::f64::consts::FRAC_PI_2), degrees(f64::NAN)], ["90.00°", ABSENT]);
    }

    #[test]
    fn cosines_and_ratios() {
        assert_eq!([cosine(0.123_456), cosine(-1.0), cosine(-1e-9)], ["0.1235", "−1.0000", "0.0000"]);
        assert_eq!([cosine(f64::NAN), times(f64::INFINITY)], [ABSENT, ABSENT]);
        assert_eq!([times(12.41), times(340.0), times(1.0)], ["×12.4", "×340", "×1"]);
    }

    #[test]
    fn sizes_and_counts() {
        let plain = |s: String| s.replace(THIN, " ");
        assert_eq!(plain(bytes(0)), "0 B");
        assert_eq!(plain(bytes(454_520)), "455 kB");
        assert_eq!(plain(bytes(84_100_000)), "84.1 MB");
        assert_eq!(plain(bytes(999_999)), "1.0 MB");
        assert_eq!(plain(count(41_943_040)), "41.9 M");
        assert_eq!(plain(count(98_304)), "98 304");
        assert_eq!(plain(grouped(1234)), "1234");
        assert_eq!(plain(rate(6.2e8)), "620 MB/s");
        assert_eq!(rate(f64::INFINITY), ABSENT);
        assert_eq!(indexed("σ", 107), "σ₁₀₇");
        assert_eq!(plural(1, "module", "modules"), "1 module");
    }
}
