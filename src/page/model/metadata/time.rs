//! Moments and spans.

/// Seconds since 1970, if that is what the text says.
pub fn seconds(text: &str) -> Option<f64> {
    let seconds: f64 = text.trim().parse().ok()?;
    // Until the year 9999.
    (0.0..253_402_300_800.0).contains(&seconds).then_some(seconds)
}

/// `2024-03-01 14:05:12 UTC`.
pub fn moment(text: &str) -> Option<String> {
    // In range: see above.
    let seconds = seconds(text)? as i64;
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    Some(format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02} UTC"))
}

/// The Gregorian year, month and day, so many days after 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `1 h 23 min`, `4 min 12 s`; `None` where time would run backwards.
pub fn span(seconds: f64) -> Option<String> {
    if !(0.0..=1e10).contains(&seconds) {
        return None;
    }
    let whole = seconds.round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    Some(match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole} s"),
        (0, 0, _) => format!("{minutes} min {} s", whole % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at = |text| moment(text).unwrap();
        assert_eq!(at("0"), "1970-01-01 00:00:00 UTC");
        assert_eq!(at("951782400"), "2000-02-29 00:00:00 UTC");
        assert_eq!(at("1709301912.7510"), "2024-03-01 14:05:12 UTC");
        assert_eq!(at("1704067199"), "2023-12-31 23:59:59 UTC");
        assert_eq!(at("253402300799"), "9999-12-31 23:59:59 UTC");
        for text in ["-1", "nan", "inf", "1e18", "yesterday", ""] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn spans() {
        let words = [0.4, 59.9, 252.0, 4980.0, 183_600.0].map(|s| span(s).unwrap());
        assert_eq!(words, ["0 s", "1 min 0 s", "4 min 12 s", "1 h 23 min", "2 d 3 h"]);
        assert_eq!((span(-1.0), span(f64::NAN)), (None, None));
    }
}
