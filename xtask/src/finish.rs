//! The end of every page build, run by Trunk itself (`Trunk.toml`, hook `post_build`), so that plain
//! `trunk build --release` gives the same folder: what can only be made once all other files are there.
//!
//! - one style sheet of all, since nothing shows before the last of them has come
//! - the build's name, a hash of all files, in both entry pages and in `lorascope.js`: it is the query of worker files, whose own names
//!   Trunk does not hash
//! - `url.html`, the entry page that may load by address: the same application under a policy that lets it connect
//! - `sw.js`, the service worker, with the list of files that it keeps for offline use

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::proc::{self, Result};

/// The strict page may connect to its own site only; the page that loads by address to any secure one, and to servers
/// on the person's own machine.
const STRICT: &str = "connect-src 'self';";
const BY_ADDRESS: &str = "connect-src 'self' https: http://localhost:* http://127.0.0.1:*;";
/// Stands where the build's name goes.
const UNFINISHED: &str = "\"unfinished\"";

/// Finishes the folder that Trunk is building.
pub fn run() -> Result<()> {
    let staging = std::env::var_os("TRUNK_STAGING_DIR")
        .ok_or("This is the end of a Trunk build, which runs it: cargo xtask build, or trunk build --release.")?;
    finish(Path::new(&staging), &proc::root().join("www/sw.js"))
}

fn finish(folder: &Path, worker: &Path) -> Result<()> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)?;
    join_styles(folder, &mut files)?;
    let build = name(&files);
    let text = |file: &str| {
        let bytes = files.get(file).ok_or(format!("Trunk made no {file}."))?;
        String::from_utf8(bytes.clone()).map_err(|e| format!("{file}: {e}"))
    };
    let named = format!("\"{build}\"");
    write(&folder.join("lorascope.js"), &replaced(&text("lorascope.js")?, UNFINISHED, &named)?)?;
    let index = replaced(&text("index.html")?, UNFINISHED, &named)?;
    let by_address = replaced(&index, STRICT, BY_ADDRESS)?;
    let by_address = replaced(&by_address, "<head>", "<head>\n  <meta name=\"lorascope-entry\" content=\"url\">")?;
    write(&folder.join("index.html"), &index)?;
    write(&folder.join("url.html"), &by_address)?;
    files.insert("url.html".to_owned(), Vec::new());
    let code = std::fs::read_to_string(worker).map_err(|e| format!("{}: {e}", worker.display()))?;
    let list: Vec<String> = files.keys().map(|file| format!("  {file:?},")).collect();
    write(&folder.join("sw.js"), &format!("const BUILD = {build:?};\nconst FILES = [\n{}\n];\n{code}", list.join("\n")))
}

