//! Folders of images and the sizes of their buckets, read from long texts.

use std::sync::Arc;

use leptos::prelude::*;

use super::read_when_opened;
use crate::model::metadata::{Bucket, Datasets, Folder};
use crate::model::number::{ABSENT, grouped, plural};
use crate::model::shown::Adapter;
use crate::values::{Titled, untitled, values_table};

/// Rows of a table on the page.
const MOST: usize = 100;

/// Nothing where the file says nothing of them. Long texts are read when they are asked for.
#[component]
pub fn DatasetFigures(adapter: Arc<Adapter>) -> impl IntoView {
    let text = Datasets::of(&adapter.report.metadata)?;
    let read = move || Datasets::read(&adapter.report.metadata);
    let title = view! { "Folders and buckets " };
    Some(read_when_opened("figures", "metadata-datasets", title, text, read, |datasets| figures(datasets).into_any()))
}

fn figures(datasets: &Datasets) -> impl IntoView + use<> {
    let in_all = datasets.images_per_epoch();
    let in_all = in_all.map(|n| view! { <p>{format!("{} images in an epoch, repeats included", grouped(n))}</p> });
    let folders = (!datasets.folders.is_empty()).then(|| {
        let rows: Vec<_> = datasets.folders.iter().take(MOST).map(folder).collect();
        table(&["Folder", "Images", "Repeats"], rows, beyond(datasets.folders.len(), "folder", "folders"))
    });
    let buckets = (!datasets.buckets.is_empty()).then(|| {
        let rows: Vec<_> = datasets.buckets.iter().take(MOST).map(bucket).collect();
        table(&["Bucket", "Images"], rows, beyond(datasets.buckets.len(), "size", "sizes"))
    });
    let unread = (!datasets.unread.is_empty()).then(|| {
        let keys = datasets.unread.join(", ");
        view! { <p class="small">{format!("Not in a form that can be read here, or too long for it: {keys}")}</p> }
    });
    view! { {in_all}{folders}{buckets}{unread} }
}

fn folder(folder: &Folder) -> (Titled, Vec<String>) {
    let number = |n: Option<u64>| n.map_or_else(|| ABSENT.to_owned(), grouped);
    let name = if folder.regularisation { format!("{} (regularisation)", folder.name) } else { folder.name.clone() };
    (untitled(name), vec![number(folder.images), number(folder.repeats)])
}

fn bucket(bucket: &Bucket) -> (Titled, Vec<String>) {
    let [width, height] = bucket.size;
    (untitled(format!("{width} × {height}")), vec![grouped(bucket.images)])
}

fn beyond(all: usize, one: &'static str, many: &'static str) -> Option<String> {
    let beyond = all.saturating_sub(MOST);
    (beyond > 0).then(|| format!("and {} more", plural(beyond, one, many)))
}

/// Folders or sizes with their numbers.
fn table(heads: &[&'static str], rows: Vec<(Titled, Vec<String>)>, beyond: Option<String>) -> impl IntoView + use<> {
    let others = heads[1..].iter().map(untitled).collect();
    view! {
        {values_table("", Some((heads[0], None)), heads[0], others, rows)}
        {beyond.map(|text| view! { <p class="small">{text}</p> })}
    }
}
