//! What the page knows of each number and text that it shows, told once: heatmaps, tables, pictures, choices and links
//! read it here.

use std::cmp::Ordering;
use std::ops::Deref;

use super::colour::Palette;
use super::number::ABSENT;

/// What stands beside a lower bound.
pub const BOUND: &str =
    "A lower bound: of this update only the largest singular values are computed, and the smaller ones add to it.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// What is said of a column, whatever it is a column of.
#[derive(Debug)]
pub struct Description {
    /// Stable word for form values and links.
    pub key: &'static str,
    pub label: &'static str,
    /// What a legend's numbers count; empty where only tables show them.
    pub unit: &'static str,
    /// The definition, for a person.
    pub help: &'static str,
    /// The label in the head of a table, where there is less room, and the definition behind it.
    pub head: &'static str,
    pub hint: &'static str,
    pub palette: Palette,
    write: fn(f64) -> String,
    pub is_text: bool,
    /// Its values are shares: in a table a bar stands beside them.
    pub is_share: bool,
    /// The order of the first click: texts from A to Z, numbers from the largest.
    pub first: Direction,
}

/// Columns of one table have different keys.
impl PartialEq for Description {
    fn eq(&self, other: &Description) -> bool {
        self.key == other.key
    }
}

impl Description {
    pub fn write(&self, x: f64) -> String {
        (self.write)(x)
    }
}

/// A column of a table whose rows are each about a `T`; those with a unit are figures, which heatmaps show, too.
#[derive(Debug)]
pub struct Column<T: 'static> {
    pub about: Description,
    value: fn(&T) -> Option<f64>,
    /// What stands in a cell, where it is not the written value.
    text: Option<fn(&T) -> String>,
    /// The order of the rows, where it is not that of the values.
    pub order: Option<fn(&T, &T) -> Ordering>,
    is_bound: fn(&T) -> bool,
    title: fn(&T) -> Option<String>,
}

impl<T> Deref for Column<T> {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.about
    }
}

impl<T> PartialEq for Column<T> {
    fn eq(&self, other: &Column<T>) -> bool {
        self.about == other.about
    }
}

impl<T> Column<T> {
    pub const fn figure(
        key: &'static str,
        label: &'static str,
        unit: &'static str,
        help: &'static str,
        value: fn(&T) -> Option<f64>,
        write: fn(f64) -> String,
    ) -> Column<T> {
        let about = Description {
            key,
            label,
            unit,
            help,
            head: label,
            hint: help,
            palette: Palette::Sequential,
            write,
            is_text: false,
            is_share: false,
            first: Direction::Descending,
        };
        Column::like(about, value)
    }

    pub const fn number(
        key: &'static str,
        label: &'static str,
        help: &'static str,
        value: fn(&T) -> Option<f64>,
        write: fn(f64) -> String,
    ) -> Column<T> {
        Column::figure(key, label, "", help, value, write)
    }

    pub const fn text(
        key: &'static str,
        label: &'static str,
        help: &'static str,
        text: fn(&T) -> String,
        order: fn(&T, &T) -> Ordering,
    ) -> Column<T> {
        let mut column = Column::figure(key, label, "", help, |_| None, |_| String::new()).ascending().written(text);
        column.about.is_text = true;
        column.order = Some(order);
        column
    }

    /// What is said of another column, over rows that hold what it is of.
    pub const fn like(about: Description, value: fn(&T) -> Option<f64>) -> Column<T> {
        Column { about, value, text: None, order: None, is_bound: |_| false, title: |_| None }
    }

    /// The first column of every table; a sheet knows the names of its rows.
    pub const fn module(help: &'static str) -> Column<T> {
        Column::text("name", "Module", help, |_| String::new(), |_, _| Ordering::Equal)
    }

    /// Another label in the head of a table.
    pub const fn headed(mut self, head: &'static str) -> Column<T> {
        self.about.head = head;
        self
    }

    /// A shorter definition behind the head of a table.
    pub const fn hinted(mut self, hint: &'static str) -> Column<T> {
        self.about.hint = hint;
        self
    }

    /// Its values lie on both sides of zero.
    pub const fn diverging(mut self) -> Column<T> {
        self.about.palette = Palette::Diverging;
        self
    }

    pub const fn share(mut self) -> Column<T> {
        self.about.is_share = true;
        self
    }

    /// The smallest first.
    pub const fn ascending(mut self) -> Column<T> {
        self.about.first = Direction::Ascending;
        self
    }

    pub const fn written(mut self, text: fn(&T) -> String) -> Column<T> {
        self.text = Some(text);
        self
    }

    /// The order of a text is that of a number.
    pub const fn ordered(mut self, value: fn(&T) -> Option<f64>) -> Column<T> {
        (self.value, self.order) = (value, None);
        self
    }

    /// Where its value is only a lower bound.
    pub const fn bound(mut self, is_bound: fn(&T) -> bool) -> Column<T> {
        self.is_bound = is_bound;
        self
    }

    /// What else to know of a cell.
    pub const fn titled(mut self, title: fn(&T) -> Option<String>) -> Column<T> {
        self.title = title;
        self
    }

    /// The value; `None` where it is absent or not a finite number.
    pub fn value(&self, row: &T) -> Option<f64> {
        (self.value)(row).filter(|x| x.is_finite())
    }

    /// What stands in a cell.
    pub fn write_of(&self, row: &T) -> String {
        match (self.text, self.value(row)) {
            (Some(text), _) => text(row),
            (None, None) => ABSENT.to_owned(),
            (None, Some(x)) if self.is_bound(row) => format!("≥ {}", self.write(x)),
            (None, Some(x)) => self.write(x),
        }
    }

    pub fn is_bound(&self, row: &T) -> bool {
        (self.is_bound)(row)
    }

    /// What else to know of a cell; `None` where its text says it all.
    pub fn title(&self, row: &T) -> Option<String> {
        if self.is_bound(row) { Some(BOUND.to_owned()) } else { (self.title)(row) }
    }
}

/// The figure of this key.
pub fn of_key<T>(figures: &[&'static Column<T>], key: &str) -> Option<&'static Column<T>> {
    figures.iter().copied().find(|figure| figure.key == key)
}

/// What is said of several figures in a sentence that begins with the first asked for.
pub fn sentence(first: &str, mut parts: Vec<(&str, String)>) -> String {
    // Stable: the rest stays in its order.
    parts.sort_by_key(|(key, _)| *key != first);
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}
