//! What the reference projector answers, and whether an exported adapter says the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use nalgebra::DMatrix;
use safetensors::SafeTensors;
use serde_json::Value;

/// The products and figures of the reference, by `module|method|outxin`.
pub struct Golden {
    products: Vec<u8>,
    quality: Value,
}

/// One run of the page: a method, a rank for the result, and sizes by hand for single modules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub method: String,
    pub rank: Option<u32>,
    pub sizes: BTreeMap<String, [u64; 2]>,
}

impl Run {
    /// The method as the reference's keys write it: `svd@6`.
    fn tag(&self) -> String {
        self.rank.map_or_else(|| self.method.clone(), |rank| format!("{}@{rank}", self.method))
    }
}

impl Golden {
    pub fn read(fixtures: &Path) -> Self {
        let golden = fixtures.join("golden");
        let quality = fs::read_to_string(golden.join("projection_quality.json")).unwrap();
        Self {
            products: fs::read(golden.join("projection_products.safetensors")).unwrap(),
            quality: serde_json::from_str(&quality).unwrap(),
        }
    }

    pub fn keys(&self) -> BTreeSet<String> {
        self.quality.as_object().unwrap().keys().cloned().collect()
    }

    /// As few runs as reach every key: the nth size of each module, together.
    pub fn runs(&self) -> Vec<Run> {
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut runs: BTreeMap<(String, usize), Run> = BTreeMap::new();
        for key in self.quality.as_object().unwrap().keys() {
            let parts: Vec<&str> = key.split('|').collect();
            let [module, tag, size] = parts[..] else { panic!("{key}") };
            let (method, rank) = tag.split_once('@').map_or((tag, None), |(m, k)| (m, Some(k.parse().unwrap())));
            let (out, inn) = size.split_once('x').unwrap();
            let nth = seen.entry((module.to_owned(), tag.to_owned())).or_default();
            let run = runs.entry((tag.to_owned(), *nth)).or_default();
            *nth += 1;
            run.method = method.to_owned();
            run.rank = rank;
            run.sizes.insert(module.to_owned(), [out.parse().unwrap(), inn.parse().unwrap()]);
        }
        let mut runs: Vec<Run> = runs.into_values().collect();
        for run in runs.iter_mut().filter(|run| run.rank.is_some()) {
            // A smaller rank at the same sizes: Resize.
            run.sizes.clear();
        }
        runs
    }

    /// Compares the modules of a run that the reference knows, and gives their keys: products (without the scale)
    /// within 1e-5 of the largest singular value, figures within 1e-5.
    pub fn check(&self, run: &Run, file: &[u8], projection: &Value) -> BTreeSet<String> {
        let products = SafeTensors::deserialize(&self.products).unwrap();
        let file = SafeTensors::deserialize(file).unwrap();
        let mut checked = BTreeSet::new();
        for module in projection["modules"].as_array().unwrap() {
            let name = module["source"].as_str().unwrap();
            let key = format!("{name}|{}|{}x{}", run.tag(), module["shape"][0], module["shape"][1]);
            let wanted_here = run.sizes.is_empty() || run.sizes.contains_key(name);
            let Some(quality) = self.quality.get(&key).filter(|_| wanted_here) else { continue };
            let target = module["name"].as_str().unwrap();
            let factor = |letter| matrix(&file, &format!("base_model.model.{target}.lora_{letter}.weight"));
            let product = factor("B") * factor("A");
            let golden = matrix(&products, &key);
            let error = (&product - &golden).norm() / largest_singular_value(&golden);
            assert!(error <= 1e-5, "{key}: the product is off by {error:e}·σ₁");
            for (figure, wanted) in quality.as_object().unwrap() {
                let found = module["quality"][figure].as_f64().unwrap_or_else(|| panic!("{key} has no {figure}"));
                let wanted = wanted.as_f64().unwrap();
                assert!((found - wanted).abs() <= 1e-5, "{key}: {figure} is {found}, not {wanted}");
            }
            checked.insert(key);
        }
        checked
    }
}

/// An F32 matrix of a file.
pub fn matrix(file: &SafeTensors<'_>, name: &str) -> DMatrix<f64> {
    let tensor = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(tensor.dtype(), safetensors::Dtype::F32, "{name}");
    let numbers = tensor.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())));
    let numbers: Vec<f64> = numbers.collect();
    DMatrix::from_row_slice(tensor.shape()[0], tensor.shape()[1], &numbers)
}

/// From the eigenvalues of the smaller Gram matrix.
pub fn largest_singular_value(matrix: &DMatrix<f64>) -> f64 {
    let wide = matrix.nrows() < matrix.ncols();
    let gram = if wide { matrix * matrix.transpose() } else { matrix.transpose() * matrix };
    gram.symmetric_eigenvalues().max().sqrt()
}
