//! The numbers of a picture as a table.

use leptos::prelude::*;

/// A name with what stands behind it.
pub type Titled = (String, Option<String>);

/// `rows`: each with its name and the texts of its cells.
pub fn values_table(
    class: &'static str,
    label: &'static str,
    caption: String,
    corner: &'static str,
    heads: Vec<Titled>,
    rows: Vec<(Titled, Vec<String>)>,
) -> impl IntoView {
    let head = |(name, title): Titled| view! { <th scope="col" title=title>{name}</th> };
    let row = |((name, title), cells): (Titled, Vec<String>)| {
        let cells = cells.into_iter().map(|text| view! { <td>{text}</td> }).collect_view();
        view! { <tr><th scope="row" title=title>{name}</th>{cells}</tr> }
    };
    view! {
        <div class=format!("table-scroll {class}") tabindex="0" role="region" aria-label=label>
            <table>
                <caption class="small">{caption}</caption>
                <thead><tr><th scope="col">{corner}</th>{heads.into_iter().map(head).collect_view()}</tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
