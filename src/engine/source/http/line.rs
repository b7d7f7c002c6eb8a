//! Reading files through a network: what is asked for, in which order, and what is done when it fails.

use std::cell::Cell;
use std::future::Future;

use super::retry::Tries;
use super::{Answer, Body, Broken, Meaning, Network, Remote, Stop, meaning, words};
use lorascope_format::bytes::ByteSource;
use lorascope_protocol::address::RemoteFile;

/// Bytes of the first request: the headers of most adapters fit, and small files are there at once.
const HEAD: u64 = 256 << 10;
/// Bytes of every other request: few and large, and little to repeat when one breaks off.
const RANGE: u64 = 32 << 20;
/// Milliseconds between two reports of progress.
const REPORT_MS: f64 = 100.0;
/// Milliseconds after which a wait looks whether it was cancelled.
const LOOK_MS: u32 = 200;

/// Who waits for the files.
pub trait Watch {
    fn is_cancelled(&self) -> impl Future<Output = bool>;
    /// What is being done, in words, and how many bytes of how many are here; 0 of 0 where nobody knows.
    fn tell(&self, text: String, done: u64, total: u64);
}

/// One job's way to the network.
pub struct Line<'a, N, W> {
    network: &'a N,
    watch: &'a W,
    told: Cell<f64>,
}

impl<'a, N: Network, W: Watch> Line<'a, N, W> {
    pub fn new(network: &'a N, watch: &'a W) -> Self {
        Self { network, watch, told: Cell::new(f64::NEG_INFINITY) }
    }

