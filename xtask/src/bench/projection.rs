//! Projection of one module beside the reference method, NumPy's full SVD of ΔW.

use super::markdown::{Table, brief, digits, seconds, shown, times};
use super::page::per_module;
use super::records::{Figure, Records};

pub fn section(projection: &Records, page: &Records) -> String {
    let rounds = projection.rounds();
    let full = projection.median("projection/16/reference");
    let count = projection.count("projection/16/reference");
    let reference = projection.fact("reference").unwrap_or("NumPy");
    let took = match &full {
        Ok(_) => format!("{}, the median of {count}", shown(&full, seconds)),
        Err(_) => shown(&full, seconds),
    };
    let intro = format!(
        "Seconds for one module of 4096 × 4096 taken to 2048 × 2048 by `svd`; medians of {rounds} of 32 modules. The \
         reference method forms ΔW and takes its full SVD ({reference}), which takes about the same at any rank; timed at \
         rank 16: {took}."
    );
    let mut table = Table::new(&["", "per module", "times as fast as the full SVD", "wanted"]);
    let mut row = |name: String, ours: Figure, full: &Figure, wanted: &str| {
        let ratio = brief(&times(full, &ours), digits);
        table.row([name, shown(&ours, seconds), ratio, wanted.to_owned()]);
    };
    let none = Err(String::new());
    row("rank 16, CPU engine, one native thread".to_owned(), projection.median("projection/16/cpu"), &full, "≥ 5,000");
    row("rank 16, the whole page, file included".to_owned(), per_module(page, "projection/square"), &full, "");
    row("rank 64, CPU engine, one native thread".to_owned(), projection.median("projection/64/cpu"), &none, "");
    let gpu = projection.fact("gpu").unwrap_or("no adapter");
    for rank in ["16", "64"] {
        let full = if rank == "16" { &full } else { &none };
        row(format!("rank {rank}, GPU engine, {gpu}"), projection.median(&format!("projection/{rank}/gpu")), full, "");
    }
    [intro, table.text()].join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_stands_beside_what_it_was_timed_for() {
        let text = r#"{"key":"projection/16/cpu","samples":[0.004]}
            {"key":"projection/64/cpu","samples":[0.05]}
            {"key":"projection/16/reference","samples":[39, 41, 40]}
            {"key":"projection/16/gpu","why_not":"no adapter"}"#;
        let section = section(&Records::parse(text).unwrap(), &Records::default());
        assert!(section.contains("timed at rank 16: 40.0 s, the median of 3."), "{section}");
        assert!(section.contains("one native thread | 4.00 ms | 10,000 | ≥ 5,000 |"), "{section}");
        assert!(section.contains("rank 64, CPU engine, one native thread | 50.0 ms | – |  |"), "{section}");
        assert!(section.contains("GPU engine, no adapter | not measured: no adapter | – |  |"), "{section}");
        assert!(section.contains("file included | not measured | – |  |"), "{section}");
        let without = r#"{"key":"projection/16/reference","why_not":"there is no Python"}"#;
        let section = super::section(&Records::parse(without).unwrap(), &Records::default());
        assert!(section.contains("timed at rank 16: not measured: there is no Python."), "{section}");
    }
}
