//! Debian and Ubuntu: what the tests need comes from the distribution.

use std::path::Path;

use crate::proc::{self, Result};

/// The browser, its driver, and a Vulkan that computes on the CPU.
pub const PACKAGES: [&str; 4] = ["chromium", "chromium-driver", "mesa-vulkan-drivers", "libvulkan1"];

pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

fn is_root() -> bool {
    proc::output(proc::command("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Installs [`PACKAGES`] where this user may, as the other two do. Elsewhere does nothing: what is then not found is
/// named by whoever needs it.
pub fn install_browser() -> Result<()> {
    install(&PACKAGES)
}

pub fn install_firefox() -> Result<()> {
    install(&["firefox-esr"])
}

/// A GPU for the tests where there is none, a software one.
pub fn ensure_vulkan() -> Result<()> {
    if vulkan_missing() { install(&PACKAGES[2..]) } else { Ok(()) }
}

fn install(packages: &[&str]) -> Result<()> {
    if !is_debian() || !is_root() {
        return Ok(());
    }
    let apt = || {
        let mut command = proc::command("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    proc::run(apt().args(["update", "--quiet"]))?;
    proc::run(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

/// There is no software Vulkan driver. A machine with a GPU of its own has another one, and gets this one beside it.
fn vulkan_missing() -> bool {
    let has_driver = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].iter().any(|folder| {
        std::fs::read_dir(folder)
            .is_ok_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("lvp_icd")))
    });
    let loader = proc::output(proc::command("ldconfig").arg("-p"));
    !has_driver || loader.is_some_and(|list| !list.contains("libvulkan.so.1"))
}
