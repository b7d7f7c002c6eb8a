//! Reports that come back: a saved JSON file, dropped again.

use serde::Deserialize;

use super::{AdapterReport, Report, SCHEMA};

/// What cannot be done with a report alone, for a person.
pub const NEEDS_ITS_FILE: &str = "Only the report of this adapter is here, from a link or from a saved file, and this is computed from its tensors. \
     Drop the adapter’s own file too.";

/// The largest whole number that JavaScript holds exactly; no real size comes near.
const MOST_WHOLE: u64 = 1 << 53;
/// Modules of one report.
const MOST_MODULES: usize = 1 << 20;

/// The version alone: reports of other versions may hold anything beside it.
#[derive(Deserialize)]
struct Versioned {
    lorascope: u32,
}

/// Reads the JSON of a report, which whoever made it may have changed: nothing of it is taken on trust.
///
/// # Errors
/// Why it cannot be shown and what to do, to stand behind the file's name.
pub fn read(text: &str) -> Result<Report, String> {
    let damaged = |what: String| {
        format!(
            "this report of Lorascope is damaged ({what}). Save it again where it came from, or drop the adapter itself."
        )
    };
    let Versioned { lorascope } = serde_json::from_str(text).map_err(|e| damaged(e.to_string()))?;
    if lorascope > SCHEMA {
        return Err(format!(
            "this report was saved by a newer Lorascope (schema {lorascope}, and this page reads {SCHEMA}). Reload the \
             page to get the newest."
        ));
    }
    let report: Report = serde_json::from_str(text).map_err(|e| damaged(e.to_string()))?;
    if lorascope != SCHEMA {
        return Err(damaged(format!("there is no schema {lorascope}")));
    }
    match report.adapters.iter().find_map(fault) {
        Some(what) => Err(damaged(what)),
        None => Ok(report),
    }
}

/// What in a report no computation gives. JSON itself has no number that is not finite.
fn fault(adapter: &AdapterReport) -> Option<String> {
    let is_number = |x: f64| x.is_finite() && x >= 0.0;
    let of_adapter = is_number(adapter.energy)
        && adapter.parameters <= MOST_WHOLE
        && adapter.modules.len() <= MOST_MODULES
        && adapter.domains.scores.values().all(|score| score.as_f64().is_some_and(f64::is_finite))
        && adapter.domains.tag_threshold.is_none_or(f64::is_finite);
    if !of_adapter {
        return Some("a number of an adapter cannot be".to_owned());
    }
    if let Err(what) = adapter.domains.check() {
        return Some(format!("its scheme cannot be used: {what}"));
    }
    let bad = adapter.modules.iter().find(|m| {
        let measures = [m.frobenius, m.energy_share, m.stable_rank, m.effective_rank, m.spectral_entropy];
        let fits = measures.iter().chain(&m.singular_values).all(|x| is_number(*x))
            && m.energy_share <= 1.0 + 1e-9
            && m.scale.is_finite()
            && m.shape.iter().all(|side| *side <= MOST_WHOLE);
        !fits
    })?;
    Some(format!("a number of the module {} cannot be", lorascope_format::container::quoted(&bad.name)))
}
