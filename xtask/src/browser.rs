//! The Chrome or Chromium that the tests drive, and its driver.

use std::path::PathBuf;

use crate::debian;
use crate::proc::{self, Result};

/// Headless Chromium with WebGPU on a software adapter, quiet, and talking to nobody.
pub const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
];

/// The two programs of a browser test.
#[derive(Clone, Debug)]
pub struct Browser {
    pub chrome: PathBuf,
    pub driver: PathBuf,
}

impl Browser {
    /// Finds both, by `CHROME` and `CHROMEDRIVER` first, then on PATH, then in the usual places.
    ///
    /// # Errors
    /// A text that says what to install.
    pub fn find() -> Result<Self> {
        let chrome = given("CHROME")?.or_else(|| {
            let names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome"];
            proc::on_path(&names).or_else(|| usual_places().into_iter().find(|place| place.is_file()))
        });
        let driver = given("CHROMEDRIVER")?.or_else(|| {
            let debian = PathBuf::from("/usr/lib/chromium/chromedriver");
            proc::on_path(&["chromedriver"]).or_else(|| Some(debian).filter(|place| place.is_file()))
        });
        let chrome = chrome.ok_or_else(|| {
            advice("No Chrome or Chromium was found.", "Install one, or set CHROME to the path of its program.")
        })?;
        let driver = driver.ok_or_else(|| {
            let what = "Install the one of your Chrome's version from https://googlechromelabs.github.io/chrome-for-testing/ and put it on PATH, or set CHROMEDRIVER to its path.";
            advice("No chromedriver was found.", what)
        })?;
        Ok(Self { chrome, driver })
    }

    /// Like [`Browser::find`], installing first on Debian and Ubuntu as root.
    pub fn ensure() -> Result<Self> {
        if Self::find().is_err() {
            debian::install_browser()?;
        }
        Self::find()
    }
}

fn advice(missing: &str, elsewhere: &str) -> String {
    let what = if debian::is_debian() {
        format!("Run: sudo apt-get install --no-install-recommends {}", debian::PACKAGES.join(" "))
    } else {
        elsewhere.to_owned()
    };
    format!("{missing} The page tests need it. {what}")
}

/// The program that an environment variable names, if it is set.
pub(crate) fn given(variable: &str) -> Result<Option<PathBuf>> {
    let Some(path) = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    if path.is_file() {
        Ok(Some(path))
    } else {
        Err(format!("{variable} is set to {}, which is no file.", path.display()))
    }
}

fn usual_places() -> Vec<PathBuf> {
    let fixed = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ];
    let windows = ["PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"].into_iter().filter_map(std::env::var_os);
    let windows = windows.map(|base| PathBuf::from(base).join(r"Google\Chrome\Application\chrome.exe"));
    fixed.iter().map(PathBuf::from).chain(windows).collect()
}
