//! What a person's address asks for: a file anywhere, or a repository of the Hugging Face Hub.
//!
//! The Hub's addresses (huggingface.co/docs/huggingface_hub): a repository is `org/name`, a file of it is
//! `/org/name/resolve/<revision>/<file>`, with `blob` or `raw` in place of `resolve` on the pages that show it, and
//! `tree` for a folder. The revision's slashes are percent-encoded.

pub mod url;

use url::WebAddress;

use crate::percent::{decoded_if_text, encoded};

/// The hosts that speak the Hub's addresses; so does a server on this machine, which may be a mirror.
const HUB: [&str; 3] = ["huggingface.co", "www.huggingface.co", "hf.co"];
/// What stands for the newest state of a repository.
const MAIN: &str = "main";
/// First parts of the Hub's pages that are no organisation.
const NO_MODELS: [&str; 9] =
    ["datasets", "spaces", "docs", "blog", "papers", "collections", "settings", "models", "api"];

/// What to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    File(RemoteFile),
    Repository(Repository),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// The address that is asked, every time: the one that it leads to may be signed and expire.
    pub address: String,
    /// What the session calls it: the address' path, its host left out.
    pub path: String,
    /// The `adapter_config.json` in the same folder, where one is likely.
    pub config: Option<Box<RemoteFile>>,
}

/// A repository of the Hub, or a folder in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    origin: String,
    /// `org/name`
    pub name: String,
    revision: String,
    /// In clear, with `/` between folders; empty for all of it.
    folder: String,
}

/// Reads what a person gave: an address or `org/name[@revision][/file]`.
///
/// # Errors
/// A sentence that names the address: why it leads nowhere.
pub fn parse(text: &str) -> Result<Wanted, String> {
    let text = text.trim();
    if text.contains("://") {
        return of_address(&WebAddress::parse(text)?);
    }
    let first = text.split('/').next().unwrap_or_default();
    if HUB.contains(&first.to_ascii_lowercase().as_str()) {
        return of_address(&WebAddress::parse(&format!("https://{text}"))?);
    }
    of_name(text)
}

