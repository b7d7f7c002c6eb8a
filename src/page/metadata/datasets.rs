//! Folders of images and the sizes of their buckets, read from long texts.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;

use crate::model::metadata::{Bucket, Datasets, Folder};
use crate::model::number::{ABSENT, bytes, grouped, plural};
use crate::model::shown::Adapter;

/// Rows of a table on the page.
const MOST: usize = 100;

/// Nothing where the file says nothing of them. Long texts are read when they are asked for.
#[component]
pub fn DatasetFigures(adapter: Arc<Adapter>) -> impl IntoView {
    let (len, unasked) = Datasets::of(&adapter.report.metadata)?;
    let read = RwSignal::new(None::<Arc<Datasets>>);
    let begin = move || {
        if read.with_untracked(Option::is_none) {
            let adapter = Arc::clone(&adapter);
            let work = move || {
                read.try_set(Some(Arc::new(Datasets::read(&adapter.report.metadata))));
            };
            set_timeout(work, Duration::ZERO);
        }
    };
    if unasked {
        begin();
    }
    let shown = move || match read.get() {
        None => view! { <p class="small">"Reading …"</p> }.into_any(),
        Some(datasets) => figures(&datasets).into_any(),
    };
    Some(view! {
        <details class="figures" data-testid="metadata-datasets" open=unasked on:toggle=move |_| begin()>
            <summary>
                "Folders and buckets "
                <span class="small">{(!unasked).then(|| format!("{} of text, read when opened", bytes(len as u64)))}</span>
            </summary>
            {shown}
        </details>
    })
}

fn figures(datasets: &Datasets) -> impl IntoView + use<> {
    let in_all = datasets.images_per_epoch();
    let in_all = in_all.map(|n| view! { <p>{format!("{} images in an epoch, repeats included", grouped(n))}</p> });
    let folders = (!datasets.folders.is_empty()).then(|| {
        let rows: Vec<_> = datasets.folders.iter().take(MOST).map(folder).collect();
        table(["Folder", "Images", "Repeats"], rows, beyond(datasets.folders.len(), "folder", "folders"))
    });
    let buckets = (!datasets.buckets.is_empty()).then(|| {
        let rows: Vec<_> = datasets.buckets.iter().take(MOST).map(bucket).collect();
        table(["Bucket", "Images", ""], rows, beyond(datasets.buckets.len(), "size", "sizes"))
    });
    let unread = (!datasets.unread.is_empty()).then(|| {
        let keys = datasets.unread.join(", ");
        view! { <p class="small">{format!("Not in a form that can be read here, or too long for it: {keys}")}</p> }
    });
    view! { {in_all}{folders}{buckets}{unread} }
}

fn folder(folder: &Folder) -> [String; 3] {
    let number = |n: Option<u64>| n.map_or_else(|| ABSENT.to_owned(), grouped);
    let name = if folder.regularisation { format!("{} (regularisation)", folder.name) } else { folder.name.clone() };
    [name, number(folder.images), number(folder.repeats)]
}

fn bucket(bucket: &Bucket) -> [String; 3] {
    let [width, height] = bucket.size;
    [format!("{width} × {height}"), grouped(bucket.images), String::new()]
}

fn beyond(all: usize, one: &'static str, many: &'static str) -> Option<String> {
    let beyond = all.saturating_sub(MOST);
    (beyond > 0).then(|| format!("and {} more", plural(beyond, one, many)))
}

/// The first column is text; a head without a word has no column.
fn table(heads: [&'static str; 3], rows: Vec<[String; 3]>, beyond: Option<String>) -> impl IntoView {
    let columns = heads.iter().filter(|head| !head.is_empty()).count();
    let head = |head: &'static str| view! { <th scope="col">{head}</th> };
    let row = |[name, others @ ..]: [String; 3]| {
        let cells = others.into_iter().take(columns - 1).map(|cell| view! { <td>{cell}</td> });
        view! { <tr><th scope="row">{name}</th>{cells.collect_view()}</tr> }
    };
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label=heads[0]>
            <table>
                <thead><tr>{heads.into_iter().take(columns).map(head).collect_view()}</tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        {beyond.map(|text| view! { <p class="small">{text}</p> })}
    }
}
