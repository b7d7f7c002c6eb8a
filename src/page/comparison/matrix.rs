//! All adapters beside each other: a table whose cells are buttons, one of which is a tab stop.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::Desk;
use crate::browser::focus;
use crate::canvas::Strip;
use crate::definitions::Definitions;
use crate::export::CopyButton;
use crate::fields::{FigureChoice, FigureSelect};
use crate::left_out::left_out;
use crate::model::colour::{ColourMap, Rgb, ink_on};
use crate::model::comparison::label::shortened;
use crate::model::comparison::matrix::{FIGURES, Matrix, PairFigure, scale};
use crate::model::number::{plural, short};
use crate::model::picture::matrix::picture;
use crate::model::picture::theme::Theme;
use crate::picture::SavePicture;

/// Characters of a name beside a row and above a column.
const NAMES: [usize; 2] = [28, 16];

/// Adapters whose matrix fills no more than half of a wide page.
const FEW: usize = 6;

#[component]
pub fn MatrixPanel(desk: Desk) -> impl IntoView {
    let shown = desk.shown;
    let map = Memo::new(move |_| ColourMap::new(shown.get().palette, desk.store.dark.get()));
    // Where the keys are: in the cell of the pair in view, until they move.
    let cursor = RwSignal::new((0, 1));
    Effect::new(move |_| {
        let place = desk.matrix.with(|m| {
            let (compared, (a, b)) = (&m.as_ref()?.compared, desk.pair.get()?);
            Some((compared.place_of(a)?, compared.place_of(b)?))
        });
        if let Some((a, b)) = place.filter(|(a, b)| cursor.get_untracked() != (*b, *a)) {
            cursor.set((a, b));
        }
    });
    let on_key = move |event: KeyboardEvent| {
        if event.alt_key() {
            return;
        }
        let (at, control) = (cursor.get_untracked(), event.ctrl_key() || event.meta_key());
        let next = desk.matrix.with_untracked(|m| m.as_ref()?.step(at, &event.key(), control));
        if let Some(next) = next {
            event.prevent_default();
            cursor.set(next);
            focus(&cell_id(next));
        }
    };
    let table = move || {
        let (matrix, shown) = (desk.matrix.get()?, shown.get());
        let head = |place: usize| {
            let label = matrix.label(place).to_owned();
            view! { <th scope="col" title=label>{shortened(&label, NAMES[1])}</th> }
        };
        let heads: Vec<_> = (0..matrix.len()).map(head).collect();
        let row = |row: usize| {
            let label = matrix.label(row).to_owned();
            let cell = |column| map.with(|map| draw_cell(desk, &matrix, shown, (row, column), map, cursor));
            let cells: Vec<_> = (0..matrix.len()).map(cell).collect();
            view! { <tr><th scope="row" title=label>{shortened(&label, NAMES[0])}</th>{cells}</tr> }
        };
        let rows: Vec<_> = (0..matrix.len()).map(row).collect();
        Some(view! {
            <table class="matrix" aria-label=format!("{} of every two adapters", shown.label)>
                <thead><tr><td></td>{heads}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        })
    };
    let missing = move || {
        let matrix = desk.matrix.get()?;
        let all = &matrix.compared.left_out;
        left_out(
            all,
            "fold small",
            Some("compare-left-out"),
            plural(all.len(), "adapter is", "adapters are") + " not compared",
        )
    };
    let tsv =
        move || desk.matrix.with_untracked(|m| m.as_ref().map(|m| m.tsv(shown.get_untracked()))).unwrap_or_default();
    // There is room for the pair beside a small one.
    let is_small = move || desk.matrix.with(|m| m.as_ref().is_none_or(|m| m.len() <= FEW));
    let definitions = FIGURES.map(|figure| (figure.label, figure.help)).to_vec();
    view! {
        <section class="panel whole matrix-panel" class:few=is_small aria-labelledby="matrix-title">
            <div class="panel-head">
                <h2 id="matrix-title">"Every adapter beside every other"</h2>
                <div class="choices"><FigureSelect label="Show" choice=FigureChoice::new("compare-measure", &FIGURES, shown)/></div>
            </div>
            <div class="matrix-scroll" role="group" aria-label="Matrix of adapters. Arrow keys move, Enter brings a pair into view." on:keydown=on_key>
                {table}
            </div>
            <div class="legend small">
                <span>{move || short(scale(shown.get()).low)}</span>
                <Strip map/>
                <span>{move || short(scale(shown.get()).high)}" "{move || shown.get().unit}</span>
            </div>
            {missing}
            <div class="panel-foot">
                <Definitions entries=definitions/>
                <CopyButton label="Copy as TSV" text=tsv/>
                <SavePicture
                    what="the matrix"
                    draw=move |theme: &Theme| desk.matrix.with(|m| Some(picture(m.as_ref()?, shown.get(), theme)))
                />
            </div>
        </section>
    }
}

fn cell_id((row, column): (usize, usize)) -> String {
    format!("pair-{row}-{column}")
}

fn draw_cell(
    desk: Desk,
    matrix: &Matrix,
    shown: &PairFigure,
    at: (usize, usize),
    map: &ColourMap,
    cursor: RwSignal<(usize, usize)>,
) -> AnyView {
    let entry = matrix.entry(shown, at.0, at.1);
    let colour = matrix.colour(shown, at.0, at.1, map);
    let [a, b] = [at.0, at.1].map(|place| matrix.label(place).to_owned());
    let css = |[r, g, b]: Rgb| format!("rgb({r} {g} {b})");
    let (ground, ink) = (colour.map(css), colour.map(|c| css(ink_on(c))));
    let cosine = entry.cosine.map(|x| x.to_string());
    // The heads of a table are not read to whoever goes from button to button.
    let names = format!("{a} and {b}: ");
    let said = view! {
        <span>{entry.text}</span>
        {entry.note.map(|note| view! { <small>{note}</small> })}
    };
    if at.0 == at.1 {
        return view! {
            <td>
                <span
                    class="cell own"
                    data-testid="compare-cell"
                    data-a=a
                    data-b=b
                    data-cosine=cosine
                    title=entry.words
                >
                    {said}
                </span>
            </td>
        }
        .into_any();
    }
    // A cell above the diagonal and the one below it are the same pair.
    let pair = desk.matrix.with_untracked(|m| m.as_ref()?.compared.pair(at.0, at.1));
    let is_chosen = move || pair.is_some() && desk.pair.get() == pair;
    view! {
        <td>
            <button
                type="button"
                class="cell"
                id=cell_id(at)
                data-testid="compare-cell"
                data-a=a
                data-b=b
                data-cosine=cosine
                title=entry.words
                aria-pressed=move || is_chosen().to_string()
                tabindex=move || if cursor.get() == at { "0" } else { "-1" }
                style:background-color=ground
                style:color=ink
                on:click=move |_| {
                    cursor.set(at);
                    desk.chosen.set(pair);
                }
            >
                <span class="visually-hidden">{names}</span>
                {said}
            </button>
        </td>
    }
    .into_any()
}
