use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A chromedriver on a port of its own choice.
pub struct Driver {
    child: Child,
    pub address: String,
}

impl Driver {
    /// `runtime` is where the browser may keep sockets, if the person's session names no place.
    ///
    /// # Errors
    /// It ended at once: the port that it took may be another program's in one of IPv4 and IPv6.
    pub fn start(program: &Path, runtime: &Path) -> Result<Self, String> {
        let mut command = Command::new(program);
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            command.env("XDG_RUNTIME_DIR", runtime);
        }
        command.args(["--port=0", "--log-level=SEVERE"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let said = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut driver = Self { child, address: String::new() };
        let mut lines = said.lines().map_while(Result::ok);
        // "ChromeDriver was started successfully on port 41213."
        let port =
            lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        driver.address = format!("http://127.0.0.1:{}", port.ok_or("chromedriver ended without naming its port")?);
        // Read on, so that it never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
