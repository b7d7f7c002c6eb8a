//! The files of a sharded model: what their names and an index say of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::container::quoted;
use crate::natural::natural;
use crate::path::{folder, inside};

/// What the names of a sharded model's files, or its index, say of its files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shards {
    /// Files that it consists of, by name, as seen from its folder.
    pub files: Vec<String>,
    /// `model.safetensors.index.json`, where it is here: tensor → file name.
    pub index: Option<Index>,
}

/// A `*.safetensors.index.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    pub path: String,
    pub weight_map: BTreeMap<String, String>,
}

/// The numbered name of a shard: `{stem}-{number}-of-{count}{tail}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered<'a> {
    pub stem: &'a str,
    pub number: u64,
    pub count: u64,
    /// What follows the count: `.safetensors`.
    pub tail: &'a str,
    /// Digits of both numbers.
    widths: [usize; 2],
}

/// More files than any model has; a name with a larger count is an ordinary name.
const MAX_SHARDS: u64 = 10_000;
/// Names in a sentence.
const NAMED: usize = 5;

impl<'a> Numbered<'a> {
    /// Takes a file's name apart; `None` for one that is no shard's.
    pub fn parse(name: &'a str) -> Option<Self> {
        let of = name.rfind("-of-")?;
        let (before, after) = (name.get(..of)?, name.get(of + "-of-".len()..)?);
        let (stem, number) = before.rsplit_once('-')?;
        let (count, tail) = after.split_at_checked(after.bytes().take_while(u8::is_ascii_digit).count())?;
        let widths = [number.len(), count.len()];
        let whole = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok());
        let (number, count) = (whole(number)??, whole(count)??);
        let plain = !stem.is_empty() && (tail.is_empty() || tail.starts_with('.'));
        let counted = (1..=MAX_SHARDS).contains(&count) && number <= count;
        (plain && counted).then_some(Self { stem, number, count, tail, widths })
    }

    /// Whether both name files of one model.
    pub fn is_beside(&self, other: &Numbered<'_>) -> bool {
        (self.stem, self.count, self.tail) == (other.stem, other.count, other.tail)
    }

    /// The names of all files of its model. `from` is the first number: some tools count from 0.
    pub fn all(&self, from: u64) -> Vec<String> {
        let [number, count] = self.widths;
        let name = |n: u64| format!("{}-{n:0number$}-of-{:0count$}{}", self.stem, self.count, self.tail);
        (from..from + self.count).map(name).collect()
    }
}

impl Shards {
    /// What the names of some of its files say, as seen from their folder; `None` if the first is not numbered.
    pub fn of_names(names: &[&str]) -> Option<Self> {
        let numbered: Vec<Numbered<'_>> = names.iter().filter_map(|name| Numbered::parse(name)).collect();
        let first = numbered.first()?;
        let from = u64::from(!numbered.iter().any(|name| name.number == 0));
        Some(Self { files: first.all(from), index: None })
    }

    /// What an index says, and the names of files that are here.
    pub fn of_index(index: Index, here: &[&str]) -> Self {
        let mut names = index.files();
        names.extend(here);
        let mut files: Vec<String> = names.into_iter().map(str::to_owned).collect();
        files.sort_by(|a, b| natural(a, b));
        Self { files, index: Some(index) }
    }
}

/// What is read of an index; its metadata say nothing that is needed.
#[derive(Deserialize)]
struct Raw {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads the text of an index.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(path: &str, text: &str) -> Result<Self, String> {
        let damaged = |why: &str| {
            format!(
                "{path}: this index of a sharded model cannot be read ({why}). Download or save it again; until then \
                 the model's files are put together by the numbers in their names."
            )
        };
        let Raw { weight_map } = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
        let strange = weight_map.values().find(|name| {
            name.is_empty() || name.contains('\\') || name.split('/').any(|part| matches!(part, "" | "." | ".."))
        });
        match strange {
            Some(name) => Err(damaged(&format!("{} is no name of a file beside it", quoted(name)))),
            None => Ok(Self { path: path.to_owned(), weight_map }),
        }
    }

