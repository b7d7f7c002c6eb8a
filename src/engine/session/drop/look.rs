//! A look at the beginning of a file, before the rest of it is fetched.

use crate::intake::sort_drop;
use crate::session::drop::outline::outline;
use crate::source::http::{Head, Remote, words};
use lorascope_format::adapter;
use lorascope_format::bytes::Joined;
use lorascope_format::container::sniff::{Foreign, foreign};
use lorascope_format::container::{claimed_len, header_end};
use lorascope_protocol::report::Outline;

/// As much as is read to find the end of a GGUF file's header, which nothing announces.
const MAX_GGUF: u64 = 16 << 20;

pub(crate) enum Look {
    Adapter(Box<Outline>),
    /// Nothing to say before it is here: a checkpoint, or a file that does not tell its length.
    Other,
    /// The beginning must reach to this byte.
    More(u64),
}

/// # Errors
/// A sentence: it is of no use.
pub(crate) async fn at<S: Joined, B>(remote: &mut Remote<S, B>, config: Option<&Remote<S, B>>) -> Result<Look, String> {
    match foreign(remote.head()) {
        Some(Foreign::Html) => return Err(words::web_page(&remote.address)),
        Some(Foreign::LfsPointer) => return Err(words::pointer(&remote.address)),
        _ => {}
    }
    let here = remote.head().len() as u64;
    let is_gguf = remote.head().starts_with(b"GGUF");
    if !is_gguf && let Some(end) = header_end(remote.head()) {
        let is_inside = remote.total().is_none_or(|total| end <= total);
        if is_inside && end > here && !remote.is_complete() {
            return Ok(Look::More(end));
        }
        // A server that does not tell the length of a file: the header does.
        if remote.total().is_none()
            && !remote.is_stream()
            && let Some(len) = claimed_len(remote.head())
        {
            remote.expect_total(len);
        }
    }
    let claimed = || claimed_len(remote.head()).filter(|_| !is_gguf);
    let Some(len) = remote.total().or_else(claimed) else { return Ok(Look::Other) };
    let mut files = vec![Head::new(remote.path.clone(), remote.head(), len)];
    if let Some(config) = config {
        files.push(Head::new(config.path.clone(), config.head(), config.head().len() as u64));
    }
    let sorted = sort_drop(files).await;
    let Some(file) = sorted.adapters.into_iter().next() else {
        if !sorted.checkpoints.is_empty() || sorted.problems.is_empty() {
            return Ok(Look::Other);
        }
        if is_gguf && !remote.is_complete() && here < MAX_GGUF {
            return Ok(Look::More((here * 4).min(MAX_GGUF)));
        }
        return if is_gguf && !remote.is_complete() { Ok(Look::Other) } else { Err(sorted.problems.join(" ")) };
    };
    let settings = file.config.as_ref().map(|config| &config.config);
    let adapter = adapter::read(&file.header, settings).map_err(|error| format!("{}: {error}", remote.path))?;
    Ok(Look::Adapter(Box::new(outline(&file.label, len, &adapter))))
}
