//! The layer number inside a path.

use lorascope_format::adapter::names::layer_digits;

/// What stands before the layer number of a path, the number as it is written, and what stands after it; a path
/// without a layer as a whole.
pub fn split(path: &str) -> (&str, &str, &str) {
    let parts =
        layer_digits(path).and_then(|at| Some((path.get(..at.start)?, path.get(at.clone())?, path.get(at.end..)?)));
    parts.unwrap_or((path, "", ""))
}
