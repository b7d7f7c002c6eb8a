//! The folders of images that an adapter was trained on, and the sizes they were sorted into.
//!
//! Read from `ss_dataset_dirs`, `ss_reg_dataset_dirs`, `ss_datasets` and `ss_bucket_info`, each JSON as sd-scripts
//! writes it. What cannot be read is named; it stands on the page as written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Texts, is_unset, words};

/// Longest of these texts that is read, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// Longest together that are read without being asked for, in bytes.
const UNASKED: usize = 256 << 10;

const KEYS: [&str; 4] = ["ss_dataset_dirs", "ss_reg_dataset_dirs", "ss_datasets", "ss_bucket_info"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datasets {
    pub folders: Vec<Folder>,
    /// Sizes, the one of most images first.
    pub buckets: Vec<Bucket>,
    /// Keys of texts that could not be read.
    pub unread: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its last part, where it is a path of the writing machine.
    pub name: String,
    pub images: Option<u64>,
    /// How often each image comes in an epoch.
    pub repeats: Option<u64>,
    /// Images of the class, not of the subject.
    pub regularisation: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Width and height in pixels.
    pub size: [u64; 2],
    pub images: u64,
}

impl Datasets {
    /// Bytes of the texts, if there are any, and whether they are short enough to be read unasked.
    pub fn of(metadata: &Texts) -> Option<(usize, bool)> {
        let texts = KEYS.iter().filter_map(|key| metadata.get(*key)).filter(|text| !is_unset(text));
        let bytes: usize = texts.map(String::len).sum();
        (bytes > 0).then_some((bytes, bytes <= UNASKED))
    }

    pub fn read(metadata: &Texts) -> Datasets {
        let mut datasets = Datasets::default();
        let mut buckets = BTreeMap::new();
        for key in KEYS {
            let Some(text) = metadata.get(key).filter(|text| !is_unset(text)) else { continue };
            let json = if text.len() > MOST_BYTES { None } else { serde_json::from_str::<Value>(text).ok() };
            let before = (datasets.folders.len(), buckets.len());
            match (key, json) {
                ("ss_datasets", Some(Value::Array(all))) => {
                    // `ss_dataset_dirs` sums up the same folders.
                    let folders = datasets.folders.is_empty();
                    for dataset in &all {
                        if folders {
                            datasets.folders.extend(array(dataset, "subsets").iter().map(subset));
                        }
                        add_buckets(&mut buckets, &dataset["bucket_info"]);
                    }
                    if !folders || before != (datasets.folders.len(), buckets.len()) {
                        continue;
                    }
                }
                ("ss_bucket_info", Some(info)) => add_buckets(&mut buckets, &info),
                (_, Some(Value::Object(dirs))) => {
                    let regularisation = key == "ss_reg_dataset_dirs";
                    datasets.folders.extend(dirs.iter().map(|(name, dir)| folder(name, dir, regularisation)));
                }
                _ => {}
            }
            if before == (datasets.folders.len(), buckets.len()) {
                datasets.unread.push(key);
            }
        }
        datasets.buckets = buckets.into_iter().map(|(size, images)| Bucket { size, images }).collect();
        datasets.buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.images));
        datasets
    }

    /// All images in an epoch, repeats included, where every folder says both.
    pub fn images_per_epoch(&self) -> Option<u64> {
        let of = |folder: &Folder| folder.images?.checked_mul(folder.repeats?);
        let sum = self.folders.iter().map(of).try_fold(0u64, |sum, n| sum.checked_add(n?));
        sum.filter(|_| !self.folders.is_empty())
    }
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn folder(name: &str, dir: &Value, regularisation: bool) -> Folder {
    Folder {
        name: name.to_owned(),
        images: dir["img_count"].as_u64(),
        repeats: dir["n_repeats"].as_u64().or_else(|| dir["num_repeats"].as_u64()),
        regularisation,
    }
}

fn subset(subset: &Value) -> Folder {
    let path = subset["image_dir"].as_str().or_else(|| subset["metadata_file"].as_str()).unwrap_or("unnamed");
    let name = if words::is_path(path) { path.rsplit(['/', '\\']).find(|part| !part.is_empty()) } else { None };
    folder(name.unwrap_or(path), subset, subset["is_reg"] == true)
}

/// Adds `{"buckets": {"0": {"resolution": [512, 768], "count": 12}, …}}` to what is there.
fn add_buckets(buckets: &mut BTreeMap<[u64; 2], u64>, info: &Value) {
    let all = info["buckets"].as_object().into_iter().flat_map(|all| all.values());
    for bucket in all {
        let size = (bucket["resolution"][0].as_u64(), bucket["resolution"][1].as_u64());
        if let ((Some(width), Some(height)), Some(count)) = (size, bucket["count"].as_u64()) {
            let sum = buckets.entry([width, height]).or_default();
            *sum = sum.saturating_add(count);
        }
    }
}
