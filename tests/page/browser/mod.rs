//! A headless Chromium or Firefox with the built page in it, for tests that do what a person does.
//!
//! Every call blocks. What goes wrong panics with the page's status, errors and console in the text.

mod cdp;
mod driver;
mod input;
mod memory;
mod output;
mod setting;
mod strangers;
mod temp;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use xtask::serve::Server;
pub use xtask::serve::Times;

use cdp::Cdp;
use driver::Driver;
pub use memory::Watch;
pub use output::Traffic;
use setting::Places;
pub use setting::{Gpu, Kind, Setting};
use strangers::Strangers;
pub use temp::TempDir;

/// Long enough for a software GPU on two busy cores; reached only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Watches the page from within.
const PROBE: &str = include_str!("probe.js");

/// Where the page is served: a static host may put it anywhere.
pub const PLACE: &str = "/some/path/";

/// One browser with a fresh profile, one driver and one server of `dist/`. All end when it is dropped.
pub struct Browser {
    kind: Kind,
    runtime: tokio::runtime::Runtime,
    client: Client,
    downloads: TempDir,
    profile: TempDir,
    /// None once the network is cut.
    server: RefCell<Option<Server>>,
    address: String,
    strangers: Strangers,
    driver: Driver,
}

impl Browser {
    /// Chromium.
    pub fn start() -> Self {
        Self::start_with(Gpu::Software)
    }

    /// Chromium.
    pub fn start_with(gpu: Gpu) -> Self {
        Self::start_as(Setting { gpu, ..Setting::new(Kind::Chromium) })
    }

    pub fn start_as(setting: Setting) -> Self {
        let dist = xtask::build::dist();
        assert!(dist.join("index.html").is_file(), "{} holds no page: run cargo xtask build", dist.display());
        Self::serving(PLACE, dist, setting)
    }

    /// Chromium, with the page of another folder.
    pub fn start_in(folder: PathBuf, gpu: Gpu) -> Self {
        Self::serving(PLACE, folder, Setting { gpu, ..Setting::new(Kind::Chromium) })
    }

    /// Chromium, with the page at another place.
    pub fn start_at(place: &str) -> Self {
        Self::serving(place, xtask::build::dist(), Setting::new(Kind::Chromium))
    }

    /// A browser that does not come up is no fault of the page: there are three tries, and each that fails is said.
    fn serving(place: &str, folder: PathBuf, setting: Setting) -> Self {
        let programs = setting.kind.programs().unwrap_or_else(|text| panic!("{text}"));
        let begin = || Self::begin(&programs, place, folder.clone(), setting);
        let again = |text: String| {
            println!("no browser: {text}");
            begin()
        };
        begin().or_else(again).or_else(again).unwrap_or_else(|text| panic!("no browser: {text}"))
    }

    fn begin(programs: &(PathBuf, PathBuf), place: &str, folder: PathBuf, setting: Setting) -> Result<Self, String> {
        let kind = setting.kind;
        let server = Server::under(place, folder, 0).map_err(|e| format!("no free port on 127.0.0.1: {e}"))?;
        let (profile, downloads) = (TempDir::new("profile"), TempDir::new("downloads"));
        setting.prepare(profile.path()).map_err(|e| format!("{}: {e}", profile.path().display()))?;
        let driver = Driver::start(kind, &programs.1, profile.path())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let strangers = Strangers::watch();
        let places = Places {
            program: programs.0.clone(),
            profile: profile.path(),
            downloads: downloads.path(),
            proxy: strangers.port(),
        };
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        let connecting = builder.capabilities(setting.capabilities(&places)).connect(&driver.address);
        let client = runtime.block_on(connecting).map_err(|e| format!("no session with {kind:?}: {e}"))?;
        let (address, server) = (server.address(), RefCell::new(Some(server)));
        let browser = Self { kind, runtime, client, downloads, profile, server, address, strangers, driver };
        match kind {
            Kind::Chromium => {
                browser.try_cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": PROBE }))?;
                let downloads = json!({ "behavior": "allow", "downloadPath": browser.downloads.path() });
                // Private windows are none of the browser's own context.
                let of = if setting.private { "Page.setDownloadBehavior" } else { "Browser.setDownloadBehavior" };
                browser.try_cdp(of, downloads)?;
            }
            // It is given the probe with every page.
            Kind::Firefox => browser.viewport(1280, 800),
        }
        Ok(browser)
    }

    /// Runs a script in every page that is opened from now on, before its own. Chromium only.
    pub fn before_the_page(&self, script: &str) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Opens the page with a query such as `?backend=cpu`, and waits until the engine is up or has failed.
    pub fn open(&self, query: &str) {
        self.visit(&format!("{}/{query}", self.address));
        let up = || self.exists("[data-testid=backend][data-backend]") || self.state() == "error";
        self.until("the engine is up", up);
    }

