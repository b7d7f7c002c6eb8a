//! Adapters behind addresses: found, looked at by their headers, then fetched and taken like a drop.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::session::drop::look::{self, Look};
use crate::session::drop::{Origin, Verdict};
use crate::session::holdings::Holdings;
use crate::session::{Chosen, Emit, Session, warning};
use crate::source::http::{self, Line, Network, Remote, Stop, Watch, words};
use lorascope_format::bytes::Joined;
use lorascope_kernels::Pulse;
use lorascope_protocol::address::{self, RemoteFile, Repository, Wanted};
use lorascope_protocol::{About, ItemId, Problem, Progress, ToPage};

/// The longest configuration or list of files that is read.
const MAX_JSON: u64 = 4 << 20;

/// One file of weights whose beginning is here, and the configuration beside it.
struct Opened<S: Joined, B> {
    file: RemoteFile,
    remote: Remote<S, B>,
    config: Option<Remote<S, B>>,
    /// What its outline was told of.
    item: Option<ItemId>,
}

/// What the addresses of one load gave.
struct Gathered<S> {
    files: Vec<S>,
    /// The address of every file of weights, by its path.
    origins: HashMap<String, Origin>,
    /// Of the addresses that gave nothing.
    problems: Vec<Problem>,
    remarks: Vec<String>,
}

/// The session, as the network sees it.
struct Waiting<'a, P, E> {
    chosen: &'a Chosen<P>,
    emit: &'a E,
}

impl<P: Pulse + Clone, E: Emit> Watch for Waiting<'_, P, E> {
    async fn is_cancelled(&self) -> bool {
        self.chosen.is_cancelled().await
    }

    fn tell(&self, text: String, done: u64, total: u64) {
        self.emit.emit(ToPage::Fetching(Progress { text, done, total }));
    }
}

impl<S: Joined, P: Pulse + Clone, E: Emit> Session<S, P, E> {
    /// Loads what the addresses lead to, all of it as one drop: `error` if and only if nothing of it could be analysed.
    pub async fn load_addresses<N: Network>(&mut self, addresses: &[String], network: &N) {
        self.trash = None;
        self.emit.emit(ToPage::Loading);
        let first = self.held.coming();
        let watch = Waiting { chosen: &self.chosen, emit: &self.emit };
        let coming = RefCell::new(&mut self.held);
        let gathering = Gathering { line: Line::new(network, &watch), emit: &self.emit, coming };
        match gathering.all(addresses).await {
            Ok(Gathered { files, origins, mut problems, remarks }) => {
                problems.extend(remarks.into_iter().map(warning));
                self.origins = origins;
                self.load_beside(files, Verdict { good: false, problems }, first).await;
                self.origins.clear();
            }
            Err(Cancelled) => self.cancelled(first).await,
        }
    }
}

struct Cancelled;

struct Gathering<'a, N, W, E, S> {
    line: Line<'a, N, W>,
    emit: &'a E,
    /// For the ids of what is to come.
    coming: RefCell<&'a mut Holdings<S>>,
}

