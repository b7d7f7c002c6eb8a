//! Which browser, and what is switched on in it.

use std::path::{Path, PathBuf};

use fantoccini::wd::Capabilities;
use serde_json::{Value, json};

use super::output::CONSOLE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Chromium,
    Firefox,
}

/// Whether the browser has a WebGPU adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    Software,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    pub kind: Kind,
    pub gpu: Gpu,
    /// Every window is a private one.
    pub private: bool,
}

/// The program of a browser, and where it may write.
pub struct Places<'a> {
    pub program: PathBuf,
    pub profile: &'a Path,
    pub downloads: &'a Path,
    /// The port of a proxy for all but this machine.
    pub proxy: u16,
}

impl Kind {
    /// Its program and its driver's.
    pub fn programs(self) -> Result<(PathBuf, PathBuf), String> {
        match self {
            Self::Chromium => xtask::browser::Browser::find().map(|found| (found.chrome, found.driver)),
            Self::Firefox => xtask::firefox::Firefox::find().map(|found| (found.firefox, found.driver)),
        }
    }

    /// The process that has `profile`, by the profile's lock: `host-pid` or `address:+pid`, on Linux and macOS.
    pub fn main_process(self, profile: &Path) -> Option<u32> {
        let (lock, before) = match self {
            Self::Chromium => ("SingletonLock", "-"),
            Self::Firefox => ("lock", ":+"),
        };
        std::fs::read_link(profile.join(lock)).ok()?.to_str()?.rsplit_once(before)?.1.parse().ok()
    }
}

impl Setting {
    pub fn new(kind: Kind) -> Self {
        Self { kind, gpu: Gpu::Software, private: false }
    }

    /// What a fresh profile has to hold.
    pub fn prepare(&self, profile: &Path) -> std::io::Result<()> {
        if self.kind == Kind::Firefox {
            // Its windows are no narrower than 500 pixels, and a phone is.
            std::fs::create_dir(profile.join("chrome"))?;
            std::fs::write(profile.join("chrome/userChrome.css"), ":root { min-width: 0 !important }")?;
        }
        Ok(())
    }

    pub fn capabilities(&self, places: &Places<'_>) -> Capabilities {
        let (name, options) = match self.kind {
            Kind::Chromium => ("goog:chromeOptions", self.chrome_options(places)),
            Kind::Firefox => ("moz:firefoxOptions", self.firefox_options(places)),
        };
        [(name.to_owned(), options)].into_iter().collect()
    }

    fn chrome_options(&self, places: &Places<'_>) -> Value {
        let mut args: Vec<String> = xtask::browser::FLAGS.map(str::to_owned).into();
        args.push(format!("--user-data-dir={}", places.profile.display()));
        // Everything that any console is told, the engine worker's too.
        args.push("--enable-logging".to_owned());
        args.push(format!("--log-file={}", places.profile.join(CONSOLE).display()));
        // Servers on this machine are asked directly.
        args.push(format!("--proxy-server=http://127.0.0.1:{}", places.proxy));
        args.push("--window-size=1280,800".to_owned());
        if self.gpu == Gpu::Absent {
            args.retain(|flag| !flag.contains("webgpu") && !flag.contains("swiftshader"));
            args.push("--disable-gpu".to_owned());
        }
        if self.private {
            args.push("--incognito".to_owned());
        }
        json!({ "binary": places.program, "args": args })
    }

    fn firefox_options(&self, places: &Places<'_>) -> Value {
        let mut prefs = xtask::firefox::quiet();
        if self.gpu == Gpu::Software {
            prefs.extend(xtask::firefox::webgpu());
        }
        let own = json!({
            // Where the lines go that any console is told, workers' too.
            "devtools.console.stdout.content": true,
            "toolkit.legacyUserProfileCustomizations.stylesheets": true,
            "browser.download.dir": places.downloads,
            "browser.download.folderList": 2,
            "browser.download.alwaysOpenPanel": false,
            "network.proxy.type": 1,
            "network.proxy.http": "127.0.0.1",
            "network.proxy.http_port": places.proxy,
            "network.proxy.ssl": "127.0.0.1",
            "network.proxy.ssl_port": places.proxy,
            "browser.privatebrowsing.autostart": self.private,
        });
        prefs.extend(own.as_object().cloned().unwrap_or_default());
        let args = [json!("-headless"), json!("-profile"), json!(places.profile)];
        json!({ "binary": places.program, "args": args, "prefs": prefs })
    }
}
