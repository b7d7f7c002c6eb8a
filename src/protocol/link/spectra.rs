//! All singular values, each by how much smaller than the one before it is.
//!
//! Of every module, in order: σ₁ is ‖ΔW‖/√(stable rank), from the columns; of each further value a varint (seven bits a
//! byte, the lowest first) of 1 + the steps between it and the one before, counted on ln(σ₁/σ) so that rounding does
//! not add up; 0 says that it and all after it are exactly zero.

use super::measures::steps;
use crate::report::ModuleReport;

/// Step of ln(σ₁/σ): a value is off by half of it at most, 0.2 %.
pub const STEP: f64 = 1.0 / 256.0;

/// Values of all modules together, at most: what repetition could make of a short text.
const MOST: usize = 1 << 20;

/// `None` where a module does not list its singular values.
pub fn write(modules: &[ModuleReport]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for module in modules {
        if module.unlisted.is_some() {
            return None;
        }
        let first = module.singular_values.first().copied().unwrap_or_default();
        let mut last = 0i32;
        for sigma in module.singular_values.iter().skip(1) {
            let Some(step) = steps(first / sigma, STEP) else {
                bytes.push(0);
                break;
            };
            let step = step.max(last);
            varint(&mut bytes, step.abs_diff(last) + 1);
            last = step;
        }
    }
    Some(bytes)
}

fn varint(bytes: &mut Vec<u8>, mut number: u32) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The spectra of modules of these σ₁ and counts of values; `None` where they are not that.
pub fn read(bytes: &[u8], modules: &[(f64, usize)]) -> Option<Vec<Vec<f64>>> {
    let mut rest = bytes.iter();
    let mut left = MOST;
    let mut spectra = Vec::with_capacity(modules.len());
    for &(first, count) in modules {
        left = left.checked_sub(count)?;
        let mut spectrum = Vec::with_capacity(count);
        let mut steps = 0u64;
        if count > 0 {
            spectrum.push(first);
        }
        while spectrum.len() < count {
            let code = next(&mut rest)?;
            let Some(further) = code.checked_sub(1) else {
                spectrum.resize(count, 0.0);
                break;
            };
            steps += u64::from(further);
            spectrum.push(first * (-(steps as f64) * STEP).exp());
        }
        spectra.push(spectrum);
    }
    rest.next().is_none().then_some(spectra)
}

fn next<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<u32> {
    let mut number = 0u32;
    for shift in [0, 7, 14, 21] {
        let byte = bytes.next()?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