impl<N: Network, W: Watch, E: Emit, S: Joined> Gathering<'_, N, W, E, S> {
    async fn all(&self, addresses: &[String]) -> Result<Gathered<S>, Cancelled> {
        let mut gathered = Gathered { files: vec![], origins: HashMap::new(), problems: vec![], remarks: vec![] };
        let mut waiting = Vec::new();
        // Every header comes before the first weights.
        for (n, address) in addresses.iter().enumerate() {
            if addresses[..n].contains(address) {
                continue;
            }
            match self.open(address).await {
                Ok(opened) => {
                    let is_one = opened.len() == 1;
                    waiting.extend(opened.into_iter().map(|opened| (address.clone(), is_one, opened)));
                }
                Err(stop) => gathered.fail(address, stop)?,
            }
        }
        tell_apart(waiting.iter_mut().map(|(_, _, opened)| opened));
        for (address, is_one, opened) in waiting {
            let (path, own, item) = (opened.remote.path.clone(), opened.file.address.clone(), opened.item);
            match self.fetch(opened, &mut gathered).await {
                // Of several files behind one address each has its own.
                Ok(()) => {
                    let origin = Origin { address: if is_one { address } else { own }, item };
                    gathered.origins.insert(path, origin);
                }
                Err(stop) => gathered.fail(&address, stop)?,
            }
        }
        Ok(gathered)
    }

    /// Finds what an address leads to, and reads the beginning of it.
    async fn open(&self, address: &str) -> Result<Vec<Opened<S, N::Body>>, Stop> {
        match address::parse(address).map_err(Stop::Failed)? {
            Wanted::File(file) => Ok(vec![self.open_file(file).await?]),
            Wanted::Repository(repository) => match self.open_file(repository.usual()).await {
                Err(Stop::Missing(_)) => self.open_listed(address, &repository).await,
                opened => Ok(vec![opened?]),
            },
        }
    }

    /// A repository without the usual file: what its list says.
    async fn open_listed(&self, address: &str, repository: &Repository) -> Result<Vec<Opened<S, N::Body>>, Stop> {
        let listing = RemoteFile { address: repository.listing(), path: repository.name.clone(), config: None };
        let list: Remote<S, N::Body> = match self.whole(&listing).await {
            Err(Stop::Missing(_)) => return Err(Stop::Failed(words::no_repository(address))),
            list => list?,
        };
        let paths =
            http::choose(list.head()).map_err(|why| Stop::Failed(format!("{}: {why}.", address::shown(address))))?;
        let mut opened = Vec::with_capacity(paths.len());
        for path in paths {
            opened.push(self.open_file(repository.file(&path, true)).await?);
        }
        Ok(opened)
    }

    async fn open_file(&self, file: RemoteFile) -> Result<Opened<S, N::Body>, Stop> {
        let mut remote = self.line.open(&file).await?;
        let config = match &file.config {
            Some(config) => self.config(config).await?,
            None => None,
        };
        let item = self.look(&mut remote, config.as_ref()).await?;
        Ok(Opened { file, remote, config, item })
    }

    /// The configuration beside the weights. It need not be there; a host without it may answer with anything.
    async fn config(&self, file: &RemoteFile) -> Result<Option<Remote<S, N::Body>>, Stop> {
        match self.whole(file).await {
            Ok(remote) if remote.is_complete() && remote.head().trim_ascii_start().starts_with(b"{") => {
                Ok(Some(remote))
            }
            Err(Stop::Cancelled) => Err(Stop::Cancelled),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// A short file, read as a whole.
    async fn whole(&self, file: &RemoteFile) -> Result<Remote<S, N::Body>, Stop> {
        let mut remote = self.line.open(file).await?;
        self.line.read_head(&mut remote, MAX_JSON).await?;
        Ok(remote)
    }

    /// Says what the header says; refuses what is of no use before the rest of it is fetched.
    async fn look(
        &self,
        remote: &mut Remote<S, N::Body>,
        config: Option<&Remote<S, N::Body>>,
    ) -> Result<Option<ItemId>, Stop> {
        loop {
            match look::at(remote, config).await.map_err(Stop::Failed)? {
                Look::Adapter(outline) => {
                    let item = self.coming.borrow_mut().next_id();
                    self.emit.emit(ToPage::Outline { item, outline });
                    return Ok(Some(item));
                }
                Look::Other => return Ok(None),
                Look::More(to) => self.line.read_head(remote, to).await?,
            }
        }
    }

    /// Fetches the rest of a file. One that changed meanwhile is begun anew, once.
    async fn fetch(&self, opened: Opened<S, N::Body>, gathered: &mut Gathered<S>) -> Result<(), Stop> {
        let Opened { file, mut remote, mut config, .. } = opened;
        let mut fetched = self.line.read_rest(&mut remote).await;
        if fetched == Err(Stop::Changed) {
            let path = remote.path.clone();
            let Opened { remote: new, config: its_own, .. } = self.open_file(file).await?;
            (remote, config) = (new, its_own);
            remote.path = path;
            fetched = self.line.read_rest(&mut remote).await;
        }
        fetched?;
        gathered.remarks.extend(remote.remark());
        let path = remote.path.clone();
        gathered.files.push(remote.into_source()?);
        if let Some(mut config) = config {
            config.path = address::beside(&path);
            // Two files of a folder have one configuration.
            if !gathered.files.iter().any(|file| file.path() == config.path) {
                gathered.files.push(config.into_source()?);
            }
        }
        Ok(())
    }
}

impl<S> Gathered<S> {
    fn fail(&mut self, address: &str, stop: Stop) -> Result<(), Cancelled> {
        let text = match stop {
            Stop::Cancelled => return Err(Cancelled),
            Stop::Missing(text) | Stop::Closed(text) | Stop::Failed(text) => text,
            Stop::Changed => words::changed(address),
        };
        self.problems.push(Problem::warning(About::Address(address.to_owned()), text));
        Ok(())
    }
}

/// Files of different hosts may have the same path: then the host goes before it.
fn tell_apart<'a, S: Joined + 'a, B: 'a>(opened: impl Iterator<Item = &'a mut Opened<S, B>>) {
    let mut known: HashMap<String, String> = HashMap::new();
    for one in opened {
        let path = one.remote.path.clone();
        match known.get(&path) {
            Some(address) if *address != one.file.address => {
                one.remote.path = format!("{}/{path}", words::host(&one.file.address).replace(':', "-"));
            }
            _ => drop(known.insert(path, one.file.address.clone())),
        }
    }
}
