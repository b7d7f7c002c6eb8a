//! How much memory the browser takes: the sum of its processes' proportional set sizes, as Linux counts them.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::Browser;

/// Watches the memory until it is asked for the peak.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Browser {
    /// Bytes that the browser takes now; `None` where the system does not say.
    pub fn memory(&self) -> Option<u64> {
        proportional_set_size(self.kind.main_process(self.profile.path())?)
    }

    /// Lets the page throw away what nobody holds any more.
    pub fn collect_garbage(&self) {
        self.cdp("HeapProfiler.collectGarbage", json!({}));
    }

    /// Begins to watch for the peak.
    pub fn watch_memory(&self) -> Option<Watch> {
        let main = self.kind.main_process(self.profile.path())?;
        proportional_set_size(main)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(proportional_set_size(main).unwrap_or(0));
                std::thread::sleep(Duration::from_millis(100));
            }
            peak
        });
        Some(Watch { stop, thread })
    }
}

impl Watch {
    pub fn peak(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watch ends")
    }
}

/// Of a process and all that descend from it.
fn proportional_set_size(main: u32) -> Option<u64> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // `pid (name) state parent …`; the name may hold anything.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut open = vec![main];
    let mut sum = 0;
    while let Some(process) = open.pop() {
        open.extend(children.get(&process).into_iter().flatten());
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let kilobytes = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
        sum += kilobytes.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0) * 1024;
    }
    (sum > 0).then_some(sum)
}
