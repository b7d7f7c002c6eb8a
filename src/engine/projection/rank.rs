//! The rank of a module's result, from its singular values.
//!
//! `sv_ratio`, `sv_fro` and `sv_cumulative` are those of kohya's `resize_lora.py`.

use super::plan::{PlanError, Subject};
use crate::analysis::measures;
use lorascope_protocol::projection::{Method, RankRule};

/// What rounding may take from a share of a sum: a share that a spectrum meets exactly must not fail by a last digit.
const SLACK: f64 = 1e-12;

/// # Errors
/// [`PlanError`] for a value out of range, and for a change of rank with a method that cannot do one.
pub fn check(rule: RankRule, method: Method) -> Result<(), PlanError> {
    let share = |value: f64, what: &str| {
        let fits = value > 0.0 && value <= 1.0;
        let say = || PlanError(format!("{what} has to be above 0 and at most 1, not {value}: for 95 % give 0.95."));
        fits.then_some(()).ok_or_else(say)
    };
    match rule {
        RankRule::Source => Ok(()),
        RankRule::Number(0) => {
            Err(PlanError("A rank of 0 leaves nothing of the adapter. Give a rank of 1 or more.".to_owned()))
        }
        RankRule::Number(_) => Ok(()),
        RankRule::Energy(value) => share(value, "The share of the energy to keep"),
        RankRule::SvFro(value) => share(value, "sv_fro, the share of the Frobenius norm to keep,"),
        RankRule::SvCumulative(value) => {
            share(value, "sv_cumulative, the share of the sum of the singular values to keep,")
        }
        RankRule::SvRatio(ratio) if ratio.is_finite() && ratio >= 1.0 => Ok(()),
        RankRule::SvRatio(ratio) => Err(PlanError(format!(
            "sv_ratio, how many times smaller than the largest a kept singular value may be, has to be 1 or more, \
             not {ratio}."
        ))),
    }?;
    if rule != RankRule::Source && method != Method::Svd {
        return Err(PlanError(format!(
            "The method `{}` keeps the rank. To change the rank choose `svd`, or keep the rank of the source.",
            method.name()
        )));
    }
    Ok(())
}

/// The most singular values that a module can have: min(out, in, rank).
pub fn most(subject: &Subject<'_>) -> u32 {
    let [out, inputs] = subject.shape;
    subject.rank.min(u32::try_from(out.min(inputs)).unwrap_or(u32::MAX))
}

/// The rank of one module's result, 1 to [`most`] for `svd`; the other methods keep the factors' own.
///
/// A module without energy keeps rank 1 where the rule asks for energy.
pub fn of(subject: &Subject<'_>, rule: RankRule, method: Method) -> u32 {
    if method != Method::Svd {
        return subject.rank;
    }
    let most = most(subject);
    let sigma = subject.sigma;
    let needed = match rule {
        RankRule::Source => most,
        RankRule::Number(rank) => rank,
        RankRule::Energy(share) => smallest(sigma, share, |s| s * s),
        RankRule::SvFro(share) => smallest(sigma, share * share, |s| s * s),
        RankRule::SvCumulative(share) => smallest(sigma, share, |s| s),
        RankRule::SvRatio(ratio) => count(sigma.iter().filter(|&&s| s > sigma[0] / ratio).count()),
    };
    needed.clamp(1, most.max(1))
}

