//! What the fuzz targets share: an allocator that counts, so that a reader cannot take far more memory than its input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many times its size a safetensors header may take of memory. A text of control characters in place of a shape
/// comes nearest: the parser's message quotes it, six characters for one.
pub const HEADER_TIMES: usize = 16;
/// The same of a GGUF header. Many tensors without data come nearest.
pub const GGUF_TIMES: usize = 16;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn add(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }

    /// Counted as if both were held for a moment, as they are where the memory moves.
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are allocated now.
pub fn live() -> usize {
    LIVE.load(Relaxed)
}

/// Runs `work` and holds its peak of memory to `times` the `input` bytes and 64 KiB.
///
/// # Panics
/// Where it took more.
pub fn bounded<T>(input: usize, times: usize, work: impl FnOnce() -> T) -> T {
    const EXTRA: usize = 64 << 10;
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    let taken = PEAK.load(Relaxed).saturating_sub(before);
    assert!(taken <= times * input + EXTRA, "{taken} bytes of memory for an input of {input} bytes");
    result
}
