//! How the alignment goes over the steps: lines of the whole adapter, of each role and of one module, in SVG units.

use std::fmt::Write;

use super::figures::{CAPTURE, CHANCE, Figure};
use super::joined::Joined;
use super::roles::role_lines;
use crate::model::axis::{Scale, ScaleKind};
use crate::model::spectrum::Plot;
use crate::model::tsv::{digits, line, tab_separated};

/// The view box; names of lines stand right of the plot.
pub const AREA: Plot = Plot { width: 376.0, height: 264.0, left: 46.0, right: 288.0, top: 12.0, bottom: 214.0 };

/// Roles drawn at most, those with the largest updates: more lines cannot be told apart.
pub const MOST_ROLES: usize = 8;

/// Room that a line's name takes, in SVG units.
const NAME_HEIGHT: f64 = 13.0;

/// What is drawn beside the line of the whole adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beside {
    #[default]
    Roles,
    /// The module in view.
    Module,
    Nothing,
}

/// With stable words for form values, and labels.
pub const BESIDE: [(Beside, &str, &str); 3] = [
    (Beside::Roles, "roles", "each role"),
    (Beside::Module, "module", "the module in view"),
    (Beside::Nothing, "nothing", "nothing"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Whole,
    /// The chance level of the capture of the whole adapter.
    Chance,
    /// With the number of its colour.
    Role(usize),
    Module,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// In full: a module's with its whole path.
    pub name: String,
    pub kind: Kind,
    /// Per step; `None` is a gap.
    pub values: Vec<Option<f64>>,
}

impl Line {
    /// The name for the margin, where there is room for the last part of a module's path.
    pub fn margin_name(&self) -> String {
        if self.kind == Kind::Module { short_name(&self.name) } else { self.name.clone() }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    pub figure: &'static Figure,
    /// Labels of the states at which the steps end.
    pub ends: Vec<String>,
    /// The training step of each end; `None` where not all are known.
    pub numbers: Option<Vec<u64>>,
    pub lines: Vec<Line>,
    pub scale: Scale,
    /// Roles that are not drawn.
    pub roles_left_out: usize,
}

impl Trajectory {
    /// `None` where there is a single update, or no value: there is nothing to follow.
    pub fn new(
        joined: &Joined,
        numbers: Option<Vec<u64>>,
        figure: &'static Figure,
        beside: Beside,
        module: Option<usize>,
    ) -> Option<Trajectory> {
        let steps = joined.set.steps();
        if steps.len() < 2 {
            return None;
        }
        let whole = |figure: &Figure| steps.iter().map(|u| figure.value(&u.report.whole)).collect::<Vec<_>>();
        let mut lines = vec![Line { name: "adapter".to_owned(), kind: Kind::Whole, values: whole(figure) }];
        if *figure == CAPTURE {
            lines.push(Line { name: "chance".to_owned(), kind: Kind::Chance, values: whole(&CHANCE) });
        }
        let mut roles_left_out = 0;
        match (beside, module.and_then(|m| Some((m, joined.adapter.modules.get(m)?)))) {
            (Beside::Roles, _) => {
                let (roles, left_out) = role_lines(joined, steps.len(), figure);
                roles_left_out = left_out;
                lines.extend(roles);
            }
            (Beside::Module, Some((index, module))) => {
                let values = (0..steps.len()).map(|step| figure.value(joined.figures(step, index)?)).collect();
                lines.push(Line { name: module.name.clone(), kind: Kind::Module, values });
            }
            _ => {}
        }
        let drawn = lines.iter().flat_map(|line| line.values.iter().copied().flatten());
        // Zero is where there is no alignment: it is always in the picture.
        let mut scale = Scale::over(drawn, ScaleKind::Linear)?;
        (scale.low, scale.high) = (scale.low.min(0.0), scale.high.max(0.0));
        if scale.low == scale.high {
            scale.high = 1.0;
        }
        let ends = steps.iter().map(|u| u.report.to.clone()).collect();
        Some(Trajectory { figure, ends, numbers, lines, scale, roles_left_out })
    }

    /// x of a step: by its number where all have one, else evenly.
    pub fn x(&self, step: usize) -> f64 {
        let last = self.ends.len().saturating_sub(1).max(1);
        let t = match &self.numbers {
            Some(numbers) => {
                let at = |i: usize| numbers.get(i).map_or(0.0, |n| *n as f64);
                (at(step) - at(0)) / (at(last) - at(0))
            }
            None => step as f64 / last as f64,
        };
        AREA.left + t * (AREA.right - AREA.left)
    }

    pub fn y(&self, value: f64) -> Option<f64> {
        self.scale.position(value).map(|t| AREA.bottom - t * (AREA.bottom - AREA.top))
    }

    /// The line as an SVG path, broken where a value is absent.
    pub fn path(&self, line: &Line) -> String {
        let mut path = String::new();
        let mut letter = 'M';
        for (step, value) in line.values.iter().enumerate() {
            match value.and_then(|v| self.y(v)) {
                Some(y) => {
                    // Writing into a String cannot fail.
                    let _ = write!(path, "{letter}{:.2} {y:.2}", self.x(step));
                    letter = 'L';
                }
                None => letter = 'M',
            }
        }
        path
    }

    /// The values that get a line, and where: (value, y).
    pub fn value_ticks(&self) -> Vec<(f64, f64)> {
        self.scale.ticks(5).into_iter().filter_map(|t| Some((t, self.y(t)?))).collect()
    }

    /// Where a line has dots: none where there are many like it.
    pub fn dots(&self, line: &Line) -> Vec<[f64; 2]> {
        let has_dots = matches!(line.kind, Kind::Whole | Kind::Module);
        let values = line.values.iter().enumerate().filter(|_| has_dots);
        values.filter_map(|(step, value)| Some([self.x(step), self.y((*value)?)?])).collect()
    }

    /// What the axis below counts.
    pub fn below(&self) -> &'static str {
        if self.numbers.is_some() { "training step at the update’s end" } else { "update, in order" }
    }

    /// What a line of a role is, where there is one.
    pub fn about_roles(&self) -> Option<String> {
        let drawn = self.lines.iter().filter(|line| matches!(line.kind, Kind::Role(_))).count();
        let left_out = match self.roles_left_out {
            0 => String::new(),
            n => format!(" Of {} roles the {drawn} with the largest updates are drawn.", drawn + n),
        };
        (drawn > 0).then(|| {
            format!(
                "A role’s line takes all its modules as one long vector, as the adapter’s own line does: a cosine of \
                 the joined updates, a capture weighed by each module’s ‖X‖².{left_out}"
            )
        })
    }

    /// Names below the axis: (x, text), few enough to stand side by side, the last among them.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let name = |i: usize| match &self.numbers {
            Some(numbers) => numbers.get(i).map(u64::to_string).unwrap_or_default(),
            None => (i + 1).to_string(),
        };
        let mut ticks: Vec<(f64, String)> = Vec::new();
        // From the right, so that the last one keeps its place.
        for i in (0..self.ends.len()).rev() {
            let (x, text) = (self.x(i), name(i));
            let room = 8.0 + 6.5 * text.chars().count() as f64;
            if ticks.last().is_none_or(|(other, _)| other - x >= room) {
                ticks.push((x, text));
            }
        }
        ticks.reverse();
        ticks
    }

    /// Where each line's name stands: its y, none covering another, in the order of the lines.
    pub fn name_heights(&self) -> Vec<Option<f64>> {
        let last = |line: &Line| line.values.iter().rev().find_map(|v| v.and_then(|v| self.y(v)));
        let wanted: Vec<Option<f64>> = self.lines.iter().map(last).collect();
        let mut order: Vec<usize> = (0..wanted.len()).filter(|i| wanted[*i].is_some()).collect();
        order.sort_by(|a, b| wanted[*a].unwrap_or(0.0).total_cmp(&wanted[*b].unwrap_or(0.0)));
        let mut placed = wanted.clone();
        let mut lowest = f64::NEG_INFINITY;
        for &i in &order {
            let y = wanted[i].unwrap_or(0.0).max(lowest);
            (placed[i], lowest) = (Some(y), y + NAME_HEIGHT);
        }
        // What has run over the bottom is pushed back up.
        let mut highest = AREA.bottom - 4.0;
        for &i in order.iter().rev() {
            let y = placed[i].unwrap_or(0.0).min(highest);
            (placed[i], highest) = (Some(y), y - NAME_HEIGHT);
        }
        placed
    }

    /// State, step and every line, as a table for other programs.
    pub fn tsv(&self) -> String {
        let head = ["to", "step"].map(str::to_owned).into_iter().chain(self.lines.iter().map(|line| line.name.clone()));
        let of_end = |(i, end): (usize, &String)| {
            let number = self.numbers.as_ref().and_then(|n| n.get(i)).map(u64::to_string).unwrap_or_default();
            let values = self.lines.iter().map(|line| digits(line.values.get(i).copied().flatten()));
            line(end, std::iter::once(number).chain(values))
        };
        tab_separated(std::iter::once(head.collect()).chain(self.ends.iter().enumerate().map(of_end)))
    }
}

/// The last part of a path, as far as the margin holds it.
fn short_name(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last.char_indices().nth(13) {
        Some((end, _)) => format!("{}…", &last[..end]),
        None => last.to_owned(),
    }
}

#[cfg(test)]
#[path = "trajectory_tests.rs"]
mod tests;
