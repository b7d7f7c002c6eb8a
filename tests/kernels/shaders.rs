//! Every shader as the device gets it: naga accepts it, and its structs are the ones that Rust uploads.
//! (Browsers are stricter: the cases beside this file compile and run the same sources in Chromium.)

use std::collections::BTreeSet;
use std::mem::{offset_of, size_of};

use lorascope_kernels::gpu::KERNELS;
use lorascope_kernels::{SLAB, TILE, TallView};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{Module, TypeInner};

fn parse(name: &str, wgsl: &str) -> Module {
    let module = naga::front::wgsl::parse_str(wgsl).unwrap_or_else(|e| panic!("{}", e.emit_to_string(wgsl)));
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    module
}

/// What kernels begin with.
const PRELUDES: [&str; 2] = ["tall.wgsl", "update.wgsl"];

/// The preludes and the kernels are all the files there are, and each is valid without any extension.
#[test]
fn every_shader_is_a_kernel_and_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !PRELUDES.contains(&name.as_str()))
        .collect();
    let kernels: BTreeSet<String> = KERNELS.iter().map(|kernel| format!("{}.wgsl", kernel.name)).collect();
    assert!(!files.is_empty());
    assert_eq!(files, kernels);
    for kernel in KERNELS {
        let module = parse(kernel.name, kernel.wgsl);
        assert_eq!(module.entry_points.len(), 1);
        assert_eq!(module.entry_points[0].name, kernel.name);
        assert!(module.entry_points[0].workgroup_size.iter().product::<u32>() <= 256, "{}", kernel.name);
        let workgroup: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
            .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
            .sum();
        assert!(workgroup <= 16 << 10, "{} takes {workgroup} bytes of workgroup memory", kernel.name);
    }
}

/// `View` in WGSL and `TallView` in Rust: the same fields at the same offsets.
#[test]
fn the_view_struct_is_the_same_on_both_sides() {
    let rust = [
        ("offset", offset_of!(TallView, offset)),
        ("rows", offset_of!(TallView, rows)),
        ("cols", offset_of!(TallView, cols)),
        ("row_stride", offset_of!(TallView, row_stride)),
        ("col_stride", offset_of!(TallView, col_stride)),
        ("dtype", offset_of!(TallView, dtype)),
        ("coefficients", offset_of!(TallView, coefficients)),
        ("out", offset_of!(TallView, out)),
        ("out_rows", offset_of!(TallView, out_rows)),
        ("out_cols", offset_of!(TallView, out_cols)),
    ];
    for kernel in KERNELS {
        let module = parse(kernel.name, kernel.wgsl);
        let (_, view) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("View")).expect("a struct View");
        let TypeInner::Struct { members, span } = &view.inner else { panic!("View is no struct") };
        let wgsl: Vec<(&str, usize)> =
            members.iter().map(|m| (m.name.as_deref().unwrap_or_default(), m.offset as usize)).collect();
        assert_eq!(wgsl, rust, "{}", kernel.name);
        assert_eq!(*span as usize, size_of::<TallView>());
    }
}

#[test]
fn the_constants_are_the_same_on_both_sides() {
    for kernel in KERNELS {
        for (name, value) in [("TILE", TILE), ("SLAB", SLAB)] {
            assert!(kernel.wgsl.contains(&format!("const {name} = {value}u;")), "{} of {}", name, kernel.name);
        }
    }
}
