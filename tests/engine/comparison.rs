//! Comparison through a whole session, on both backends: what dense f64 says of every figure, the same adapter under
//! the names of several dialects, what cannot be compared, and what the page is told.

use crate::alignment::bench;
mod crafted;
mod dense;
mod dialects;
mod figures;
mod told;
