//! Every dialect, made from its documented keys and shapes, against its formula in dense f64.

mod base;
mod convolutions;
mod crafted;
mod diffusers;
mod full_rank;
mod kohya;
mod lycoris;
mod maths;
mod peft;
mod peft_others;
mod peft_variants;
mod refused;
mod rotations;
mod same_report;
mod trainers;
mod writers;
