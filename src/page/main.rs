//! The page: mounts the Leptos application. The heavy work is the engine's, a Web Worker.

#[cfg(target_arch = "wasm32")]
fn main() {
    lorascope_page::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    println!("Lorascope is a web page: `cargo xtask serve` builds it and serves it at http://127.0.0.1:8080.");
}
