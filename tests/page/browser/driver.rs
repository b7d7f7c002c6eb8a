use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A chromedriver on a port of its own choice.
pub struct Driver {
    child: Child,
    pub address: String,
}

impl Driver {
    pub fn start(program: &std::path::Path) -> Self {
        let mut command = Command::new(program);
        command.args(["--port=0", "--log-level=SEVERE"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
        let said = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut lines = said.lines().map_while(Result::ok);
        // "ChromeDriver was started successfully on port 41213."
        let port =
            lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        let port = port.expect("chromedriver ended without naming its port");
        // Read on, so that it never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
