//! The Firefox that the tests drive, and its driver.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::proc::{self, Result};
use crate::{browser, debian, tools};

/// The two programs of a test in Firefox.
#[derive(Clone, Debug)]
pub struct Firefox {
    pub firefox: PathBuf,
    pub driver: PathBuf,
}

impl Firefox {
    /// Finds both, by `FIREFOX` and `GECKODRIVER` first, then on PATH, then in the usual places.
    ///
    /// # Errors
    /// A text that says what is missing.
    pub fn find() -> Result<Self> {
        let driver = browser::given("GECKODRIVER")?.or_else(|| proc::on_path(&["geckodriver"]));
        let driver = driver.or_else(tools::installed_geckodriver);
        Ok(Self { firefox: program()?, driver: driver.ok_or("no geckodriver was found; GECKODRIVER may name it")? })
    }

    /// Like [`Firefox::find`], installing first: Firefox on Debian as root, its driver by Cargo wherever Firefox is.
    pub fn ensure() -> Result<Self> {
        if program().is_err() {
            debian::install_firefox()?;
        }
        program()?;
        if Self::find().is_err() {
            tools::ensure_geckodriver()?;
        }
        Self::find()
    }
}

/// The browser alone, for what needs no driver.
///
/// # Errors
/// There is none.
pub fn program() -> Result<PathBuf> {
    let found = browser::given("FIREFOX")?.or_else(|| {
        let usual =
            ["/Applications/Firefox.app/Contents/MacOS/firefox", r"C:\Program Files\Mozilla Firefox\firefox.exe"];
        proc::on_path(&["firefox-esr", "firefox"])
            .or_else(|| usual.into_iter().map(PathBuf::from).find(|place| place.is_file()))
    });
    found.ok_or_else(|| "no Firefox was found; FIREFOX may name its program".to_owned())
}

/// Settings of a fresh profile that talks to nobody and opens no page but the one it is given.
pub fn quiet() -> Map<String, Value> {
    let settings = json!({
        "app.normandy.enabled": false,
        "app.update.disabledForTesting": true,
        "browser.aboutwelcome.enabled": false,
        "browser.safebrowsing.downloads.enabled": false,
        "browser.safebrowsing.malware.enabled": false,
        "browser.safebrowsing.phishing.enabled": false,
        "browser.shell.checkDefaultBrowser": false,
        "browser.startup.homepage_override.mstone": "ignore",
        "datareporting.policy.dataSubmissionEnabled": false,
        "messaging-system.rsexperimentloader.enabled": false,
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "services.settings.server": "data:,",
        "termsofuse.bypassNotification": true,
        "toolkit.telemetry.enabled": false,
    });
    map(settings)
}

/// Settings that give pages and workers a GPU, a software one too.
pub fn webgpu() -> Map<String, Value> {
    map(json!({ "dom.webgpu.enabled": true, "dom.webgpu.workers.enabled": true, "gfx.webgpu.ignore-blocklist": true }))
}

fn map(settings: Value) -> Map<String, Value> {
    match settings {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
