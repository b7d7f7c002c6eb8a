//! The heatmap as a table.

use leptos::prelude::*;

use super::Heat;

/// Cells that a table on the page may have; a larger one can be copied.
const MOST_CELLS: usize = 20_000;

#[component]
pub fn HeatTable(heat: Heat) -> impl IntoView {
    move || {
        let (field, grid) = (heat.field.get()?, heat.grid.get()?);
        if grid.rows.len() * grid.columns.len() > MOST_CELLS {
            let text = "This table is too large for a page. “Copy as TSV” below holds all of it.";
            return Some(view! { <p>{text}</p> }.into_any());
        }
        let head = (0..grid.columns.len()).map(|c| {
            view! { <th scope="col" title=grid.column_name(c)>{grid.column_head(c)}</th> }
        });
        let row = |r: usize| {
            let cells = (0..grid.columns.len()).map(|c| {
                view! { <td>{grid.module_at(r, c).map(|i| field.text(i))}</td> }
            });
            let path = grid.rows[r].path.clone();
            view! {
                <tr>
                    <th scope="row" title=path>{grid.rows[r].label.clone()}</th>
                    {cells.collect_view()}
                </tr>
            }
        };
        let table = view! {
            <div class="table-scroll heat-table" tabindex="0" role="region" aria-label="Table of the heatmap">
                <table>
                    <caption class="small">{field.label()}" ("{field.unit()}") by module and layer"</caption>
                    <thead>
                        <tr><th scope="col">"Module"</th>{head.collect_view()}</tr>
                    </thead>
                    <tbody>{(0..grid.rows.len()).map(row).collect_view()}</tbody>
                </table>
            </div>
        };
        Some(table.into_any())
    }
}
