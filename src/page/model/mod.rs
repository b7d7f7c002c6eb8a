//! What the components show, derived in plain structs: compiled everywhere, tested natively, no browser in it.

pub mod about;
pub mod address;
pub mod alignment;
pub mod arriving;
pub mod axis;
pub mod colour;
pub mod column;
pub mod comparison;
pub mod domains;
pub mod extraction;
pub mod found;
pub mod gpu_check;
pub mod grid;
pub mod heat;
pub mod identity;
pub mod layer_path;
pub mod measure;
pub mod metadata;
pub mod number;
pub mod path;
pub mod picture;
pub mod progress;
pub mod projection;
pub mod remote;
pub mod run;
pub mod said;
pub mod samples;
pub mod schemes;
pub mod share;
pub mod sheet;
pub mod shown;
pub mod spectrum;
pub mod table;
pub mod tabs;
pub mod tsv;
pub mod viewed;

#[cfg(test)]
mod testing;