    /// Asks for a file, and reads its beginning.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn open<S: ByteSource>(&self, file: &RemoteFile) -> Result<Remote<S, N::Body>, Stop> {
        let mut remote = Remote::new(file);
        self.read_to(&mut remote, HEAD).await?;
        Ok(remote)
    }

    /// Reads the beginning as far as `to`, or to the end of the file.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn read_head<S: ByteSource>(&self, remote: &mut Remote<S, N::Body>, to: u64) -> Result<(), Stop> {
        self.read_to(remote, to).await
    }

    /// Reads all that is not yet here.
    ///
    /// # Errors
    /// It cannot be had, or [`Stop::Changed`].
    pub async fn read_rest<S: ByteSource>(&self, remote: &mut Remote<S, N::Body>) -> Result<(), Stop> {
        remote.seal()?;
        while !remote.is_complete {
            let to = if remote.is_whole { u64::MAX } else { remote.at.saturating_add(RANGE) };
            self.read_to(remote, to).await?;
        }
        remote.flush()
    }

    async fn read_to<S: ByteSource>(&self, remote: &mut Remote<S, N::Body>, to: u64) -> Result<(), Stop> {
        let mut tries = Tries::default();
        loop {
            let to = remote.total.map_or(to, |total| to.min(total));
            remote.is_complete |= remote.total == Some(remote.at);
            if remote.is_complete || remote.at >= to {
                return Ok(());
            }
            let body = match remote.body.take() {
                Some(body) => Some(body),
                None => self.ask(remote, to).await?,
            };
            let Some(body) = body else { continue };
            let Some(why) = self.drain(remote, body, to).await? else { continue };
            // What is here stays: the next request begins where this answer stopped.
            match tries.again() {
                Some(ms) => self.wait(ms).await?,
                None => {
                    let total = remote.total.or(remote.about);
                    return Err(Stop::Failed(words::broke_off(&remote.address, why, remote.at, total)));
                }
            }
        }
    }

    /// Takes an answer's bytes up to `to`. `Some`: it broke off.
    async fn drain<S: ByteSource>(
        &self,
        remote: &mut Remote<S, N::Body>,
        mut body: N::Body,
        to: u64,
    ) -> Result<Option<Broken>, Stop> {
        let before = remote.at;
        loop {
            let next = body.next().await;
            self.check().await?;
            match next {
                Ok(Some(chunk)) => {
                    remote.take(&chunk, to)?;
                    self.report(remote);
                    if remote.at >= to {
                        if remote.is_whole {
                            remote.body = Some(body);
                        }
                        return Ok(None);
                    }
                }
                Ok(None) if remote.is_whole => {
                    if remote.skip > 0 {
                        return Err(Stop::Changed);
                    }
                    (remote.total, remote.is_complete) = (Some(remote.at), true);
                    return Ok(None);
                }
                // A server may send less than it was asked for. Nothing at all is no answer.
                Ok(None) => return Ok((remote.at == before).then_some(Broken::CutOff)),
                Err(why) => return Ok(Some(why)),
            }
        }
    }

    /// Asks for the bytes up to `to` that are not here yet. `None`: there are none.
    async fn ask<S: ByteSource>(&self, remote: &mut Remote<S, N::Body>, to: u64) -> Result<Option<N::Body>, Stop> {
        let (answer, meaning) = self.answer(remote, to).await?;
        let tag = answer.headers.tag();
        if remote.tag.is_some() && tag.is_some() && remote.tag != tag {
            return Err(Stop::Changed);
        }
        remote.tag = remote.tag.take().or(tag);
        let known = remote.total;
        let is_other = |total: Option<u64>| known.is_some() && total.is_some() && known != total;
        match meaning {
            Meaning::Part { total } | Meaning::PastEnd { total } if is_other(total) => Err(Stop::Changed),
            Meaning::Part { total } => {
                (remote.is_whole, remote.skip) = (false, 0);
                remote.total = known.or(total);
                Ok(Some(answer.body))
            }
            Meaning::Whole { length } => {
                (remote.is_whole, remote.skip, remote.about) = (true, remote.at, length);
                Ok(Some(answer.body))
            }
            // The file ends before what was already read of it, or before its header says.
            Meaning::PastEnd { total } if total.is_some_and(|total| total != remote.at) => Err(Stop::Changed),
            _ => {
                (remote.total, remote.is_complete) = (Some(remote.at), true);
                Ok(None)
            }
        }
    }

    /// One request, with all the patience that its server asks for.
    async fn answer<S: ByteSource>(
        &self,
        remote: &Remote<S, N::Body>,
        to: u64,
    ) -> Result<(Answer<N::Body>, Meaning), Stop> {
        let address = &remote.address;
        let asked = remote.at..to.min(remote.at.saturating_add(RANGE));
        let mut tries = Tries::default();
        loop {
            self.check().await?;
            let answer = self.network.get(address, asked.clone()).await;
            self.check().await?;
            let answer = match answer {
                Ok(answer) => answer,
                // A host that never answered will not do so now.
                Err(Broken::Unreachable) if remote.at == 0 => return Err(Stop::Failed(words::unreachable(address))),
                Err(why) => match tries.again() {
                    Some(ms) => {
                        self.wait(ms).await?;
                        continue;
                    }
                    None => return Err(Stop::Failed(words::broke_off(address, why, remote.at, remote.total))),
                },
            };
            let status = answer.status;
            let meaning = meaning(&asked, status, &answer.headers);
            let sentence = match meaning {
                Meaning::Part { .. } | Meaning::Whole { .. } | Meaning::PastEnd { .. } => return Ok((answer, meaning)),
                Meaning::Wait { seconds } => match tries.wait(seconds) {
                    Some(seconds) => {
                        drop(answer);
                        self.wait_for(address, seconds).await?;
                        continue;
                    }
                    None => words::too_many(address),
                },
                Meaning::Fault => match tries.again() {
                    Some(ms) => {
                        drop(answer);
                        self.wait(ms).await?;
                        continue;
                    }
                    None => words::fault(address, status),
                },
                Meaning::Missing => return Err(Stop::Missing(words::missing(address, status))),
                Meaning::Closed => return Err(Stop::Closed(words::closed(address, status))),
                Meaning::Misplaced => words::misplaced(address),
                Meaning::Other => words::other(address, status),
            };
            return Err(Stop::Failed(sentence));
        }
    }

    async fn wait_for(&self, address: &str, seconds: u64) -> Result<(), Stop> {
        for left in (1..=seconds).rev() {
            self.watch.tell(words::waiting(address, left), 0, 0);
            self.wait(1000).await?;
        }
        Ok(())
    }

    async fn wait(&self, ms: u32) -> Result<(), Stop> {
        let mut left = ms;
        while left > 0 {
            let now = left.min(LOOK_MS);
            self.network.pause(now).await;
            self.check().await?;
            left -= now;
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), Stop> {
        if self.watch.is_cancelled().await { Err(Stop::Cancelled) } else { Ok(()) }
    }

    fn report<S: ByteSource>(&self, remote: &Remote<S, N::Body>) {
        let now = self.network.now_ms();
        if now - self.told.get() < REPORT_MS {
            return;
        }
        self.told.set(now);
        let name = lorascope_format::path::file_name(&remote.path);
        let text = format!("Loading {name} from {}", words::host(&remote.address));
        let total = remote.total.or(remote.about).filter(|total| *total >= remote.at).unwrap_or(0);
        self.watch.tell(text, remote.at, total);
    }
}
