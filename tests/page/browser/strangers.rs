//! A proxy that answers nothing and remembers who was asked for: whatever a browser wants of another machine comes
//! here, pages, workers and the browser's own errands alike.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

pub struct Strangers {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Strangers {
    /// Listens for the rest of the process.
    pub fn watch() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
        let port = listener.local_addr().expect("its own address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                if BufReader::new(&stream).read_line(&mut line).is_ok() {
                    log.lock().expect("no holder panics").push(line.trim().to_owned());
                }
                // Whether the browser still listens does not matter.
                drop(stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n"));
            }
        });
        Self { port, asked }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// First lines of all requests but the browser's own: "CONNECT example.com:443 HTTP/1.1".
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no holder panics");
        asked.iter().filter(|line| !is_errand(line)).cloned().collect()
    }
}

/// What a browser asks by itself, whatever its settings say: the time, updates, its account, its search engine, and
/// empty connections made in advance.
fn is_errand(line: &str) -> bool {
    const HOSTS: [&str; 7] = [
        ".google.com",
        ".googleapis.com",
        ".gstatic.com",
        "duckduckgo.com",
        ".mozilla.org",
        ".mozilla.com",
        ".firefox.com",
    ];
    let target = line.split(' ').nth(1).unwrap_or_default();
    let target = target.strip_prefix("http://").unwrap_or(target);
    let host = target.split(['/', ':']).next().unwrap_or_default();
    line.is_empty() || HOSTS.iter().any(|known| host.ends_with(known))
}
