//! A server of adapters on another port than the page's: another origin. The first part of a path says how it behaves;
//! a later one names the fixture's folder, the last one its file.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::fixtures::fixtures;

/// What a request asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub range: Option<(u64, u64)>,
    /// In lower case.
    pub headers: Vec<String>,
}

#[derive(Default)]
struct State {
    log: Vec<Request>,
    /// Answers so far, by path.
    answers: HashMap<String, u32>,
    /// Bytes of files that were sent.
    sent: u64,
    /// What `held` waits for.
    released: bool,
    /// Answers that the browser left before they were whole.
    left: u32,
    /// Where `moved` leads.
    other: Option<String>,
}

pub struct Remote {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Remote {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("its address");
        let (state, stop) = (Arc::<Mutex<State>>::default(), Arc::new(AtomicBool::new(false)));
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A browser that goes away in the middle is what some tests are about.
                    if serve(&stream, &state).is_err() {
                        state.lock().expect("no thread panicked").left += 1;
                    }
                });
            }
        });
        Self { address, state, stop }
    }

    /// `http://127.0.0.1:port/path`
    pub fn at(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// `moved/…` leads to that server's `plain/…`.
    pub fn leads_to(&self, other: &Remote) {
        self.state.lock().expect("no thread panicked").other = Some(other.at("plain/"));
    }

    pub fn log(&self) -> Vec<Request> {
        self.state.lock().expect("no thread panicked").log.clone()
    }

    /// Bytes of files that were sent so far.
    pub fn sent(&self) -> u64 {
        self.state.lock().expect("no thread panicked").sent
    }

    /// Answers that the browser left before they were whole.
    pub fn left(&self) -> u32 {
        self.state.lock().expect("no thread panicked").left
    }

    /// `held/…` goes on with what it keeps back.
    pub fn release(&self) {
        self.state.lock().expect("no thread panicked").released = true;
    }

    pub fn forget(&self) {
        self.state.lock().expect("no thread panicked").log.clear();
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let Some(request) = read(stream)? else { return Ok(()) };
    let (answered, other) = {
        let mut state = state.lock().expect("no thread panicked");
        let count = state.answers.entry(request.path.clone()).or_default();
        *count += 1;
        let answered = *count - 1;
        state.log.push(request.clone());
        (answered, state.other.clone())
    };
    let mode = request.path.split('/').nth(1).unwrap_or_default();
    let is_weights = request.path.ends_with(".safetensors");
    let cors = if mode == "nocors" { "" } else { "Access-Control-Allow-Origin: *\r\n" };
    let exposed = match mode {
        "hidden" | "nocors" => "",
        _ => "Access-Control-Expose-Headers: Content-Range, ETag, Retry-After\r\n",
    };
    let start = format!("{cors}{exposed}Cache-Control: no-store\r\nConnection: close\r\n");
    let plainly = |mut stream: &TcpStream, status: &str, more: &str, body: &str| {
        let len = body.len();
        write!(stream, "HTTP/1.1 {status}\r\n{start}{more}Content-Length: {len}\r\n\r\n{body}")
    };
    if request.method != "GET" {
        return plainly(stream, "405 Method Not Allowed", "", "");
    }
    match (mode, other) {
        ("closed", _) => return plainly(stream, "401 Unauthorized", "", ""),
        ("html", _) => return plainly(stream, "200 OK", "Content-Type: text/html\r\n", "<!doctype html><p>Log in</p>"),
        ("busy", _) if is_weights && answered == 0 => {
            return plainly(stream, "429 Too Many Requests", "Retry-After: 1\r\n", "");
        }
        ("later", _) if is_weights && answered == 0 => return plainly(stream, "404 Not Found", "", ""),
        ("moved", Some(other)) => {
            let rest = request.path.trim_start_matches("/moved/");
            return plainly(stream, "302 Found", &format!("Location: {other}{rest}\r\n"), "");
        }
        _ => {}
    }
    let Some(file) = file(&request.path) else { return plainly(stream, "404 Not Found", "", "") };
    let len = file.len() as u64;
    let ranged = request.range.filter(|_| mode != "whole");
    let (status, body) = match ranged {
        Some((first, _)) if first >= len => {
            return plainly(stream, "416 Range Not Satisfiable", &format!("Content-Range: bytes */{len}\r\n"), "");
        }
        Some((first, last)) => {
            let last = last.min(len - 1);
            let part = &file[first as usize..=last as usize];
            (format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{len}"), part)
        }
        None => ("200 OK".to_owned(), &file[..]),
    };
    let tag = if mode == "changing" && answered == 0 { "before" } else { "now" };
    write!(stream, "HTTP/1.1 {status}\r\n{start}ETag: \"{tag}\"\r\nContent-Length: {}\r\n\r\n", body.len())?;
    let is_later = request.range.is_some_and(|(first, _)| first > 0) || mode == "whole";
    let cut = (mode == "once" && is_weights && answered == 1) || (mode == "always" && is_weights && is_later);
    let body = if cut { &body[..body.len() / 3] } else { body };
    // Slow behind the header only.
    let (chunk, pause) = if matches!(mode, "slow" | "held") && is_later { (4_000, 100) } else { (64_000, 0) };
    for (count, chunk) in body.chunks(chunk).enumerate() {
        while mode == "held" && is_later && count == 3 && !state.lock().expect("no thread panicked").released {
            std::thread::sleep(Duration::from_millis(10));
        }
        stream.write_all(chunk)?;
        stream.flush()?;
        state.lock().expect("no thread panicked").sent += chunk.len() as u64;
        std::thread::sleep(Duration::from_millis(pause));
    }
    Ok(())
}

fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(None) };
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method: method.to_owned(), path: target.to_owned(), range: None, headers: Vec::new() };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        let name = name.to_lowercase();
        if name == "range" {
            let span = value.trim().strip_prefix("bytes=").and_then(|span| span.split_once('-'));
            request.range = span.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        }
        request.headers.push(name);
    }
    Ok(Some(request))
}

fn file(path: &str) -> Option<Vec<u8>> {
    let mut parts: Vec<&str> = path.split('?').next()?.split('/').skip(1).collect();
    let name = parts.pop()?;
    // Its list of files has only what a repository's folder holds.
    if parts.first() == Some(&"api") {
        let list = r#"[{"type":"file","path":"README.md"},{"type":"file","path":"deep/adapter_model.safetensors"}]"#;
        return Some(list.as_bytes().to_vec());
    }
    // Of such a repository the usual file is not there.
    if parts.contains(&"listed") && !parts.contains(&"deep") {
        return None;
    }
    let folder = parts.iter().map(|part| fixtures().join(part)).find(|folder| folder.is_dir());
    std::fs::read(folder.unwrap_or_else(|| fixtures().join("peft-lora")).join(name)).ok()
}
