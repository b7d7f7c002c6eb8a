use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::Kind;

/// A chromedriver or geckodriver on a port of its own choice.
pub struct Driver {
    child: Child,
    pub address: String,
    said: Arc<Mutex<Vec<String>>>,
}

impl Driver {
    /// `runtime` is where the browser may keep sockets, if the person's session names no place.
    ///
    /// # Errors
    /// It ended at once: the port that it took may be another program's in one of IPv4 and IPv6.
    pub fn start(kind: Kind, program: &Path, runtime: &Path) -> Result<Self, String> {
        let mut command = Command::new(program);
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            command.env("XDG_RUNTIME_DIR", runtime);
        }
        // "ChromeDriver was started successfully on port 41213.", "1733 geckodriver INFO Listening on 127.0.0.1:41213"
        let before_the_port = match kind {
            Kind::Chromium => {
                command.args(["--port=0", "--log-level=SEVERE"]);
                "successfully on port "
            }
            Kind::Firefox => {
                command.args(["--port=0", "--websocket-port=0"]).stderr(Stdio::piped());
                "Listening on 127.0.0.1:"
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let said = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let errors = child.stderr.take();
        let mut driver = Self { child, address: String::new(), said: Arc::default() };
        let mut lines = said.lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| Some(line.split_once(before_the_port)?.1.trim_end_matches('.').to_owned()))
            .ok_or_else(|| format!("{} ended without naming its port", program.display()))?;
        driver.address = format!("http://127.0.0.1:{port}");
        // Read on, so that it never blocks on a full pipe.
        driver.listen(lines);
        if let Some(errors) = errors {
            driver.listen(lines_of(errors));
        }
        Ok(driver)
    }

    fn listen(&self, lines: impl Iterator<Item = String> + Send + 'static) {
        let said = Arc::clone(&self.said);
        std::thread::spawn(move || {
            lines.for_each(|line| said.lock().unwrap_or_else(PoisonError::into_inner).push(line));
        });
    }

    /// What it and its browser have printed since.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn lines_of(stream: impl Read) -> impl Iterator<Item = String> {
    // A browser's own lines need not be Unicode.
    BufReader::new(stream).split(b'\n').map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned())
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
