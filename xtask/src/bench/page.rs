//! The page in a browser: profiles, and what is computed of several files.

use super::markdown::{Table, both, brief, digits, giga, seconds, shown, times};
use super::records::{Figure, Records};

/// What a person drops, and its key.
const ADAPTERS: [(&str, &str); 4] =
    [("one module of 64 × 64", "tiny"), ("rank 16", "16"), ("rank 32", "32"), ("rank 64", "64")];
/// As the page records them.
const PHASES: [&str; 5] = ["read", "upload", "compute", "algebra", "draw"];

pub fn section(page: &Records) -> String {
    let browser = page.fact("browser").unwrap_or("a browser");
    let engine = page.fact("engine").unwrap_or("unknown");
    let rounds = page.rounds();
    let intro = format!(
        "{browser}; the page's engine: {engine}. Medians of {rounds}, each a browser with an empty profile, whose own start is left out; files are in \
         the system's cache, the page comes from a server on the same machine. The adapters have all 224 linear \
         layers of Llama 3.1 8B in bf16. *From navigation* begins before the page and its engine are loaded, *from the \
         drop* with the drop; both end with the frame that shows the whole profile, of the module table the rows that its box shows. The \
         *bare read* reads the same file in the page, two ranges of 16 MiB at a time, and does nothing with it."
    );
    let mut profile = Table::new(&[
        "adapter",
        "MB",
        "from navigation",
        "from the drop",
        "bare read",
        "1.5 × bare read + 1 s",
        "from navigation ÷ that",
    ]);
    let mut phases = Table::new(&["adapter", "read", "upload", "compute", "r × r algebra", "draw"]);
    for (name, key) in ADAPTERS {
        let of = |what: &str| page.median(&format!("page/profile/{key}/{what}"));
        let allowed = of("bare").map(|bare| 1.5 * bare + 1.0);
        let mut row = vec![name.to_owned(), brief(&of("bytes"), |bytes| digits(bytes / 1e6))];
        row.extend([of("navigation"), of("drop"), of("bare"), allowed.clone()].map(|figure| shown(&figure, seconds)));
        row.push(brief(&times(&of("navigation"), &allowed), digits));
        profile.row(row);
        let figures = PHASES.map(|phase| shown(&of(phase), seconds));
        phases.row([name.to_owned()].into_iter().chain(figures));
    }
    let about = "Phase by phase, in seconds that the engine's workers were busy, added up over them; reading, uploading and \
         computing overlap. *Draw* is from the engine's last message to the second frame after it.";
    let bodies = [intro, profile.text(), about.to_owned(), phases.text(), alignment(page), jobs(page)];
    bodies.join("\n\n")
}

fn alignment(page: &Records) -> String {
    let of = |what: &str| page.median(&format!("page/alignment/{what}"));
    let rate = |time: &Figure| {
        shown(&both(&of("bytes"), time, |bytes, time| bytes / time), |rate| format!("{} GB/s", giga(rate)))
    };
    let mut table =
        Table::new(&["two checkpoints in bf16 and an adapter of rank 8", "GB", "time", "throughput", BEFORE]);
    let size = brief(&of("bytes"), giga);
    for (name, what) in [("alignment, from the drop to the figures", "whole"), ("bare read of both files", "bare")] {
        let cells = [name.to_owned(), size.clone(), shown(&of(what), seconds), rate(&of(what))];
        table.row(cells.into_iter().chain([as_fast(page, &format!("alignment/{what}"))]));
    }
    table.text()
}

/// The heading of how many times as fast it is as the page that was measured beside it, if one was.
const BEFORE: &str = "times as fast as before";

fn as_fast(page: &Records, what: &str) -> String {
    let [before, now] = ["before", "page"].map(|tree| page.median(&format!("{tree}/{what}")));
    brief(&times(&before, &now), digits)
}

fn jobs(page: &Records) -> String {
    let mut table = Table::new(&["from the button to the result", "modules", "time", "per module", BEFORE]);
    let cases = [
        ("projection at rank 16, 8B to the sizes of Llama 3.2 1B", "projection/8b"),
        ("projection at rank 16, 4096 × 4096 to 2048 × 2048", "projection/square"),
        ("comparison of three adapters of 8B, rank 16", "comparison"),
        ("extraction at rank 8 from two checkpoints of 1 GB", "extraction"),
    ];
    for (name, key) in cases {
        let of = |what: &str| page.median(&format!("page/{key}/{what}"));
        table.row([
            name.to_owned(),
            brief(&of("modules"), digits),
            shown(&of("click"), seconds),
            shown(&per_module(page, key), seconds),
            as_fast(page, &format!("{key}/click")),
        ]);
    }
    table.text()
}

/// Seconds of a job in the page, by module.
pub fn per_module(page: &Records, key: &str) -> Figure {
    let of = |what: &str| page.median(&format!("page/{key}/{what}"));
    both(&of("click"), &of("modules"), |time, modules| time / modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_beside_the_time() {
        let mut page = Records::default();
        for (key, value) in [("navigation", 1.2), ("drop", 0.9), ("bare", 0.4), ("bytes", 84e6), ("read", 0.35)] {
            page.insert(format!("page/profile/16/{key}"), vec![value]);
        }
        let section = section(&page);
        let row = "| rank 16 | 84.0 | 1.20 s | 900 ms | 400 ms | 1.60 s | 0.750 |";
        assert!(section.contains(row), "{section}");
        let phases = "| rank 16 | 350 ms | not measured | not measured | not measured | not measured |";
        assert!(section.contains(phases), "{section}");
        assert!(section.contains("| rank 64 | – | not measured |"), "{section}");
    }

    #[test]
    fn throughput_and_time_per_module() {
        let mut page = Records::default();
        let of = [
            ("alignment/bytes", 3e9),
            ("alignment/whole", 6.0),
            ("alignment/bare", 3.0),
            ("projection/square/click", 0.32),
            ("projection/square/modules", 32.0),
        ];
        for (key, value) in of {
            page.insert(format!("page/{key}"), vec![value]);
        }
        page.insert("before/projection/square/click".to_owned(), vec![0.64]);
        let section = section(&page);
        assert!(
            section.contains("| alignment, from the drop to the figures | 3.00 | 6.00 s | 0.500 GB/s | – |"),
            "{section}"
        );
        assert!(section.contains("| bare read of both files | 3.00 | 3.00 s | 1.00 GB/s | – |"), "{section}");
        assert!(section.contains("2048 × 2048 | 32.0 | 320 ms | 10.0 ms | 2.00 |"), "{section}");
    }
}
