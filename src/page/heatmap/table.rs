//! The heatmap as a table.

use leptos::prelude::*;

use super::Heat;
use crate::values::values_table;

/// Cells that a table on the page may have; a larger one can be copied.
const MOST_CELLS: usize = 20_000;

#[component]
pub fn HeatTable(heat: Heat) -> impl IntoView {
    move || {
        let (field, grid) = (heat.field.get()?, heat.grid.get()?);
        let (figure, columns) = (field.figure(), 0..grid.columns.len());
        if grid.rows.len() * columns.len() > MOST_CELLS {
            let text = "This table is too large for a page. “Copy as TSV” below holds all of it.";
            return Some(view! { <p>{text}</p> }.into_any());
        }
        let caption = format!("{} ({}) by module and layer", figure.label, figure.unit);
        let heads = columns.clone().map(|c| (grid.column_head(c), Some(grid.column_name(c)))).collect();
        let text = |r, c| grid.module_at(r, c).map(|module| field.text(module)).unwrap_or_default();
        let row = |r: usize| {
            let of = &grid.rows[r];
            ((of.label.clone(), Some(of.path.clone())), columns.clone().map(|c| text(r, c)).collect())
        };
        let rows = (0..grid.rows.len()).map(row).collect();
        Some(
            values_table("heat-table", Some(("Table of the heatmap", Some(caption))), "Module", heads, rows).into_any(),
        )
    }
}
