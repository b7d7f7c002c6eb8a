//! The numbers of a picture as a table.

use leptos::prelude::*;

/// A name with what stands behind it.
pub type Titled = (String, Option<String>);

pub fn untitled(name: impl ToString) -> Titled {
    (name.to_string(), None)
}

/// `region`: what the table is called, where the keys scroll it, and its caption. `rows`: each with its name and the
/// texts of its cells.
pub fn values_table(
    class: &'static str,
    region: Option<(&'static str, Option<String>)>,
    corner: &'static str,
    heads: Vec<Titled>,
    rows: Vec<(Titled, Vec<String>)>,
) -> impl IntoView {
    let head = |(name, title): Titled| view! { <th scope="col" title=title>{name}</th> };
    let row = |((name, title), cells): (Titled, Vec<String>)| {
        let cells = cells.into_iter().map(|text| view! { <td>{text}</td> }).collect_view();
        view! { <tr><th scope="row" title=title>{name}</th>{cells}</tr> }
    };
    let (label, caption) = region.unzip();
    let (tabindex, role) = label.map(|_| ("0", "region")).unzip();
    view! {
        <div class=["table-scroll", class].join(" ").trim_end().to_owned() tabindex=tabindex role=role aria-label=label>
            <table>
                {caption.flatten().map(|caption| view! { <caption class="small">{caption}</caption> })}
                <thead><tr><th scope="col">{corner}</th>{heads.into_iter().map(head).collect_view()}</tr></thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
