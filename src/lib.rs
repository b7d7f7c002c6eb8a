//! Lorascope looks inside LoRA adapters: what every module's update ΔW = s·B·A does.
//!
//! The data's way, which the modules follow in order:
//! bytes ([`source`]) → [`container`] → [`adapter`] → [`formula`] → batches and primitives ([`lorascope_kernels`]) →
//! measures ([`analysis`]) → [`report`] → [`view`] and shared [`link`]s. [`session`] runs that way for one engine.

pub mod adapter;
pub mod analysis;
pub mod checkpoint;
pub mod container;
pub mod export;
pub mod factor_type;
pub mod formula;
pub mod intake;
pub mod link;
pub mod natural;
pub mod projection;
pub mod protocol;
pub mod report;
pub mod session;
pub mod source;
pub mod view;
