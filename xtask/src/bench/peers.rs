//! The page beside AdapterSentry on the same files, in alternating pairs of one run.

use super::markdown::{Table, both, brief, digits, seconds, shown, times};
use super::records::{Figure, Records};

/// What each side computes of a module, in the order of what they have in common.
const MEASURES: [(&str, &str, &str); 8] = [
    ("norm", "Frobenius norm", "log of the root mean square (`log_rms`)"),
    ("singular values", "all of them", "the largest (`log_sigma1`)"),
    ("stable rank", "yes", "over the rank (`srank_r`)"),
    (
        "effective rank",
        "exp of the spectral entropy, and that entropy",
        "participation ratio over the rank (`pr_r`), entropy over log r (`spec_h`)",
    ),
    ("numerical rank", "yes", "–"),
    (
        "energy",
        "share of the adapter, and kept by every rank; by depth and kind of module",
        "share of the first direction (`top1_e`)",
    ),
    ("concentration in rows and columns", "–", "`row_hoyer`, `row_gini`, `row_top8`, `col_hoyer`"),
    (
        "shape of the entries",
        "–",
        "kurtosis, estimated from a sample (`kurt_dw`); stable rank against chance (`excess_conc`)",
    ),
];

pub fn section(peers: &Records) -> String {
    let (browser, engine) = (peers.fact("browser").unwrap_or("a browser"), peers.fact("engine").unwrap_or("unknown"));
    let sentry = peers.fact("adaptersentry").unwrap_or("AdapterSentry");
    let rounds = peers.rounds();
    let intro = format!(
        "{sentry} (`adaptersentry scan FILE`, its whole process) and the page ({browser}, engine: {engine}) on the same files, \
         one after the other in {rounds}; medians. The page's time is from navigation to the frame with the whole \
         profile (of the module table the rows that its box shows): loading the page and its engine is in it, starting the browser is not. *Net* is without a side's \
         start-up, its own time for an adapter of one small module."
    );
    let mut table = Table::new(&["", "page", "AdapterSentry", "times as fast", "wanted"]);
    let of = |adapter: &str, who: &str| peers.median(&format!("peers/{adapter}/{who}"));
    let mut row = |name: &str, ours: Figure, theirs: Figure, wanted: &str| {
        let ratio = brief(&times(&theirs, &ours), digits);
        table.row([name.to_owned(), shown(&ours, seconds), shown(&theirs, seconds), ratio, wanted.to_owned()]);
    };
    let whole = |adapter: &str| [of(adapter, "page"), of(adapter, "adaptersentry")];
    let net = |adapter: &str| {
        let less = |who: &str| both(&of(adapter, who), &of("tiny", who), |whole, start| whole - start);
        [less("page"), less("adaptersentry")]
    };
    for (name, [ours, theirs], wanted) in [
        ("start-up: one module of 64 × 64", whole("tiny"), ""),
        ("rank 16, whole", whole("16"), "≥ 2"),
        ("rank 16, net", net("16"), "≥ 3"),
        ("rank 64, whole", whole("64"), ""),
        ("rank 64, net", net("64"), "≥ 2"),
    ] {
        row(name, ours, theirs, wanted);
    }
    let mut measures = Table::new(&["measured of every module", "page", "AdapterSentry"]);
    for (what, ours, theirs) in MEASURES {
        measures.row([what, ours, theirs].map(str::to_owned));
    }
    [intro, table.text(), measures.text().replace("---:", "---")].join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(theirs: bool) -> Records {
        let mut text = String::new();
        for (adapter, page, sentry) in [("tiny", 0.5, 1.0), ("16", 1.5, 4.0), ("64", 5.5, 13.0)] {
            text += &format!("{{\"key\":\"peers/{adapter}/page\",\"samples\":[{page}]}}\n");
            text += &if theirs {
                format!("{{\"key\":\"peers/{adapter}/adaptersentry\",\"samples\":[{sentry}]}}\n")
            } else {
                format!("{{\"key\":\"peers/{adapter}/adaptersentry\",\"why_not\":\"not installed\"}}\n")
            };
        }
        Records::parse(&text).unwrap()
    }

    #[test]
    fn ratios_are_of_whole_and_of_net_times() {
        let section = section(&peers(true));
        for row in [
            "| start-up: one module of 64 × 64 | 500 ms | 1.00 s | 2.00 |  |",
            "| rank 16, whole | 1.50 s | 4.00 s | 2.67 | ≥ 2 |",
            "| rank 16, net | 1.00 s | 3.00 s | 3.00 | ≥ 3 |",
            "| rank 64, net | 5.00 s | 12.0 s | 2.40 | ≥ 2 |",
        ] {
            assert!(section.contains(row), "{row}\n{section}");
        }
    }

    #[test]
    fn a_peer_that_is_not_there_is_named() {
        let section = section(&peers(false));
        assert!(section.contains("| rank 16, net | 1.00 s | not measured: not installed | – | ≥ 3 |"), "{section}");
    }
}
