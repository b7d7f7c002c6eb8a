//! How many lines of code each member has: without blanks, comments and tests, which are no burden to carry.

use std::path::{Path, PathBuf};

use crate::proc::{self, Result};

/// Prints the count of every member and their sum.
pub fn run() -> Result<()> {
    let src = proc::root().join("src");
    let mut sum = 0;
    for member in folders(&src)? {
        let mut files = Vec::new();
        collect(&member, &mut files)?;
        let mut count = 0;
        for file in files.iter().filter(|file| !is_test(file)) {
            let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
            count += lines(&text);
        }
        sum += count;
        println!("{:10} {count:7}", member.file_name().unwrap_or_default().to_string_lossy());
    }
    println!("{:10} {sum:7}", "all");
    Ok(())
}

/// Lines of code of a file: none of a module that is only compiled for tests.
fn lines(text: &str) -> usize {
    let (mut count, mut inside, mut test_next) = (0, None::<usize>, false);
    for line in text.lines() {
        let code = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(begin) = inside {
            // rustfmt closes a block where it began.
            if code == "}" && indent == begin {
                inside = None;
            }
            continue;
        }
        if code.is_empty() || code.starts_with("//") {
            continue;
        }
        if code == "#[cfg(test)]" || code.starts_with("#[cfg(all(test") {
            test_next = true;
            continue;
        }
        if test_next {
            // Further attributes belong to the same item.
            test_next = code.starts_with("#[");
            if code.ends_with('{') {
                inside = Some(indent);
            }
            continue;
        }
        count += 1;
    }
    count
}

/// Files that hold tests and nothing else.
fn is_test(file: &Path) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem == "tests" || stem == "testing" || stem.ends_with("_tests")
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = entries(folder)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::read_dir(folder).map_err(said)?.map(|entry| entry.map(|entry| entry.path()).map_err(said)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_tests_do_not_count() {
        let text = "//! A.\n\nuse b;\n\n/// C.\nfn d() {\n    // e\n    f();\n}\n\n#[cfg(test)]\nfn g() {\n    h();\n}\n\nfn i() {}\n\n\
                    #[cfg(test)]\n#[path = \"j.rs\"]\nmod tests;\n\n#[cfg(test)]\nmod k {\n    fn l() {\n    }\n}\n";
        assert_eq!(lines(text), 5);
        assert_eq!(lines("#[cfg(test)]\nuse a;\nuse b;\n"), 1);
        assert!(
            is_test(Path::new("a/shown_tests.rs")) && is_test(Path::new("tests.rs")) && !is_test(Path::new("test.rs"))
        );
    }
}
