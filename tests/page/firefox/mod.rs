//! The page in Firefox as in Chromium. `cargo xtask test --only firefox` installs what is needed and runs these.

mod elsewhere;
mod gpu;
mod tour;

use std::path::PathBuf;

use crate::browser::{Gpu, Kind, Setting, TempDir};
use crate::fixtures::{files, folder};

/// On the CPU, as Firefox does by default on Linux.
const CPU: Setting = Setting { kind: Kind::Firefox, gpu: Gpu::Absent, private: false };

/// An adapter and two states of its model as files of different names: what a browser's dialog gives has no folders.
fn adapter_and_checkpoints(home: &TempDir) -> Vec<PathBuf> {
    let state = |name: &str| {
        home.copy(&folder(&format!("llama-mini/{name}/model.safetensors")), &format!("{name}.safetensors"))
    };
    files("peft-lora").into_iter().chain(["base", "step-120"].map(state)).collect()
}
