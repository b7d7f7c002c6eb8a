//! The tensors of a file by module: a suffix that only proposes a role is taken where the tensors beside it agree.

use std::collections::HashMap;

use super::keys::{self, Family, Key, Role};
use crate::container::{Header, TensorEntry};

/// The tensors of one module.
pub struct Group<'a> {
    /// As the file writes it.
    pub path: &'a str,
    pub family: Family,
    pub(super) tensors: Vec<(Role, &'a TensorEntry)>,
}

impl<'a> Group<'a> {
    pub fn get(&self, role: Role) -> Option<&'a TensorEntry> {
        self.tensors.iter().find(|(r, _)| *r == role).map(|(_, tensor)| *tensor)
    }

    pub fn has(&self, role: Role) -> bool {
        self.get(role).is_some()
    }

    pub fn has_any(&self, is_one: impl Fn(Role) -> bool) -> bool {
        self.tensors.iter().any(|(role, _)| is_one(*role))
    }

    pub fn tensors(&self) -> impl Iterator<Item = (Role, &'a TensorEntry)> {
        self.tensors.iter().copied()
    }

    /// Whether a role that the suffix only proposed is what the tensors beside it say.
    fn agrees(&self, role: Role, tensor: &TensorEntry, family: Family, file: &File) -> bool {
        let product = |r: Role| r.is_pair() || matches!(r, Role::Hada(..) | Role::Kron(..));
        match (role, family) {
            (Role::Alpha, _) => self.has_any(|r| r != Role::Alpha && r.shows_adapter()),
            (Role::Scale, _) => self.has_any(product) && tensor.shape.iter().all(|&d| d == 1),
            (Role::Rescale, _) => self.has(Role::OftBlocks),
            (Role::ReshapeWeight | Role::RowOffset, _) => self.has_any(product),
            (Role::Magnitude, Family::Mlx | Family::Torchtune) => self.has_any(Role::is_pair),
            (Role::Glora(_), _) => (0..4).all(|n| self.has(Role::Glora(n))),
            (Role::A | Role::B, Family::ControlLora) => file.is_control_lora,
            (Role::Named(keys::NUNCHAKU), _) => !file.is_quantised,
            (Role::MlxA | Role::MlxB, _) if is_bare(tensor) => self.is_bare_pair(),
            (Role::Named("T-LoRA"), _) => self.tensors.iter().any(|(_, other)| other.name.ends_with(".lambda_layer")),
            _ => true,
        }
    }

    /// Whether `.A` and `.B` could be MLX's `[in, r]` and `[r, out]`: state-space models have matrices of these names.
    fn is_bare_pair(&self) -> bool {
        let shape = |role| self.get(role).map(|tensor| tensor.shape.as_slice());
        match (shape(Role::MlxA), shape(Role::MlxB)) {
            (Some(&[inputs, r]), Some(&[rank, outputs])) => {
                r == rank && r < inputs.max(outputs) && r <= inputs.min(outputs)
            }
            _ => false,
        }
    }

    /// Whether anything of it is an update.
    pub(super) fn shows_adapter(&self) -> bool {
        self.has_any(Role::shows_adapter)
    }
}

/// Old mlx-vlm's `.A` and `.B`.
fn is_bare(tensor: &TensorEntry) -> bool {
    tensor.name.ends_with(".A") || tensor.name.ends_with(".B")
}

/// What the whole file says about its tensors.
struct File {
    /// It holds the mark of StabilityAI's Control-LoRA.
    is_control_lora: bool,
    /// It holds weights of SVDQuant, whose low-rank branch is called as Nunchaku's LoRA is.
    is_quantised: bool,
}

impl File {
    fn of(header: &Header) -> Self {
        let any = |is_one: fn(&str) -> bool| header.tensors.iter().any(|tensor| is_one(&tensor.name));
        Self {
            is_control_lora: any(|name| name == "lora_controlnet"),
            is_quantised: any(|name| name.ends_with(".qweight")),
        }
    }
}

/// The tensors by module, and those that are in none: where a suffix is only a proposal, the others decide.
#[inline(never)]
pub(super) fn gather<'a>(header: &'a Header) -> (Vec<Gathered<'a>>, Vec<&'a TensorEntry>) {
    let mut groups: Vec<Gathered<'a>> = Vec::new();
    let mut by_path: HashMap<&str, usize> = HashMap::new();
    let mut plain = Vec::new();
    for tensor in &header.tensors {
        let Some(key) = keys::parse(&tensor.name) else {
            plain.push(tensor);
            continue;
        };
        let at = *by_path.entry(key.path).or_insert_with(|| {
            let group = Group { path: key.path, family: key.family, tensors: Vec::new() };
            groups.push(Gathered { group, keys: Vec::new() });
            groups.len() - 1
        });
        groups[at].group.tensors.push((key.role, tensor));
        groups[at].keys.push(key);
    }
    // LyCORIS calls IA³'s vector `weight`, as a model calls its own.
    plain.retain(|tensor| {
        let owner = tensor.name.strip_suffix(".weight").and_then(|path| by_path.get(path));
        let Some(gathered) = owner.map(|&at| &mut groups[at]).filter(|g| g.group.has(Role::OnInput)) else {
            return true;
        };
        let path = gathered.group.path;
        gathered.group.tensors.push((Role::Ia3Weight, tensor));
        gathered.keys.push(Key { path, role: Role::Ia3Weight, adapter: None, family: Family::Lycoris });
        false
    });
    let file = File::of(header);
    for gathered in &mut groups {
        let agrees: Vec<bool> = gathered
            .keys
            .iter()
            .zip(&gathered.group.tensors)
            .map(|(key, (role, tensor))| gathered.group.agrees(*role, tensor, key.family, &file))
            .collect();
        let mut keep = agrees.iter();
        gathered.keys.retain(|_| keep.next().copied().unwrap_or(true));
        let mut keep = agrees.iter();
        gathered.group.tensors.retain(|(_, tensor)| {
            let stays = keep.next().copied().unwrap_or(true);
            if !stays {
                plain.push(tensor);
            }
            stays
        });
    }
    groups.retain(|gathered| !gathered.keys.is_empty());
    for Gathered { group, keys } in &mut groups {
        // An alpha or a magnitude may come first, and belongs to more than one family.
        let decides = |key: &&Key<'_>| key.role.shows_adapter() && key.role != Role::Magnitude;
        group.family = keys.iter().find(decides).map_or(group.family, |key| key.family);
    }
    (groups, plain)
}

/// A group, and the key of each of its tensors.
pub(super) struct Gathered<'a> {
    pub group: Group<'a>,
    pub keys: Vec<Key<'a>>,
}

/// What a file's names show.
pub enum Shown {
    /// At least one update.
    Update,
    /// Only kinds of adapter that are not computed here.
    Named(&'static str),
    Nothing,
}

/// Whether a file is an adapter, by its names.
pub fn shown(header: &Header) -> Shown {
    let (groups, _) = gather(header);
    let is_update = |role: Role| role.shows_adapter() && !matches!(role, Role::Named(_) | Role::TrainedTokens);
    if groups.iter().any(|gathered| gathered.group.has_any(is_update)) {
        return Shown::Update;
    }
    let named = groups.iter().flat_map(|gathered| gathered.group.tensors()).find_map(|(role, _)| match role {
        Role::Named(kind) => Some(kind),
        Role::TrainedTokens => Some("a PEFT adapter of trained token rows, which replace rows of the base's embedding"),
        _ => None,
    });
    named.map_or(Shown::Nothing, Shown::Named)
}
