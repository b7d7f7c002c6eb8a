//! The part of docs/benchmarks.md that holds the last benchmark.

use crate::proc::{self, Result};

const BEGIN: &str = "<!-- cargo xtask bench writes from here -->";
const END: &str = "<!-- to here -->";

/// Puts `table` between the two marks of docs/benchmarks.md.
pub fn write(table: &str) -> Result<()> {
    let path = proc::root().join("docs/benchmarks.md");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let text = replaced(&text, table).map_err(|e| format!("{}: {e}", path.display()))?;
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn replaced(text: &str, table: &str) -> Result<String> {
    let missing = || format!("it has no place for the table: the lines `{BEGIN}` and `{END}`, once each");
    let once = |mark: &str| text.matches(mark).count() == 1;
    let (before, rest) = text.split_once(BEGIN).filter(|_| once(BEGIN) && once(END)).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_the_place_of_the_last() {
        let text = format!("before\n\n{BEGIN}\nold\n{END}\n\nafter\n");
        let once = replaced(&text, "new $1\n").unwrap();
        assert_eq!(once, format!("before\n\n{BEGIN}\nnew $1\n{END}\n\nafter\n"));
        assert_eq!(replaced(&once, "new $1").unwrap(), once);
    }

    #[test]
    fn a_text_without_one_place_is_left_alone() {
        for text in ["", BEGIN, &format!("{END}{BEGIN}"), &format!("{BEGIN}{BEGIN}{END}")] {
            assert!(replaced(text, "new").is_err(), "{text}");
        }
    }

    #[test]
    fn the_document_has_the_place() {
        let text = std::fs::read_to_string(proc::root().join("docs/benchmarks.md")).unwrap();
        assert!(replaced(&text, "new").is_ok());
    }
}
