//! A static file server for one machine: this page, on 127.0.0.1, never cached.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;

pub use withheld::Times;
use withheld::Withheld;

mod withheld;

/// Serves a folder until it is dropped.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    site: Arc<Site>,
}

impl Server {
    /// Serves the files under `folder` from the root; port 0 takes a free one.
    pub fn start(folder: PathBuf, port: u16) -> io::Result<Self> {
        Self::under("/", folder, port)
    }

    /// Serves the files under `folder` at a path that begins and ends with `/`, and nothing beside it.
    pub fn under(place: &str, folder: PathBuf, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let site =
            Arc::new(Site { folder, place: place.to_owned(), log: Mutex::default(), withheld: Withheld::default() });
        let served = site.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let site = served.clone();
                // A browser that goes away in the middle of a file is no concern of the server's.
                std::thread::spawn(move || drop(answer(&stream, &site)));
            }
        });
        Ok(Self { address, stop, site })
    }

    /// Where the folder is, without a `/` at the end.
    pub fn address(&self) -> String {
        format!("http://{}{}", self.address, self.site.place.trim_end_matches('/'))
    }

    /// Every request so far: "GET /index.html".
    pub fn requests(&self) -> Vec<String> {
        self.site.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on a request for `file`, a path in the folder, is accepted and never answered, so many times.
    pub fn withhold(&self, file: &str, times: Times) {
        self.site.withheld.add(file, times);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

/// What is served, where, and who asked.
struct Site {
    folder: PathBuf,
    place: String,
    log: Mutex<Vec<String>>,
    withheld: Withheld,
}

fn answer(mut stream: &TcpStream, site: &Site) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    site.log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {target}"));
    let inside = target.strip_prefix(&site.place);
    if inside.and_then(path).is_some_and(|path| site.withheld.takes(&path)) {
        // Until the browser gives up.
        stream.set_read_timeout(None)?;
        return io::copy(&mut reader, &mut io::sink()).map(drop);
    }
    let (status, kind, body) = if !matches!(method, "GET" | "HEAD") {
        ("405 Method Not Allowed", "text/plain", b"Only GET and HEAD.".to_vec())
    } else {
        match inside
            .and_then(|inside| file(&site.folder, inside))
            .and_then(|file| Some((mime(&file), std::fs::read(&file).ok()?)))
        {
            Some((kind, body)) => ("200 OK", kind, body),
            None => ("404 Not Found", "text/plain", b"Not found.".to_vec()),
        }
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len())?;
    // As hosts of static pages do: pages of other origins may embed the engine.
    stream.write_all(b"Access-Control-Allow-Origin: *\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n")?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}

/// A request's target without its query, in clear.
fn path(target: &str) -> Option<String> {
    let path = percent_decode_str(target.split(['?', '#']).next()?).decode_utf8().ok()?;
    Some(path.trim_start_matches('/').to_owned())
}

/// The file that a request's target names: never one outside `folder`.
fn file(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = path(target)?;
    let relative = Path::new(&path);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let found = folder.join(relative);
    Some(if found.is_dir() { found.join("index.html") } else { found })
}

fn mime(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn fetch(server: &Server, target: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn serves_the_folder_and_nothing_above_it() {
        let server = Server::start(crate::proc::root().join("xtask"), 0).unwrap();
        let good = fetch(&server, "/src/%73erve.rs?x=1");
        assert!(good.starts_with("HTTP/1.1 200 OK\r\n") && good.contains("no-store"), "{good}");
        for target in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/absent", "/%zz", "//etc/passwd/../../etc/passwd"] {
            assert!(fetch(&server, target).starts_with("HTTP/1.1 404"), "{target}");
        }
    }

    #[test]
    fn a_folder_at_a_path_is_nowhere_else() {
        let server = Server::under("/some/path/", crate::proc::root().join("xtask"), 0).unwrap();
        assert!(server.address().ends_with("/some/path"));
        assert!(fetch(&server, "/some/path/src/serve.rs").starts_with("HTTP/1.1 200"));
        for target in ["/src/serve.rs", "/some/src/serve.rs", "/some/path/../../src/serve.rs", "/some/pathsrc/serve.rs"]
        {
            assert!(fetch(&server, target).starts_with("HTTP/1.1 404"), "{target}");
        }
        assert_eq!(server.requests()[0], "GET /some/path/src/serve.rs");
        assert_eq!(server.requests().len(), 5);
    }

    #[test]
    fn a_withheld_file_is_asked_for_in_vain_so_many_times() {
        let server = Server::under("/some/path/", crate::proc::root().join("xtask"), 0).unwrap();
        server.withhold("src/serve.rs", Times::First(1));
        server.withhold("src/lib.rs", Times::Always);
        let in_vain = |target: &str| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let kind = stream.read(&mut [0]).unwrap_err().kind();
            assert!(matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{target}: {kind}");
        };
        in_vain("/some/path/src/serve.rs?build");
        assert!(fetch(&server, "/some/path/src/serve.rs?build").starts_with("HTTP/1.1 200"));
        in_vain("/some/path/src/lib.rs");
        in_vain("/some/path/src/%6cib.rs");
        assert!(fetch(&server, "/some/path/src/main.rs").starts_with("HTTP/1.1 200"));
        assert_eq!(server.requests().len(), 5);
    }

    #[test]
    fn wasm_and_modules_have_the_types_that_browsers_insist_on() {
        assert_eq!(mime(Path::new("a_bg.wasm")), "application/wasm");
        assert!(mime(Path::new("a.js")).starts_with("text/javascript"));
    }
}
