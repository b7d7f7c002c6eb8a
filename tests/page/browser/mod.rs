//! A headless Chromium with the built page in it, for tests that do what a person does.
//!
//! Every call blocks. What goes wrong panics with the page's status, errors and console in the text.

mod cdp;
mod driver;
mod input;
mod memory;
mod output;
mod strangers;
mod temp;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use xtask::serve::Server;
pub use xtask::serve::Times;

use cdp::Cdp;
use driver::Driver;
pub use memory::Watch;
pub use output::Traffic;
use strangers::Strangers;
pub use temp::TempDir;

/// Long enough for a software GPU on two busy cores; reached only when something hangs.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Whether the browser has a WebGPU adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    Software,
    Absent,
}

/// Where the page is served: a static host may put it anywhere.
pub const PLACE: &str = "/some/path/";

/// One browser with a fresh profile, one driver and one server of `dist/`. All end when it is dropped.
pub struct Browser {
    runtime: tokio::runtime::Runtime,
    client: Client,
    downloads: TempDir,
    profile: TempDir,
    /// None once the network is cut.
    server: RefCell<Option<Server>>,
    address: String,
    strangers: Strangers,
    _driver: Driver,
}

impl Browser {
    pub fn start() -> Self {
        Self::start_with(Gpu::Software)
    }

    pub fn start_with(gpu: Gpu) -> Self {
        let dist = xtask::build::dist();
        assert!(dist.join("index.html").is_file(), "{} holds no page: run cargo xtask build", dist.display());
        Self::serving(PLACE, dist, gpu)
    }

    /// With the page at another place.
    pub fn start_at(place: &str) -> Self {
        Self::serving(place, xtask::build::dist(), Gpu::Software)
    }

    /// A browser that does not come up is no fault of the page: there are three tries, and each that fails is said.
    fn serving(place: &str, folder: PathBuf, gpu: Gpu) -> Self {
        let programs = xtask::browser::Browser::find().unwrap_or_else(|text| panic!("{text}"));
        let begin = || Self::begin(&programs, place, folder.clone(), gpu);
        let again = |text: String| {
            println!("no browser: {text}");
            begin()
        };
        begin().or_else(again).or_else(again).unwrap_or_else(|text| panic!("no browser: {text}"))
    }

    fn begin(programs: &xtask::browser::Browser, place: &str, folder: PathBuf, gpu: Gpu) -> Result<Self, String> {
        let server = Server::under(place, folder, 0).map_err(|e| format!("no free port on 127.0.0.1: {e}"))?;
        let profile = TempDir::new("profile");
        let driver = Driver::start(&programs.driver, profile.path())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let strangers = Strangers::watch();
        let capabilities = capabilities(&programs.chrome, profile.path(), gpu, strangers.port());
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        let connecting = builder.capabilities(capabilities).connect(&driver.address);
        let client = runtime.block_on(connecting).map_err(|e| format!("no session with Chromium: {e}"))?;
        let downloads = TempDir::new("downloads");
        let (address, server) = (server.address(), RefCell::new(Some(server)));
        let browser = Self { runtime, client, downloads, profile, server, address, strangers, _driver: driver };
        let probe = json!({ "source": include_str!("probe.js") });
        browser.try_cdp("Page.addScriptToEvaluateOnNewDocument", probe)?;
        let folder = browser.downloads.path();
        let downloads = json!({ "behavior": "allow", "downloadPath": folder });
        browser.try_cdp("Browser.setDownloadBehavior", downloads)?;
        Ok(browser)
    }

    /// Runs a script in every page that is opened from now on, before its own.
    pub fn before_the_page(&self, script: &str) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Opens the page with a query such as `?backend=cpu`, and waits until the engine is up or has failed.
    pub fn open(&self, query: &str) {
        let address = format!("{}/{query}", self.address);
        self.wait(self.client.goto(&address), &address);
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
        format!("{page:#}\nconsole: {:#?}", self.problems())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = self.client.clone().close();
        let closed = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), close).await });
        if !matches!(closed, Ok(Ok(()))) {
            kill_by_profile(self.profile.path());
        }
    }
}

/// Chromium that no longer listens: its profile's lock names the process (`host-pid`, on Linux and macOS).
fn kill_by_profile(profile: &Path) {
    let lock = std::fs::read_link(profile.join("SingletonLock"));
    if let Some((_, pid)) = lock.ok().as_deref().and_then(Path::to_str).and_then(|name| name.rsplit_once('-')) {
        drop(std::process::Command::new("kill").args(["-KILL", pid]).status());
    }
}

fn capabilities(chrome: &Path, profile: &Path, gpu: Gpu, proxy: u16) -> fantoccini::wd::Capabilities {
    let mut args: Vec<String> = xtask::browser::FLAGS.map(str::to_owned).into();
    args.push(format!("--user-data-dir={}", profile.display()));
    // Everything that any console is told, the engine worker's too.
    args.push("--enable-logging".to_owned());
    args.push(format!("--log-file={}", profile.join(output::CONSOLE).display()));
    // Servers on this machine are asked directly.
    args.push(format!("--proxy-server=http://127.0.0.1:{proxy}"));
    args.push("--window-size=1280,800".to_owned());
    if gpu == Gpu::Absent {
        args.retain(|flag| !flag.contains("webgpu") && !flag.contains("swiftshader"));
        args.push("--disable-gpu".to_owned());
    }
    let options = json!({ "binary": chrome, "args": args });
    [("goog:chromeOptions".to_owned(), options)].into_iter().collect()
}
