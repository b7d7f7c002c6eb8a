//! One suffix of a tensor's name.

use super::{Family, Key, Role};

/// Whether an adapter's name may stand inside the suffix, and where.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Name {
    No,
    Optional,
    Required,
}

/// `.{word}(.{adapter})?{tail}`, longest first where two could match.
pub(super) struct Suffix {
    word: &'static str,
    name: Name,
    tail: &'static str,
    role: Role,
    family: Family,
}

pub(super) const fn suffix(word: &'static str, name: Name, tail: &'static str, role: Role, family: Family) -> Suffix {
    Suffix { word, name, tail, role, family }
}

impl Suffix {
    #[inline(never)]
    pub(super) fn parse<'a>(&self, key: &'a str) -> Option<Key<'a>> {
        let stem = key.strip_suffix(self.tail)?;
        let (role, family) = (self.role, self.family);
        if self.name != Name::Required
            && let Some(path) = self.ends(stem)
        {
            return Some(Key { path, role, adapter: None, family });
        }
        if self.name == Name::No {
            return None;
        }
        let (stem, adapter) = stem.rsplit_once('.')?;
        let path = self.ends(stem)?;
        Some(Key { path, role, adapter: Some(adapter), family })
    }

    /// What stands before `.{word}` at the end of `stem`; a suffix without a module before it is none.
    fn ends<'a>(&self, stem: &'a str) -> Option<&'a str> {
        stem.strip_suffix(self.word)?.strip_suffix('.').filter(|path| !path.is_empty())
    }
}
