//! Every kernel beside what its device can do at best: a plain copy, and a loop of multiplications and additions.

use super::markdown::{Table, both, brief, digits, giga, percent, seconds, shown};
use super::records::{Figure, Records};

/// The kernels, and whether their CPU twins multiply in f64.
const KERNELS: [(&str, bool); 8] = [
    ("scan", false),
    ("gram", true),
    ("apply", true),
    ("cross", true),
    ("resize", false),
    ("align", false),
    ("multiply", false),
    ("residual", false),
];
const RANKS: [&str; 2] = ["16", "64"];
/// Those that are to reach a share of the device, and the shares: of the copy's bandwidth, of the peak.
const HELD: [&str; 3] = ["gram", "apply", "align"];
const OF_COPY: f64 = 0.85;
const OF_PEAK: f64 = 0.35;

pub fn section(kernels: &Records) -> String {
    let gpu = kernels.fact("gpu").unwrap_or("no adapter");
    let timing = kernels.fact("gpu_timing").unwrap_or("not timed");
    let peak = |device: &str, what: &str| kernels.median(&format!("kernels/peak/{device}/{what}"));
    let intro = format!(
        "Medians of criterion's samples on factors of 4096 rows and tiles of 4096 columns in bf16. *MB* is \
         what has to be read and written once, operations are the method's own. CPU: one thread; it copies {} GB/s and does {} GFLOP/s in f32, {} in f64. GPU: {gpu}, {timing}; it copies {} GB/s and \
         does {} GFLOP/s in f32.",
        brief(&peak("cpu", "copy"), giga),
        brief(&peak("cpu", "f32"), giga),
        brief(&peak("cpu", "f64"), giga),
        brief(&peak("gpu", "copy"), giga),
        brief(&peak("gpu", "f32"), giga),
    );
    let mut table = Table::new(&["kernel", "r", "on", "MB", "time", "GB/s", "of the copy", "GFLOP/s", "of the peak"]);
    for (kernel, in_f64) in KERNELS {
        for rank in RANKS {
            for device in ["cpu", "gpu"] {
                let run = Run::of(kernels, kernel, device, rank);
                let wide = if in_f64 && device == "cpu" { "f64" } else { "f32" };
                table.row([
                    kernel.to_owned(),
                    rank.to_owned(),
                    device.to_uppercase(),
                    brief(&run.bytes, |bytes| digits(bytes / 1e6)),
                    shown(&run.seconds, seconds),
                    brief(&run.rate(&run.bytes), giga),
                    brief(&share(&run.rate(&run.bytes), &peak(device, "copy")), percent),
                    brief(&run.rate(&run.flops), giga),
                    brief(&share(&run.rate(&run.flops), &peak(device, wide)), percent),
                ]);
            }
        }
    }
    [intro, table.text(), held(kernels)].join("\n\n")
}

/// The kernels that are to reach the device's limits, on hardware.
fn held(kernels: &Records) -> String {
    let gpu = kernels.fact("gpu").unwrap_or("no adapter");
    let is_hardware = kernels.fact("gpu_kind") == Some("hardware");
    let head = if is_hardware { gpu } else { "a hardware GPU" };
    let allowed =
        format!("at {:.0} % of the copy or {:.0} % of the peak, whichever is longer", OF_COPY * 100.0, OF_PEAK * 100.0);
    let mut table = Table::new(&[&format!("on {head}"), "r", "time", &allowed, "reached"]);
    let peak = |what: &str| kernels.median(&format!("kernels/peak/gpu/{what}"));
    for kernel in HELD {
        for rank in RANKS {
            let run = Run::of(kernels, kernel, "gpu", rank);
            let bound = run.bound(&peak("copy"), &peak("f32"));
            let cells = if is_hardware {
                let reached = match both(&run.seconds, &bound, |time, bound| bound / time) {
                    Ok(ratio) if ratio >= 1.0 => "yes".to_owned(),
                    Ok(ratio) => format!("no, {}", percent(ratio)),
                    Err(_) => "not measured".to_owned(),
                };
                [shown(&run.seconds, seconds), shown(&bound, seconds), reached]
            } else {
                ["not measured: none here", "–", "not measured"].map(str::to_owned)
            };
            table.row([kernel.to_owned(), rank.to_owned()].into_iter().chain(cells));
        }
    }
    table.text()
}

/// One kernel at one rank on one device.
struct Run {
    seconds: Figure,
    bytes: Figure,
    flops: Figure,
}

impl Run {
    fn of(kernels: &Records, kernel: &str, device: &str, rank: &str) -> Self {
        let key = format!("kernels/{kernel}/{device}/{rank}");
        let [bytes, flops] = ["bytes", "flops"].map(|what| kernels.median(&format!("{key}/{what}")));
        Self { seconds: kernels.median(&key), bytes, flops }
    }

    /// A second.
    fn rate(&self, amount: &Figure) -> Figure {
        both(amount, &self.seconds, |amount, seconds| amount / seconds)
    }

    /// Seconds at the shares of the device that are asked for: whichever of the two takes longer.
    fn bound(&self, copy: &Figure, peak: &Figure) -> Figure {
        let moved = both(&self.bytes, copy, |bytes, rate| bytes / (OF_COPY * rate));
        let computed = both(&self.flops, peak, |flops, rate| flops / (OF_PEAK * rate));
        both(&moved, &computed, f64::max)
    }
}

fn share(rate: &Figure, of: &Figure) -> Figure {
    both(rate, of, |rate, of| rate / of)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that copies 100 GB/s and does 1,000 GFLOP/s; a gram of 1 GB and 10 GFLOP in `time` seconds.
    fn kernels(kind: &str, time: f64) -> Records {
        let text = format!(
            r#"{{"fact":"gpu","text":"Testing 9000"}}
            {{"fact":"gpu_kind","text":"{kind}"}}
            {{"key":"kernels/peak/gpu/copy","samples":[100e9]}}
            {{"key":"kernels/peak/gpu/f32","samples":[1000e9]}}
            {{"key":"kernels/gram/gpu/16","samples":[{time}]}}
            {{"key":"kernels/gram/gpu/16/bytes","samples":[1e9]}}
            {{"key":"kernels/gram/gpu/16/flops","samples":[10e9]}}"#
        );
        Records::parse(&text).unwrap()
    }

    #[test]
    fn shares_are_of_the_measured_device() {
        let section = section(&kernels("hardware", 0.02));
        assert!(section.contains("| gram | 16 | GPU | 1,000 | 20.0 ms | 50.0 | 50.0 % | 500 | 50.0 % |"), "{section}");
        assert!(section.contains("| gram | 16 | CPU | – | not measured | – | – | – | – |"), "{section}");
    }

    #[test]
    fn the_slower_of_the_two_limits_is_the_bound() {
        // 1 GB at 85 GB/s are 11.8 ms; 10 GFLOP at 350 GFLOP/s are 28.6 ms.
        let reached = held(&kernels("hardware", 0.02));
        assert!(reached.contains("| gram | 16 | 20.0 ms | 28.6 ms | yes |"), "{reached}");
        assert!(reached.contains("on Testing 9000"), "{reached}");
        let missed = held(&kernels("hardware", 0.04));
        assert!(missed.contains("| gram | 16 | 40.0 ms | 28.6 ms | no, 71.4 % |"), "{missed}");
    }

    #[test]
    fn a_software_adapter_is_no_hardware() {
        let table = held(&kernels("software", 0.02));
        assert_eq!(table.matches("not measured: none here").count(), HELD.len() * RANKS.len(), "{table}");
        assert!(!table.contains("Testing 9000") && !table.contains("yes"), "{table}");
    }
}