    /// The page's server goes away: what is not kept in the browser is gone.
    pub fn cut_network(&self) {
        drop(self.server.take());
    }

    /// The page's server takes requests for this file of the page and never answers them, so many times.
    pub fn withhold(&self, file: &str, times: Times) {
        self.server.borrow().as_ref().expect("the network is not cut").withhold(file, times);
    }

    /// What the page's server was asked for: "GET /some/path/index.html".
    pub fn requests(&self) -> Vec<String> {
        self.server.borrow().as_ref().map(Server::requests).unwrap_or_default()
    }

    /// Requests of this browser to any machine but this one.
    pub fn strangers(&self) -> Vec<String> {
        self.strangers.asked()
    }

    /// Opens any address, and waits for no engine.
    pub fn visit(&self, address: &str) {
        self.wait(self.client.goto(address), address);
        if self.kind == Kind::Firefox {
            // Its WebDriver has no scripts that run before the page's own.
            self.eval(PROBE, vec![]);
        }
    }

    /// Of the server of the built page.
    pub fn server(&self) -> String {
        self.address.clone()
    }

    /// Waits until `holds`; `what` says so in words.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "it never came that {what}\n{}", self.situation());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A function's body run in the page; gives what it returns.
    pub fn eval(&self, script: &str, args: Vec<Value>) -> Value {
        self.wait(self.client.execute(script, args), script)
    }

    fn cdp(&self, method: &'static str, params: Value) -> Value {
        self.try_cdp(method, params).unwrap_or_else(|text| panic!("{text}"))
    }

    fn try_cdp(&self, method: &'static str, params: Value) -> Result<Value, String> {
        assert_eq!(self.kind, Kind::Chromium, "{method} is Chromium's own");
        self.attempt(self.client.issue_cmd(Cdp { method, params }), method)
    }

    fn wait<T, E: std::fmt::Display>(&self, work: impl Future<Output = Result<T, E>>, what: &str) -> T {
        self.attempt(work, what).unwrap_or_else(|text| panic!("{text}"))
    }

    fn attempt<T, E: std::fmt::Display>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        what: &str,
    ) -> Result<T, String> {
        let limited = async { tokio::time::timeout(PATIENCE, work).await };
        match self.runtime.block_on(limited) {
            Ok(result) => result.map_err(|e| format!("{what}: {e}")),
            Err(_) => Err(format!("{what}: the browser does not answer")),
        }
    }

    /// The page's state, by its `status`; empty before it is there.
    pub fn state(&self) -> String {
        let state = self.eval("return document.querySelector('[data-testid=status]')?.dataset.state ?? ''", vec![]);
        state.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until what the last action began has ended, and gives the state it ended in.
    pub fn settled(&self) -> String {
        let script = "const p = window.__probe; return p.states.length > p.mark ? p.states.at(-1).state : ''";
        let mut state = String::new();
        self.until("the page is done", || {
            state = self.eval(script, vec![]).as_str().unwrap_or_default().to_owned();
            matches!(state.as_str(), "idle" | "done" | "error")
        });
        state
    }

    /// Waits as [`Browser::settled`] and insists on the state.
    pub fn expect(&self, state: &str) {
        let settled = self.settled();
        assert!(settled == state, "expected {state}, but it ended in {settled}\n{}", self.situation());
    }

    /// What follows is awaited by [`Browser::settled`].
    fn mark(&self) {
        self.eval("window.__probe.mark = window.__probe.states.length", vec![]);
    }

    /// Everything that explains a failure.
    pub fn situation(&self) -> String {
        let script = "const text = (name) => [...document.querySelectorAll(`[data-testid=${name}]`)].map((e) => e.innerText);
            return { status: text('status'), progress: text('progress'), errors: text('error'), warnings: text('warning'),
                items: text('item'), states: window.__probe?.states?.slice(-8).map((s) => s.state) }";
        let page = self.eval(script, vec![]);
        let files = std::fs::read_dir(self.downloads.path()).into_iter().flatten().flatten();
        let files: Vec<_> = files.map(|file| file.file_name()).collect();
        format!("{page:#}\ndownloads: {files:?}\nconsole: {:#?}", self.problems())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = self.client.clone().close();
        let closed = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), close).await });
        if !matches!(closed, Ok(Ok(()))) {
            // It no longer listens.
            if let Some(process) = self.kind.main_process(self.profile.path()) {
                drop(std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status());
            }
        }
    }
}