/// The smallest k whose Σ_{i≤k} weight(σᵢ) reaches the share of the whole sum.
fn smallest(sigma: &[f64], share: f64, weight: impl Fn(f64) -> f64) -> u32 {
    if share >= 1.0 {
        return count(sigma.iter().filter(|&&s| s > 0.0).count());
    }
    // Relative to σ₁, so that no square leaves the range of a double.
    let Some(&largest) = sigma.first().filter(|&&s| s > 0.0) else { return 1 };
    let weights = || sigma.iter().map(|&s| weight(s / largest));
    let wanted = share * weights().sum::<f64>() * (1.0 - SLACK);
    let mut sum = 0.0;
    let reached = weights().position(|w| {
        sum += w;
        sum >= wanted
    });
    count(reached.map_or(sigma.len(), |at| at + 1))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The share of Σσ² that the first `rank` hold; 1 for a module without energy.
pub fn kept(sigma: &[f64], rank: u32) -> f64 {
    let has_energy = sigma.first().is_some_and(|&s| s > 0.0);
    let last = usize::try_from(rank).ok().and_then(|rank| rank.checked_sub(1));
    let kept = last.filter(|_| has_energy).and_then(|last| measures::energy_kept(sigma).get(last).copied());
    kept.unwrap_or(1.0)
}

/// ‖ΔW‖_F of a module, its scale included.
pub fn norm(subject: &Subject<'_>) -> f64 {
    subject.scale.abs() * measures::frobenius(subject.sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(shape: [u64; 2], rank: u32, sigma: &[f64]) -> Subject<'_> {
        Subject {
            name: "q",
            layer: None,
            stack: "",
            role: "q",
            shape,
            rank,
            sigma,
            scale: 2.0,
            swapped: false,
            kernel: 1,
        }
    }

    fn rank(sigma: &[f64], rule: RankRule) -> u32 {
        of(&subject([64, 64], count(sigma.len()), sigma), rule, Method::Svd)
    }

    #[test]
    fn shares_of_energy() {
        // Squares 9, 4, 2, 1: shares 9/16, 13/16, 15/16, 1.
        let sigma = [3.0, 2.0, 2f64.sqrt(), 1.0];
        for (share, k) in
            [(0.01, 1), (0.5625, 1), (0.5626, 2), (0.8125, 2), (0.82, 3), (0.9375, 3), (0.94, 4), (1.0, 4)]
        {
            assert_eq!(rank(&sigma, RankRule::Energy(share)), k, "{share}");
            assert_eq!(rank(&sigma.map(|s| s * 1e200), RankRule::Energy(share)), k, "{share}, large");
            assert_eq!(rank(&sigma.map(|s| s * 1e-200), RankRule::Energy(share)), k, "{share}, small");
        }
        // Shares that decimals meet exactly: 0.1·k of ten equal values.
        for k in 1..=10 {
            assert_eq!(rank(&[0.1; 10], RankRule::Energy(f64::from(k) / 10.0)), k);
        }
    }

    #[test]
    fn a_share_of_one_counts_what_is_not_zero() {
        let sigma = [1.0, 1e-9, 1e-200, 0.0, 0.0];
        for rule in [RankRule::Energy(1.0), RankRule::SvFro(1.0), RankRule::SvCumulative(1.0)] {
            assert_eq!(rank(&sigma, rule), 3, "{rule:?}");
        }
    }

    #[test]
    fn the_rules_of_resize_lora() {
        let sigma = [8.0, 4.0, 2.0, 1.0, 0.5];
        // Strictly above σ₁/ratio.
        for (ratio, k) in [(1.0, 1), (2.0, 1), (2.1, 2), (4.0, 2), (8.5, 4), (16.0, 4), (1e9, 5)] {
            assert_eq!(rank(&sigma, RankRule::SvRatio(ratio)), k, "sv_ratio {ratio}");
        }
        // Squares 64, 16, 4, 1, 0.25 of 85.25: √(shares) 0.8664, 0.9687, 0.9926, 0.9985, 1.
        for (share, k) in [(0.5, 1), (0.86, 1), (0.87, 2), (0.97, 3), (0.9926, 3), (0.993, 4), (0.999, 5)] {
            assert_eq!(rank(&sigma, RankRule::SvFro(share)), k, "sv_fro {share}");
        }
        // Of 15.5: 0.516, 0.774, 0.903, 0.968, 1.
        for (share, k) in [(0.5, 1), (0.52, 2), (0.77, 2), (0.9, 3), (0.96, 4), (0.97, 5)] {
            assert_eq!(rank(&sigma, RankRule::SvCumulative(share)), k, "sv_cumulative {share}");
        }
    }

    #[test]
    fn the_rank_stays_within_the_module() {
        let sigma = [2.0, 1.0, 1.0];
        let narrow = subject([3, 100], 16, &sigma);
        assert_eq!(most(&narrow), 3);
        assert_eq!(of(&narrow, RankRule::Source, Method::Svd), 3);
        assert_eq!(of(&narrow, RankRule::Number(2), Method::Svd), 2);
        assert_eq!(of(&narrow, RankRule::Number(99), Method::Svd), 3);
        // Cropping factors keeps their columns, however many.
        assert_eq!(of(&narrow, RankRule::Source, Method::Truncate), 16);
    }

    #[test]
    fn a_module_without_energy() {
        for sigma in [&[0.0, 0.0][..], &[]] {
            let zero = subject([64, 64], 2, sigma);
            for rule in
                [RankRule::Energy(0.9), RankRule::Energy(1.0), RankRule::SvFro(0.9), RankRule::SvCumulative(0.5)]
            {
                assert_eq!(of(&zero, rule, Method::Svd), 1, "{rule:?}");
            }
            assert_eq!(of(&zero, RankRule::SvRatio(3.0), Method::Svd), 1);
            assert_eq!(of(&zero, RankRule::Source, Method::Svd), 2);
            assert_eq!(kept(sigma, 1), 1.0);
            assert_eq!(norm(&zero), 0.0);
        }
    }

    #[test]
    fn the_energy_that_stays() {
        let sigma = [3.0, 2.0, 1.0];
        assert!((kept(&sigma, 1) - 9.0 / 14.0).abs() < 1e-15);
        assert!((kept(&sigma, 2) - 13.0 / 14.0).abs() < 1e-15);
        assert_eq!((kept(&sigma, 3), kept(&sigma, 9)), (1.0, 1.0));
        assert!((kept(&sigma.map(|s| s * 1e200), 1) - 9.0 / 14.0).abs() < 1e-15);
        assert!((norm(&subject([9, 9], 3, &sigma)) - 2.0 * 14f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (rule, word) in [
            (RankRule::Number(0), "1 or more"),
            (RankRule::Energy(0.0), "energy"),
            (RankRule::Energy(95.0), "0.95"),
            (RankRule::Energy(f64::NAN), "not NaN"),
            (RankRule::SvFro(-1.0), "sv_fro"),
            (RankRule::SvCumulative(1.5), "sv_cumulative"),
            (RankRule::SvRatio(0.5), "sv_ratio"),
            (RankRule::SvRatio(f64::INFINITY), "sv_ratio"),
        ] {
            let error = check(rule, Method::Svd).unwrap_err().to_string();
            assert!(error.contains(word), "{rule:?}: {error}");
        }
        for method in [Method::Truncate, Method::Interpolate] {
            assert_eq!(check(RankRule::Source, method), Ok(()));
            let error = check(RankRule::Number(4), method).unwrap_err().to_string();
            assert!(error.contains(method.name()) && error.contains("choose `svd`"), "{error}");
        }
    }
}