    /// The names of its files.
    pub fn files(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }

    /// The name by which the index would call the file at `path`.
    pub fn calls<'a>(&self, path: &'a str) -> &'a str {
        inside(folder(&self.path), path)
    }

    /// Whether it names only files in PyTorch's own form, which are never opened.
    pub fn is_of_pickles(&self) -> bool {
        let pickle = |name: &str| [".bin", ".pt", ".pth"].iter().any(|end| name.ends_with(end));
        self.files().into_iter().all(pickle)
    }

    /// What to say of it while none of its files is here.
    pub fn waiting(&self) -> String {
        let mut names: Vec<&str> = self.files().into_iter().collect();
        names.sort_by(|a, b| natural(a, b));
        let (files, them) = if names.len() == 1 { ("the file", "it") } else { ("the files", "them") };
        format!(
            "{}: this is the index of a sharded model, and {files} that it names {} not here: {}. Drop {them} together \
             with it.",
            self.path,
            if names.len() == 1 { "is" } else { "are" },
            listed(&names)
        )
    }
}

/// Names one after another, the first few of many.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_names() {
        for (name, wanted) in [
            ("model-00001-of-00004.safetensors", Some(("model", 1, 4, ".safetensors"))),
            ("model-1-of-4.safetensors", Some(("model", 1, 4, ".safetensors"))),
            ("a-b.fp16-00002-of-00002.safetensors", Some(("a-b.fp16", 2, 2, ".safetensors"))),
            ("model-00001-of-00002.fp16.safetensors", Some(("model", 1, 2, ".fp16.safetensors"))),
            ("one-of-us-00000-of-00003.bin", Some(("one-of-us", 0, 3, ".bin"))),
            ("model.safetensors", None),
            ("model-00005-of-00004.safetensors", None),
            ("model-0-of-0.safetensors", None),
            ("-1-of-2.safetensors", None),
            ("best-of-4.safetensors", None),
            ("model-x-of-4.safetensors", None),
            ("model--of-4.safetensors", None),
            ("model-1-of-.safetensors", None),
            ("model-1-of-4extra.safetensors", None),
            ("model-1-of-4000000000.safetensors", None),
            ("model-1-of-99999999999999999999999.safetensors", None),
        ] {
            let found = Numbered::parse(name).map(|n| (n.stem, n.number, n.count, n.tail));
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn the_names_of_all_files() {
        let all = |names: &[&str]| Shards::of_names(names).map(|shards| shards.files);
        assert_eq!(
            all(&["m-00002-of-00002.safetensors"]).unwrap(),
            ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]
        );
        assert_eq!(all(&["m-0-of-2.x", "m-1-of-2.x"]).unwrap(), ["m-0-of-2.x", "m-1-of-2.x"]);
        assert_eq!(all(&["model.safetensors"]), None);
    }

    #[test]
    fn an_index_is_read_strictly() {
        let index = Index::read("a/model.safetensors.index.json", r#"{"metadata": 7, "weight_map": {"x": "f.st"}}"#);
        let index = index.unwrap();
        assert_eq!((index.calls("a/f.st"), index.calls("b/f.st")), ("f.st", "b/f.st"));
        for (text, why) in [
            ("{", "EOF"),
            ("{}", "weight_map"),
            (r#"{"weight_map": ["a"]}"#, "map"),
            (r#"{"weight_map": {"x": 3}}"#, "string"),
            (r#"{"weight_map": {"x": ""}}"#, "no name of a file"),
            (r#"{"weight_map": {"x": "../other/f.st"}}"#, "no name of a file"),
            (r#"{"weight_map": {"x": "/etc/f.st"}}"#, "no name of a file"),
        ] {
            let said = Index::read("a/i.json", text).unwrap_err();
            assert!(said.starts_with("a/i.json: ") && said.contains(why) && said.contains("again"), "{text}: {said}");
        }
    }
}
