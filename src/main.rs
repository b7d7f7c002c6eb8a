//! The command line. So far it only says where the page is.

fn main() {
    println!("Lorascope is a web page: `cargo xtask serve` builds it and serves it at http://127.0.0.1:8080.");
}