/// `org/name[@revision][/file]`
fn of_name(text: &str) -> Result<Wanted, String> {
    let refused = || {
        format!(
            "{}: not an address. Give one that begins with https://, or a Hugging Face name: org/name, with @revision and \
             /file behind it where needed.",
            shown(text)
        )
    };
    let (org, rest) = text.split_once('/').ok_or_else(refused)?;
    let at = rest.find(['@', '/']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(at);
    let (revision, file) = match rest.strip_prefix('@') {
        Some(rest) => split_revision(rest),
        None => (MAIN, rest.trim_start_matches('/')),
    };
    // A file's name where the repository's should be: its host was meant.
    let is_file = name.ends_with(".safetensors") || name.ends_with(".gguf");
    if !is_name(org) || !is_name(name) || is_file || revision.is_empty() || !is_path(file) {
        return Err(refused());
    }
    let name = format!("{org}/{name}");
    let repository = Repository {
        origin: format!("https://{}", HUB[0]),
        name,
        revision: revision.to_owned(),
        folder: String::new(),
    };
    Ok(repository.wanted(file))
}

/// A pull request's revision holds slashes: `refs/pr/1`.
fn split_revision(rest: &str) -> (&str, &str) {
    let slashes = if rest.starts_with("refs/") { 3 } else { 1 };
    match rest.match_indices('/').nth(slashes - 1) {
        Some((at, _)) => (&rest[..at], &rest[at + 1..]),
        None => (rest, ""),
    }
}

fn is_name(part: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && part.len() <= 96 && part.chars().all(good) && !part.chars().all(|c| c == '.')
}

/// A relative path that stays below its folder.
fn is_path(path: &str) -> bool {
    path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn of_address(address: &WebAddress) -> Result<Wanted, String> {
    let is_hub = HUB.contains(&address.host.as_str());
    let parts = address.segments();
    let shaped = parts.iter().position(|part| matches!(*part, "resolve" | "blob" | "raw" | "tree"));
    if let Some(at) = shaped.filter(|at| (2..=3).contains(at))
        && let Some(revision) = parts.get(at + 1)
    {
        let kind = parts[at];
        // These words mean something else on other hosts, but for the one of the Hub's own.
        if is_hub || address.is_this_machine() || kind == "resolve" {
            let rest = parts[at + 2..].iter().map(|part| decoded_if_text(part)).collect::<Vec<_>>().join("/");
            let repository = Repository {
                origin: if is_hub { format!("https://{}", HUB[0]) } else { address.origin.clone() },
                name: parts[..at].join("/"),
                revision: decoded_if_text(revision).into_owned(),
                folder: String::new(),
            };
            if kind == "tree" || rest.is_empty() {
                return Ok(Wanted::Repository(Repository { folder: rest, ..repository }));
            }
            return Ok(Wanted::File(repository.file(&rest, true)));
        }
    }
    if is_hub {
        return match parts.as_slice() {
            [org, name] if !NO_MODELS.contains(org) && is_name(org) && is_name(name) => {
                Ok(Wanted::Repository(Repository {
                    origin: format!("https://{}", HUB[0]),
                    name: format!("{org}/{name}"),
                    revision: MAIN.to_owned(),
                    folder: String::new(),
                }))
            }
            _ => Err(format!(
                "{}: not a model's repository or file on Hugging Face. Give org/name, or the address of the file.",
                shown(&address.text())
            )),
        };
    }
    Ok(Wanted::File(plain(address)))
}

/// A file on any host.
fn plain(address: &WebAddress) -> RemoteFile {
    let parts: Vec<String> =
        address.segments().into_iter().map(|part| decoded_if_text(part).replace('/', "-")).collect();
    let path = if parts.is_empty() { address.host.clone() } else { parts.join("/") };
    // Such a name says that PEFT or MLX wrote it, with its configuration beside it.
    let paired = ["adapter_model.safetensors", "adapters.safetensors"];
    let config = parts.last().filter(|name| paired.contains(&name.as_str())).map(|_| {
        let folder = address.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Box::new(RemoteFile {
            address: format!("{}{folder}/{CONFIG}{}", address.origin, address.query),
            path: beside(&path),
            config: None,
        })
    });
    RemoteFile { address: address.text(), path, config }
}

const CONFIG: &str = "adapter_config.json";

/// The configuration in the same folder.
pub fn beside(path: &str) -> String {
    path.rsplit_once('/').map_or_else(|| CONFIG.to_owned(), |(folder, _)| format!("{folder}/{CONFIG}"))
}

impl Repository {
    /// The weights that PEFT writes.
    pub fn usual(&self) -> RemoteFile {
        self.file(&self.inside("adapter_model.safetensors"), true)
    }

    /// A file by its path in the repository.
    pub fn file(&self, path: &str, with_config: bool) -> RemoteFile {
        let parts: Vec<String> = path.split('/').map(encoded).collect();
        let home = match self.revision.as_str() {
            MAIN => self.name.clone(),
            revision => format!("{}@{}", self.name, revision.replace('/', "-")),
        };
        let has_config = with_config && !path.ends_with(".json");
        RemoteFile {
            address: format!("{}/{}/resolve/{}/{}", self.origin, self.name, encoded(&self.revision), parts.join("/")),
            path: format!("{home}/{path}"),
            config: has_config.then(|| Box::new(self.file(&beside(path), false))),
        }
    }

    /// Where the Hub lists all files.
    pub fn listing(&self) -> String {
        let folder: Vec<String> = self.folder.split('/').filter(|part| !part.is_empty()).map(encoded).collect();
        let folder = if folder.is_empty() { String::new() } else { format!("/{}", folder.join("/")) };
        let (origin, name, revision) = (&self.origin, &self.name, encoded(&self.revision));
        format!("{origin}/api/models/{name}/tree/{revision}{folder}?recursive=true")
    }

    fn inside(&self, file: &str) -> String {
        if self.folder.is_empty() { file.to_owned() } else { format!("{}/{file}", self.folder) }
    }

    fn wanted(self, file: &str) -> Wanted {
        if file.is_empty() { Wanted::Repository(self) } else { Wanted::File(self.file(file, true)) }
    }
}

/// An address as a sentence shows it: bounded.
pub fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let text = text.trim();
    let cut = text.floor_char_boundary(MOST);
    let clean: String = text[..cut].chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    match clean.is_empty() {
        true => "An empty address".to_owned(),
        false if cut < text.len() => format!("{clean}…"),
        false => clean,
    }
}

#[cfg(test)]
mod tests;
