//! The machine that a benchmark ran on, in words, and the day.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::proc;

/// CPU, cores, memory and system: "AMD EPYC, 2 cores, 24 GB of memory, Debian GNU/Linux 12 (x86_64)".
pub fn name() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut parts = vec![cpu().unwrap_or_else(|| "a CPU without a name".to_owned())];
    parts.push(format!("{cores} cores"));
    parts.extend(memory().map(|bytes| format!("{:.0} GB of memory", bytes / 1e9)));
    parts.push(format!("{} ({})", system(), std::env::consts::ARCH));
    parts.join(", ")
}

fn cpu() -> Option<String> {
    match std::env::consts::OS {
        "macos" => said("sysctl", &["-n", "machdep.cpu.brand_string"]),
        "windows" => std::env::var("PROCESSOR_IDENTIFIER").ok(),
        _ => field(&std::fs::read_to_string("/proc/cpuinfo").ok()?, "model name", ':'),
    }
}

/// In bytes.
fn memory() -> Option<f64> {
    match std::env::consts::OS {
        "macos" => said("sysctl", &["-n", "hw.memsize"])?.parse().ok(),
        "windows" => None,
        _ => {
            let total = field(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal", ':')?;
            Some(total.strip_suffix(" kB")?.trim().parse::<f64>().ok()? * 1024.0)
        }
    }
}

fn system() -> String {
    let named = match std::env::consts::OS {
        "macos" => said("sw_vers", &["-productVersion"]).map(|version| format!("macOS {version}")),
        "windows" => None,
        _ => std::fs::read_to_string("/etc/os-release").ok().and_then(|text| field(&text, "PRETTY_NAME", '=')),
    };
    named.unwrap_or_else(|| std::env::consts::OS.to_owned())
}

fn said(program: &str, args: &[&str]) -> Option<String> {
    proc::output(proc::command(program).args(args)).map(|text| text.trim().to_owned())
}

/// The value of the first line `name<separator>value`, without quotes.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    let values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    });
    values.into_iter().find(|value| !value.is_empty())
}

/// Today in UTC: "2026-01-31".
pub fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    date(seconds / 86_400)
}

/// Days since 1970 as a date of the Gregorian calendar.
fn date(days: u64) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        // GNU date: `date -u -d @$((days * 86400)) +%F`.
        for (days, wanted) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (789, "1972-02-29"), (11_016, "2000-02-29"), (20_818, "2026-12-31")]
        {
            assert_eq!(date(days), wanted);
        }
    }

    #[test]
    fn fields_of_the_systems_files() {
        let cpu = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n";
        assert_eq!(field(cpu, "model name", ':').as_deref(), Some("AMD EPYC"));
        assert_eq!(field("PRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME", '=').as_deref(), Some("Debian 12"));
        assert_eq!(field("a: \n", "a", ':'), None);
    }

    #[test]
    fn this_machine_has_a_name() {
        assert!(name().contains(" cores, "), "{}", name());
    }
}
