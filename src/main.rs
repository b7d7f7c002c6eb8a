//! The page: mounts the Leptos application. The heavy work is `bin/engine.rs`, a Web Worker.

#[cfg(target_arch = "wasm32")]
fn main() {
    lorascope::view::app::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    println!("Lorascope is a web page: `cargo xtask serve` builds it and serves it at http://127.0.0.1:8080.");
}
