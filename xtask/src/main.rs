//! `cargo xtask serve | build | check | test | bench | loads | fuzz | lines`. README.md and CONTRIBUTING.md have the commands.

#![allow(clippy::expect_used, clippy::panic, clippy::missing_errors_doc, reason = "its user is at the command line")]

use std::process::ExitCode;
use std::time::Duration;

use xtask::bench::{self, Wish};
use xtask::build::Kind;
use xtask::{build, finish, fuzz, lines, loads, proc, serve, steps};

const USAGE: &str = "\
cargo xtask serve [OPTIONS]            builds the page for a look at it and serves it at http://127.0.0.1:8080
    --port N                           another port
    --watch                            builds it anew whenever a file changes
    --release                          builds it as `build` does
cargo xtask build                      builds the static page into dist/, as small and fast as it gets
cargo xtask check                      formatting, clippy, and the tests that need neither browser nor GPU
cargo xtask bench [OPTIONS]            builds the page, runs the benchmarks and writes their table:
    --only PARTS                       of page,peers,projection,kernels; the others keep their last figures
    --rounds N                         instead of 5, whose medians the figures are
    --keep-page                        takes the page as it lies in dist/
    --write-docs                       puts the table into docs/benchmarks.md
cargo xtask test [--only STEPS]        runs everything; STEPS is a list such as fmt,clippy,native,kernels,page,firefox
cargo xtask loads [OPTIONS]            loads the page in dist/ in many fresh Firefox processes and counts what hangs:
    --count N                          instead of 20
    --webgpu                           with WebGPU switched on
    --no-watchdog                      without the page's own way out
cargo xtask fuzz [SECONDS]             fuzzes the readers of files, each for so long (600), with a nightly Rust
cargo xtask lines                      counts each member's lines of code, without blanks, comments and tests

What is missing is installed: the wasm32 target, Trunk and wasm-bindgen (into a cache folder of yours) and, on
Debian and Ubuntu as root, the browser and the software GPU that the tests need.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("\n{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> proc::Result<()> {
    let Some((command, options)) = args.split_first() else {
        println!("{USAGE}");
        return Ok(());
    };
    match *command {
        "lines" => {
            Options::parse(options, &[])?;
            lines::run()
        }
        "build" => {
            Options::parse(options, &[])?;
            build::page(Kind::Release)?;
            println!("The page is in {}", build::dist().display());
            Ok(())
        }
        "serve" => {
            let options = Options::parse(options, &["--release", "--watch", "--port"])?;
            let kind = if options.release { Kind::Release } else { Kind::Quick };
            build::page(kind)?;
            let server = serve::Server::start(build::dist(), options.port).map_err(|e| {
                format!("Port {} cannot be had ({e}). Give another one: cargo xtask serve --port N", options.port)
            })?;
            println!("Lorascope is at {} (Ctrl+C ends it)", server.address());
            if options.watch {
                return build::watch(kind);
            }
            loop {
                std::thread::park();
            }
        }
        "bench" => {
            let options = Options::parse(options, &["--only", "--rounds", "--keep-page", "--write-docs"])?;
            let Options { only, rounds, keep_page, write_docs, .. } = options;
            bench::run(&Wish { only, keep_page, write_docs, rounds })
        }
        "loads" => {
            let options = Options::parse(options, &["--count", "--webgpu", "--no-watchdog"])?;
            let Options { count, webgpu, no_watchdog, .. } = options;
            loads::run(loads::Wish { count, webgpu, no_watchdog, patience: Duration::from_secs(60) })
        }
        // Not for people: Trunk ends every build with it.
        "finish" => finish::run(),
        "check" => Options::parse(options, &[]).and_then(|_| steps::check()),
        "test" => steps::test(&Options::parse(options, &["--only"])?.only),
        "fuzz" => match options {
            [] => fuzz::run(600),
            [seconds] => {
                fuzz::run(seconds.parse().map_err(|_| format!("`{seconds}` is no number of seconds.\n\n{USAGE}"))?)
            }
            [_, other, ..] => Err(format!("The option `{other}` is unknown here.\n\n{USAGE}")),
        },
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(format!("There is no command `{other}`.\n\n{USAGE}")),
    }
}

#[derive(Default)]
struct Options {
    release: bool,
    watch: bool,
    port: u16,
    only: Vec<String>,
    rounds: Option<usize>,
    keep_page: bool,
    write_docs: bool,
    count: usize,
    webgpu: bool,
    no_watchdog: bool,
}

impl Options {
    fn parse(args: &[&str], allowed: &[&str]) -> proc::Result<Self> {
        let mut options = Self { port: 8080, count: 20, ..Self::default() };
        let mut rest = args.iter();
        while let Some(&arg) = rest.next() {
            let (name, inline) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
            if !allowed.contains(&name) {
                return Err(format!("The option `{arg}` is unknown here.\n\n{USAGE}"));
            }
            let switch = match name {
                "--release" => Some(&mut options.release),
                "--watch" => Some(&mut options.watch),
                "--keep-page" => Some(&mut options.keep_page),
                "--write-docs" => Some(&mut options.write_docs),
                "--webgpu" => Some(&mut options.webgpu),
                "--no-watchdog" => Some(&mut options.no_watchdog),
                _ => None,
            };
            if let Some(switch) = switch {
                *switch = true;
                continue;
            }
            let value = inline.or_else(|| rest.next().copied()).ok_or(format!("`{name}` wants a value."))?;
            match name {
                "--port" => options.port = value.parse().map_err(|_| format!("`{value}` is no port number."))?,
                "--rounds" => options.rounds = Some(count(value)?),
                "--count" => options.count = count(value)?,
                _ => options.only = value.split(',').map(str::to_owned).collect(),
            }
        }
        Ok(options)
    }
}

/// How often something is to be done.
fn count(value: &str) -> proc::Result<usize> {
    value.parse().ok().filter(|count| *count > 0).ok_or(format!("`{value}` is no number of times."))
}
