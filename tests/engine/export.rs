//! What is written: headers, layouts, bytes, configurations and zips, read back by independent readers.

mod config;
mod header;
mod layout;
mod new;
mod zip;