/// Puts the style sheets that the page links into one, in their order, where the first link is.
fn join_styles(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    const LINK: &str = "<link rel=\"stylesheet\" href=\"./";
    let page = files.get("index.html").ok_or("Trunk made no index.html.")?;
    let page = String::from_utf8(page.clone()).map_err(|e| format!("index.html: {e}"))?;
    let (mut joined, mut rest) = (String::new(), Vec::new());
    for line in page.lines() {
        let Some((_, link)) = line.split_once(LINK) else {
            rest.push(line);
            continue;
        };
        let (file, _) = link.split_once('"').ok_or(format!("index.html: a link without an end: {line}"))?;
        let style = files.remove(file).ok_or(format!("Trunk made no {file}."))?;
        std::fs::remove_file(folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
        if joined.is_empty() {
            rest.push(LINK);
        }
        joined.push_str(&String::from_utf8(style).map_err(|e| format!("{file}: {e}"))?);
        joined.push('\n');
    }
    if joined.is_empty() {
        return Ok(());
    }
    let styles = BTreeMap::from([(String::new(), joined.into_bytes())]);
    let file = format!("lorascope-{}.css", name(&styles));
    let page = rest.join("\n").replace(LINK, &format!("  {LINK}{file}\">")) + "\n";
    for (file, bytes) in
        [(file, styles.into_values().flatten().collect()), ("index.html".to_owned(), page.into_bytes())]
    {
        std::fs::write(folder.join(&file), &bytes).map_err(|e| format!("{file}: {e}"))?;
        files.insert(file, bytes);
    }
    Ok(())
}

/// Every file below `folder` by its path there, with `/`.
fn collect(folder: &Path, root: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let said = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    for entry in std::fs::read_dir(folder).map_err(|e| said(folder, e))? {
        let path: PathBuf = entry.map_err(|e| said(folder, e))?.path();
        if path.is_dir() {
            collect(&path, root, files)?;
            continue;
        }
        let parts = path.strip_prefix(root).map_err(|e| e.to_string())?.components();
        let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        files.insert(parts.join("/"), std::fs::read(&path).map_err(|e| said(&path, e))?);
    }
    Ok(())
}

/// A short name that other content would not have.
fn name(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Replaces what is there exactly once: a page that changed would otherwise silently keep the wrong policy.
fn replaced(page: &str, from: &str, to: &str) -> Result<String> {
    match page.matches(from).count() {
        1 => Ok(page.replace(from, to)),
        n => Err(format!("A file of the page has {n} times `{from}`, and the build needs it once.")),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<head>\n<meta data-build=\"unfinished\"><meta content=\"connect-src 'self'; worker-src x\">";

    #[test]
    fn a_folder_is_finished() {
        let folder = std::env::temp_dir().join(format!("lorascope-finish-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sample")).unwrap();
        for (file, text) in
            [("index.html", PAGE), ("lorascope.js", "\"unfinished\""), ("a \"b\".css", "x"), ("sample/c.bin", "y")]
        {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let worker = folder.with_extension("js");
        std::fs::write(&worker, "// the worker\n").unwrap();
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        finish(&folder, &worker).unwrap();
        let (index, by_address, service) = (read("index.html"), read("url.html"), read("sw.js"));
        // Finished again, the page has no place for a name.
        assert!(finish(&folder, &worker).unwrap_err().contains("unfinished"));
        std::fs::write(folder.join("index.html"), PAGE).unwrap();
        std::fs::write(folder.join("lorascope.js"), "\"unfinished\"").unwrap();
        std::fs::write(folder.join("sample/c.bin"), "z").unwrap();
        finish(&folder, &worker).unwrap();
        assert_ne!(read("index.html"), index, "other files have another name");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::remove_file(&worker).unwrap();

        assert!(index.contains(STRICT) && !index.contains("unfinished") && !index.contains("lorascope-entry"));
        assert!(by_address.contains(BY_ADDRESS) && by_address.contains("lorascope-entry"), "{by_address}");
        assert!(service.ends_with("];\n// the worker\n"), "{service}");
        for file in ["\"index.html\"", "\"url.html\"", "\"sample/c.bin\"", r#""a \"b\".css""#] {
            assert!(service.contains(file), "{file} is not kept: {service}");
        }
        assert!(!service.contains("sw.js"));
    }

    #[test]
    fn styles_are_joined_in_their_order() {
        let folder = std::env::temp_dir().join(format!("lorascope-styles-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let page = "<head>\n  <link rel=\"stylesheet\" href=\"./b.css\" integrity=\"x\"/>\n  <title></title>\n  \
                    <link rel=\"stylesheet\" href=\"./a.css\"/>\n</head>";
        for (file, text) in [("index.html", page), ("a.css", "p { top: 1px }"), ("b.css", "p { top: 2px }")] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let mut files = BTreeMap::new();
        collect(&folder, &folder, &mut files).unwrap();
        join_styles(&folder, &mut files).unwrap();
        let mut left = BTreeMap::new();
        collect(&folder, &folder, &mut left).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, files);
        let style = left.keys().find(|file| file.ends_with(".css")).unwrap();
        assert_eq!(left[style], b"p { top: 2px }\np { top: 1px }\n");
        let page = String::from_utf8(left["index.html"].clone()).unwrap();
        assert_eq!(
            page,
            format!("<head>\n  <link rel=\"stylesheet\" href=\"./{style}\">\n  <title></title>\n</head>\n")
        );
    }

    #[test]
    fn a_page_without_the_policy_is_refused() {
        assert!(replaced("connect-src *", STRICT, BY_ADDRESS).is_err());
        assert!(replaced(&format!("{STRICT}{STRICT}"), STRICT, BY_ADDRESS).is_err());
    }
}
