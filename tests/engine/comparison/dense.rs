//! The figures of a comparison by their definitions, from whole matrices in f64.

use std::collections::BTreeMap;

use lorascope_protocol::BackendChoice;
use lorascope_protocol::report::{ComparedModule, PairFigures, PairReport};
use nalgebra::DMatrix;
use safetensors::SafeTensors;

use crate::common::{fixtures, json};

/// ΔW of every module, scale included, by its name.
pub type Updates = BTreeMap<String, DMatrix<f64>>;

/// A tensor of a safetensors file in F32: its first dimension by all others.
pub fn matrix(file: &SafeTensors<'_>, name: &str) -> DMatrix<f64> {
    let tensor = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(tensor.dtype(), safetensors::Dtype::F32, "{name}");
    let numbers = tensor.data().as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b)));
    let rows = tensor.shape()[0];
    DMatrix::from_row_iterator(rows, tensor.data().len() / 4 / rows, numbers)
}

/// Every update of a PEFT fixture, with the scales that PEFT itself applies.
pub fn peft(folder: &str, expected: &str) -> Updates {
    let bytes = std::fs::read(fixtures().join(folder).join("adapter_model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let expected = json(&format!("expected/{expected}.json"));
    let modules = expected["modules"].as_object().unwrap();
    modules
        .iter()
        .map(|(name, module)| {
            let of = |factor: &str| matrix(&file, &format!("base_model.model.{name}.{factor}.weight"));
            (name.clone(), of("lora_B") * of("lora_A") * module["scaling"].as_f64().unwrap())
        })
        .collect()
}

/// Singular vectors of the σ above 2e-6·σ₁, by the symmetric eigenvectors of [[0, M], [Mᵀ, 0]], which nalgebra gets
/// right where its own SVD does not.
pub fn directions(matrix: &DMatrix<f64>) -> [DMatrix<f64>; 2] {
    let (m, n) = matrix.shape();
    let unit = matrix.amax();
    if unit == 0.0 {
        return [DMatrix::zeros(m, 0), DMatrix::zeros(n, 0)];
    }
    let mut both = DMatrix::zeros(m + n, m + n);
    both.view_mut((0, m), (m, n)).copy_from(&(matrix / unit));
    both.view_mut((m, 0), (n, m)).copy_from(&(matrix.transpose() / unit));
    let eigen = both.symmetric_eigen();
    let mut order: Vec<usize> = (0..m + n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let largest = eigen.eigenvalues[order[0]];
    order.retain(|&k| eigen.eigenvalues[k] > 2e-6 * largest);
    let side = |first: usize, rows: usize| {
        DMatrix::from_fn(rows, order.len(), |i, j| eigen.eigenvectors[(first + i, order[j])] * 2f64.sqrt())
    };
    [side(0, m), side(m, n)]
}

/// The same of B·A, by way of both factors' QR: the matrix between them is small.
pub fn directions_of_product(left: &DMatrix<f64>, right: &DMatrix<f64>) -> [DMatrix<f64>; 2] {
    let (left, right) = (left.clone().qr(), right.transpose().qr());
    let [u, v] = directions(&(left.r() * right.r().transpose()));
    [left.q() * u, right.q() * v]
}

/// φ(i, j), by its definition.
pub fn phi(a: &DMatrix<f64>, b: &DMatrix<f64>, i: usize, j: usize) -> f64 {
    a.columns(0, i).tr_mul(&b.columns(0, j)).norm_squared() / i.min(j) as f64
}

pub fn cosine(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let norms = a.norm() * b.norm();
    if norms == 0.0 { 0.0 } else { a.dot(b) / norms }
}

/// (‖A + B‖² − ‖A‖² − ‖B‖²) / (‖A‖² + ‖B‖²)
pub fn interference(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let squares = a.norm_squared() + b.norm_squared();
    if squares == 0.0 { 0.0 } else { ((a + b).norm_squared() - squares) / squares }
}

/// How near cosines and interference have to be: a GPU has f32.
pub fn bound(choice: BackendChoice) -> f64 {
    if choice == BackendChoice::Cpu { 3e-8 } else { 5e-7 }
}

pub fn near(found: f64, exact: f64, bound: f64, what: &str) {
    assert!((found - exact).abs() <= bound, "{what}: {found}, not {exact} within {bound:e}");
}

/// One module's cosine, interference and norms.
pub fn agrees(module: &ComparedModule, a: &DMatrix<f64>, b: &DMatrix<f64>, bound: f64, what: &str) {
    near(module.cosine, cosine(a, b), bound, &format!("{what}: cosine"));
    near(module.interference, interference(a, b), bound, &format!("{what}: interference"));
    for (found, exact) in module.norms.iter().zip([a.norm(), b.norm()]) {
        near(*found, exact, 1e-6 * exact, &format!("{what}: norm"));
    }
}

/// A whole pair, all of whose common modules are compared: its modules' figures too, and its own as those of two long
/// vectors. Overlaps are left to others.
pub fn agrees_as_a_whole(pair: &PairReport, a: &Updates, b: &Updates, bound: f64, what: &str) {
    let shared: Vec<&String> = a.keys().filter(|name| b.contains_key(*name)).collect();
    assert_eq!(pair.modules.len(), shared.len(), "{what}");
    for module in &pair.modules {
        agrees(module, &a[&module.name], &b[&module.name], bound, &format!("{what}, {}", module.name));
    }
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    let only = |x: &Updates, y: &Updates| x.keys().filter(|name| !y.contains_key(*name)).cloned().collect::<Vec<_>>();
    assert_eq!((sorted(&pair.only_a), sorted(&pair.only_b)), (only(a, b), only(b, a)), "{what}");
    assert_eq!(pair.not_compared, [], "{what}");

    let long = |names: &[&String], of: &Updates, other: &Updates| -> DMatrix<f64> {
        let numbers = names.iter().flat_map(|name| match (of.get(*name), other.get(*name)) {
            (Some(update), _) => update.iter().copied().collect::<Vec<f64>>(),
            (None, Some(theirs)) => vec![0.0; theirs.len()],
            (None, None) => panic!("{name}"),
        });
        let numbers: Vec<f64> = numbers.collect();
        DMatrix::from_column_slice(numbers.len(), 1, &numbers)
    };
    let all: Vec<&String> = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))).collect();
    let (whole_a, whole_b) = (long(&all, a, b), long(&all, b, a));
    let (shared_a, shared_b) = (long(&shared, a, b), long(&shared, b, a));
    let PairFigures { cosine: found, shared_cosine, interference: sum, norms, counts, .. } = pair.figures;
    if shared.is_empty() {
        assert_eq!((found, shared_cosine, sum), (None, None, None), "{what}");
    } else {
        near(found.unwrap(), cosine(&whole_a, &whole_b), bound, what);
        near(shared_cosine.unwrap(), cosine(&shared_a, &shared_b), bound, what);
        near(sum.unwrap(), interference(&shared_a, &shared_b), bound, what);
    }
    let exact = [whole_a.norm(), whole_b.norm(), (whole_a + whole_b).norm()];
    for (found, norm) in norms.iter().zip(exact) {
        near(*found, norm, 1e-6 * exact[0].max(exact[1]), what);
    }
    assert_eq!(counts, [shared.len(), only(a, b).len(), only(b, a).len(), 0].map(|n| n as u32), "{what}");
}
