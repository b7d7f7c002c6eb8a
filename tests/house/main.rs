//! What holds the workspace's structure: which member may know which, and that the modules of a member have an order.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use xtask::proc;

const MEMBERS: [&str; 5] = ["format", "kernels", "protocol", "engine", "page"];

/// The packages that a member is made of, tests and build tools aside, on any target.
fn packages(member: &str) -> BTreeSet<String> {
    let package = format!("lorascope-{member}");
    let mut cargo = proc::cargo();
    cargo.args(["tree", "--locked", "--target", "all", "--edges", "normal", "--prefix", "none", "--package", &package]);
    let output = cargo.output().expect("Cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let names: BTreeSet<String> =
        lines.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    assert!(names.contains(&package), "{names:?}");
    names
}

fn ours(packages: &BTreeSet<String>) -> Vec<&str> {
    packages.iter().filter_map(|name| name.strip_prefix("lorascope-")).collect()
}

#[test]
fn the_members_know_each_other_in_one_direction() {
    for (member, known) in [
        ("kernels", vec!["kernels"]),
        ("format", vec!["format"]),
        ("protocol", vec!["format", "protocol"]),
        ("engine", vec!["engine", "format", "kernels", "protocol"]),
        ("page", vec!["format", "page", "protocol"]),
    ] {
        assert_eq!(ours(&packages(member)), known, "{member}");
    }
}

#[test]
fn no_member_carries_what_another_needs() {
    for (member, without) in [
        ("page", &["wgpu", "nalgebra"][..]),
        ("engine", &["leptos"]),
        ("protocol", &["web-sys"]),
        ("format", &["web-sys", "wasm-bindgen"]),
    ] {
        let packages = packages(member);
        let found: Vec<_> = without.iter().filter(|name| packages.contains(**name)).collect();
        assert!(found.is_empty(), "{member} is made of {found:?}");
    }
}

/// The paths that a file names, each from the crate's root: `crate::a::b` and `super::c`, in `use` and in expressions.
struct Paths<'a> {
    /// The file's own module.
    module: &'a [String],
    found: Vec<Vec<String>>,
}

impl Paths<'_> {
    fn take(&mut self, path: &[String]) {
        let outward = path.iter().take_while(|part| *part == "super" || *part == "self").count();
        let supers = path[..outward].iter().filter(|part| *part == "super").count();
        match path.first().map(String::as_str) {
            Some("crate") => self.found.push(path[1..].to_vec()),
            Some("super" | "self") if supers <= self.module.len() => {
                self.found.push([&self.module[..self.module.len() - supers], &path[outward..]].concat());
            }
            _ => {}
        }
    }

    fn take_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.take_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.take(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.take(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.take(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.take_tree(before, item)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.take_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take(&parts);
        syn::visit::visit_path(self, path);
    }

    /// `mod tests { … }` may use what it likes.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

/// All `.rs` files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|end| end == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

/// Which of a member's modules, at the crate's root, name which.
fn modules(member: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = proc::root().join("src").join(member);
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(&folder) {
        let place = file.strip_prefix(&folder).expect("below it").with_extension("");
        let mut module: Vec<String> = place.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        module.retain(|part| part != "mod" && part != "lib");
        let is_test = module.last().is_some_and(|last| last.ends_with("tests") || last == "testing");
        // `main.rs` and `worker/` are programs of their own.
        let Some(own) = module.first().filter(|first| !is_test && *first != "main" && *first != "worker") else {
            continue;
        };
        let text = fs::read_to_string(&file).expect("UTF-8");
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut paths = Paths { module: &module, found: Vec::new() };
        paths.visit_file(&parsed);
        let others = paths.found.iter().filter_map(|path| path.first()).filter(|first| *first != own);
        named.entry(own.clone()).or_default().extend(others.cloned());
    }
    let all: BTreeSet<String> = named.keys().cloned().collect();
    named.values_mut().for_each(|others| others.retain(|other| all.contains(other)));
    named
}

/// What is left when every module that names none of the others is taken away, again and again.
fn cycles(mut named: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let done: Vec<String> =
            named.iter().filter(|(_, others)| others.is_empty()).map(|(name, _)| name.clone()).collect();
        if done.is_empty() {
            return named;
        }
        for name in done {
            named.remove(&name);
            named.values_mut().for_each(|others| {
                others.remove(&name);
            });
        }
    }
}

#[test]
fn the_modules_of_a_member_have_an_order() {
    for member in MEMBERS {
        let modules = modules(member);
        assert!(modules.len() > 4 && modules.values().any(|others| !others.is_empty()), "{member}: {modules:?}");
        let left = cycles(modules);
        assert!(
            left.is_empty(),
            "{member}: modules that know each other in a circle, or know one that does: {left:#?}"
        );
    }
}

#[test]
fn a_circle_is_found() {
    let named = |pairs: &[(&str, &str)]| {
        let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in pairs {
            named.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            named.entry((*to).to_owned()).or_default();
        }
        named
    };
    assert!(cycles(named(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    assert_eq!(cycles(named(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])).len(), 3);
}
