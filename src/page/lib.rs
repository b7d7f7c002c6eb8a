//! What a person sees. [`model`] derives everything that is shown in plain structs, tested natively; the rest are
//! Leptos components that place it on the page and exist for wasm32 only.

// What only a browser shows would be dead code elsewhere.
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, unused_imports, reason = "natively there are only the models, for their tests")
)]

mod model;

/// Under this name rustfmt finds the modules inside.
macro_rules! cfg_if {
    (if #[$condition:meta] { $($item:item)* }) => { $(#[$condition] $item)* };
}

cfg_if! {
    if #[cfg(target_arch = "wasm32")] {
        mod alignment;
        mod app;
        mod batches;
        mod browser;
        mod canvas;
        mod comparison;
        mod definitions;
        mod dialog;
        mod domains;
        mod drop;
        mod export;
        mod extraction;
        mod fields;
        mod first;
        mod found;
        mod header;
        mod heatmap;
        mod identity;
        mod items;
        mod keys;
        mod left_out;
        mod metadata;
        mod pickers;
        mod picture;
        mod place;
        mod problems;
        mod projection;
        mod remote;
        mod result;
        mod sample;
        mod share;
        mod sheet;
        mod spectrum;
        mod status;
        mod store;
        mod table;
        mod tabs;
        mod theme;
        mod values;
        mod wire;

        pub use app::mount;
    }
}
