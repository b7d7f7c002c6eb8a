//! Progress in words: what, how much, how fast.

use super::number::{bytes, percent, rate};
use lorascope_protocol::Progress;

/// Milliseconds before a speed means anything.
const SETTLE_MS: f64 = 250.0;

/// The latest progress, and where its speed is measured from.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    pub latest: Progress,
    since_ms: f64,
    since_done: u64,
    bytes_per_second: Option<f64>,
}

impl Running {
    pub fn new(latest: Progress, now_ms: f64) -> Running {
        Running { since_ms: now_ms, since_done: latest.done, latest, bytes_per_second: None }
    }

    /// Takes the next report. One that counts backwards or towards another total begins a new measurement.
    pub fn advance(&mut self, next: Progress, now_ms: f64) {
        if next.done < self.latest.done || next.total != self.latest.total {
            *self = Running::new(next, now_ms);
            return;
        }
        let elapsed = now_ms - self.since_ms;
        if elapsed >= SETTLE_MS {
            self.bytes_per_second = Some((next.done - self.since_done) as f64 / elapsed * 1000.0);
        }
        self.latest = next;
    }

    /// 0 to 1; `None` while the whole is not known.
    pub fn fraction(&self) -> Option<f64> {
        let Progress { done, total, .. } = self.latest;
        (total > 0).then(|| (done as f64 / total as f64).min(1.0))
    }

    /// `41.0 MB of 84.1 MB (48.8 %), 620 MB/s`.
    pub fn amount(&self) -> String {
        let Some(fraction) = self.fraction() else { return self.amount_of_unknown() };
        let mut text = format!(
            "{} of {} ({})",
            bytes(self.latest.done.min(self.latest.total)),
            bytes(self.latest.total),
            percent((fraction * 1000.0).floor() / 1000.0)
        );
        if let Some(speed) = self.bytes_per_second {
            text.push_str(&format!(", {}", rate(speed)));
        }
        text
    }
}

impl Running {
    /// `41.0 MB, 620 MB/s`: of a file whose length nobody says.
    fn amount_of_unknown(&self) -> String {
        match (self.latest.done, self.bytes_per_second) {
            (0, _) => String::new(),
            (done, None) => bytes(done),
            (done, Some(speed)) => format!("{}, {}", bytes(done), rate(speed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done: u64, total: u64) -> Progress {
        Progress { text: "Analysing a".to_owned(), done, total }
    }

    #[test]
    fn amount_and_speed() {
        let mut running = Running::new(at(0, 84_000_000), 1000.0);
        assert!(!running.amount().contains("/s"), "no speed from a single moment");
        running.advance(at(21_000_000, 84_000_000), 1100.0);
        assert!(!running.amount().contains("/s"), "nor from a tenth of a second");
        running.advance(at(42_000_000, 84_000_000), 1500.0);
        assert_eq!(running.amount().replace('\u{202f}', " "), "42.0 MB of 84.0 MB (50.0 %), 84.0 MB/s");
    }

    #[test]
    fn unknown_whole_and_a_new_start() {
        let mut running = Running::new(at(0, 0), 0.0);
        assert_eq!((running.fraction(), running.amount().as_str()), (None, ""));
        running.advance(at(3_000_000, 0), 1000.0);
        assert_eq!(running.amount().replace('\u{202f}', " "), "3.0 MB, 3.0 MB/s");
        running.advance(at(90, 100), 1500.0);
        running.advance(at(10, 100), 1900.0);
        assert_eq!(running.fraction(), Some(0.1));
        running.advance(at(500, 100), 2000.0);
        assert_eq!(running.fraction(), Some(1.0));
    }
}
