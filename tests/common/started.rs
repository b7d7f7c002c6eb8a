//! The one session of tests: dropped files go in, messages come out.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::cell::RefCell;
use std::rc::Rc;

use lorascope_engine::session::Session;
use lorascope_format::bytes::MemorySource;
use lorascope_kernels::gpu::Mishaps;
use lorascope_kernels::{Pulse, Steady};
use lorascope_protocol::{BackendChoice, Outcome, Problem, ToPage};
use pollster::block_on;

/// What a session has told the page.
pub type Messages = Rc<RefCell<Vec<ToPage>>>;

/// What a test runs on: both backends, or the CPU's alone where `LORASCOPE_BACKENDS=cpu` says so. `cargo xtask check`
/// does, and leaves out what has `gpu` in its name.
pub fn backends() -> Vec<BackendChoice> {
    match std::env::var("LORASCOPE_BACKENDS").as_deref() {
        Ok("cpu") => vec![BackendChoice::Cpu],
        Ok(other) => panic!("LORASCOPE_BACKENDS is {other:?}; it can be \"cpu\""),
        Err(_) => vec![BackendChoice::Cpu, BackendChoice::WebGpu],
    }
}

pub fn start<P: Pulse + Clone>(
    choice: BackendChoice,
    pulse: P,
) -> (Session<MemorySource, P, impl Fn(ToPage)>, Messages) {
    start_with(choice, pulse, Rc::default())
}

/// On the CPU.
pub fn start_plain() -> (Session<MemorySource, Steady, impl Fn(ToPage)>, Messages) {
    start(BackendChoice::Cpu, Steady)
}

/// With what goes wrong with its GPU.
pub fn start_with<P: Pulse + Clone>(
    choice: BackendChoice,
    pulse: P,
    mishaps: Rc<Mishaps>,
) -> (Session<MemorySource, P, impl Fn(ToPage)>, Messages) {
    let messages = Messages::default();
    let sink = Rc::clone(&messages);
    let emit = move |message| sink.borrow_mut().push(message);
    let session = block_on(Session::start_with(choice, "unnamed".to_owned(), pulse, emit, mishaps));
    (session.unwrap_or_else(|why| panic!("{why}")), messages)
}

/// How the last work ended, and what was wrong.
pub fn verdict(messages: &Messages) -> (Outcome, Vec<Problem>) {
    match messages.borrow().last() {
        Some(ToPage::Finished { outcome, problems, .. }) => (*outcome, problems.clone()),
        other => panic!("the last message is {other:?}"),
    }
}
