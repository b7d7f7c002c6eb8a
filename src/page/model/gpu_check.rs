//! How a GPU was held against the CPU, in words.

use lorascope_protocol::report::{CheckReport, FoundIn, WrongReport};

/// "checked against the CPU: largest difference 2e-7 of σ₁"; `None` where no GPU was looked at, or one was wrong.
pub fn agreement(check: Option<&CheckReport>) -> Option<String> {
    let check = check.filter(|check| check.wrong.is_none())?;
    Some(match check.largest {
        0.0 => "checked against the CPU: no difference".to_owned(),
        largest => format!("checked against the CPU: largest difference {largest:.0e} of σ₁"),
    })
}

/// What was looked at, for whoever opens the pill.
pub fn looked_at(check: &CheckReport) -> String {
    let samples = match check.samples {
        0 => String::new(),
        1 => " and one module of the work".to_owned(),
        n => format!(" and {} modules of the work", super::number::grouped(n)),
    };
    format!("Computed on both: small cases of {}{samples}.", check.kernels.join(", "))
}

/// A GPU that computes wrongly: what it means, and a text to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub sentence: String,
    pub report: String,
}

/// What a GPU gave before it was found out may be wrong wherever it went.
const AGAIN: &str = "The CPU has taken over and computed again what is shown: these figures are right. Files and links \
                     that you saved before may be wrong, so save them again.";

/// What the page says of a GPU that computes wrongly; `browser` names the browser.
pub fn warning(wrong: &WrongReport, browser: &str) -> Warning {
    let kernels = wrong.kernels.join(", ");
    let off = match wrong.difference {
        Some(off) => format!("off by {off:.1e}"),
        None => "no number".to_owned(),
    };
    let (when, done) = match wrong.found_in {
        FoundIn::Start => ("before the first file", "The CPU computes, and its figures are right."),
        FoundIn::FirstUse => ("at the first use of a kernel", AGAIN),
        FoundIn::Work => ("in a sample of the work", AGAIN),
    };
    Warning {
        sentence: format!(
            "This GPU does not compute what the CPU does, so it is not used. {done} A newer browser or graphics \
             driver may mend the GPU."
        ),
        report: format!(
            "Lorascope {}: a GPU computes wrongly\nGPU: {}\nKernel: {kernels}\nDifference: {off}, where {:.0e} is \
             allowed\nFound: {when}\n{browser}",
            env!("CARGO_PKG_VERSION"),
            wrong.gpu,
            wrong.limit
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(largest: f64, samples: u64) -> CheckReport {
        CheckReport { kernels: vec!["scan".into(), "gram".into()], samples, largest, wrong: None }
    }

    fn wrong(difference: Option<f64>) -> WrongReport {
        let (kernels, gpu) = (vec!["gram".into()], "Example 9000".into());
        WrongReport { kernels, difference, limit: 2e-6, found_in: FoundIn::Work, gpu }
    }

    #[test]
    fn a_gpu_that_agrees_is_said_to() {
        assert_eq!(agreement(None), None);
        let said = agreement(Some(&check(2.3e-7, 0))).unwrap();
        assert_eq!(said, "checked against the CPU: largest difference 2e-7 of σ₁");
        assert_eq!(agreement(Some(&check(0.0, 0))).unwrap(), "checked against the CPU: no difference");
        assert_eq!(looked_at(&check(0.0, 0)), "Computed on both: small cases of scan, gram.");
        assert!(looked_at(&check(0.0, 1)).ends_with(" and one module of the work."));
        assert!(looked_at(&check(0.0, 12)).ends_with(" and 12 modules of the work."));
    }

    #[test]
    fn a_wrong_gpu_is_named_with_its_kernel_and_by_how_much() {
        let of = |difference| warning(&wrong(difference), "Browser 1.0").report;
        let said = of(Some(0.314));
        for part in ["Example 9000", "gram", "3.1e-1", "2e-6", "sample", "Browser 1.0"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(of(None).contains("no number") && !of(None).contains("NaN"));
        let check = CheckReport { wrong: Some(wrong(None)), ..check(0.0, 1) };
        assert_eq!(agreement(Some(&check)), None);
    }
}
