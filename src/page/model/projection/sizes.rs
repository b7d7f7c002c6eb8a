//! Sizes by hand: rows of a form, and the roles that they can be for.

use lorascope_protocol::projection::{Size, SizeOf};
use lorascope_protocol::report::ModuleReport;

/// One size typed in: whose, and the texts of its two fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeRow {
    /// Tells rows apart; never reused.
    pub id: u32,
    pub of: SizeOf,
    pub outputs: String,
    pub inputs: String,
}

impl SizeRow {
    /// The size that the row gives.
    ///
    /// # Errors
    /// What the row lacks, in words.
    pub fn size(&self, modules: &[ModuleReport]) -> Result<Size, String> {
        let whose = match &self.of {
            SizeOf::Role(role) => role.as_str(),
            SizeOf::Module(name) if name.is_empty() => return Err("Name the module whose size you give.".to_owned()),
            SizeOf::Module(name) if modules.iter().all(|m| m.name != *name) => {
                return Err(format!("This adapter has no module {name}. Give a name as the table of modules has it."));
            }
            SizeOf::Module(name) => name.as_str(),
        };
        let number = |text: &str, what: &str| {
            // Beyond 2⁵³ a number would not reach the engine exactly; what is too large before that, the plan says.
            let n = text.trim().parse::<u64>().ok().filter(|n| (1..1 << 53).contains(n));
            n.ok_or_else(|| format!("{whose}: the {what} are a whole number from 1 up, such as 4096."))
        };
        Ok(Size { of: self.of.clone(), shape: [number(&self.outputs, "outputs")?, number(&self.inputs, "inputs")?] })
    }
}

/// The modules of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub modules: usize,
    /// The commonest `[out, in]`.
    pub shape: [u64; 2],
    /// Not all of them have it.
    pub mixed: bool,
}

/// A shape, and how many modules have it.
type Counted = ([u64; 2], usize);

/// An adapter's roles, in the order of its modules.
pub fn roles(modules: &[ModuleReport]) -> Vec<Role> {
    // A handful of roles, each of few sizes: lists are quicker here than maps, and smaller.
    let mut found: Vec<(&str, Vec<Counted>)> = Vec::new();
    for m in modules {
        let place = found.iter().position(|(name, _)| *name == m.role).unwrap_or_else(|| {
            found.push((&m.role, Vec::new()));
            found.len() - 1
        });
        let shapes = &mut found[place].1;
        match shapes.iter_mut().find(|(shape, _)| *shape == m.shape) {
            Some((_, count)) => *count += 1,
            None => shapes.push((m.shape, 1)),
        }
    }
    let role = |(name, shapes): (&str, Vec<Counted>)| {
        let (shape, _) = *shapes.iter().max_by_key(|(_, count)| *count)?;
        let modules = shapes.iter().map(|(_, count)| count).sum();
        Some(Role { name: name.to_owned(), modules, shape, mixed: shapes.len() > 1 })
    };
    found.into_iter().filter_map(role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::module;

    #[test]
    fn roles_with_their_commonest_size() {
        let mut modules: Vec<ModuleReport> = (0..3).map(|l| module(&format!("{l}.q"), Some(l), "q", 4)).collect();
        modules.push(module("0.v", Some(0), "v", 4));
        modules[0].shape = [128, 32];
        let roles = roles(&modules);
        assert_eq!(roles.len(), 2);
        assert_eq!(roles[0], Role { name: "q".into(), modules: 3, shape: [64, 32], mixed: true });
        assert_eq!((roles[1].modules, roles[1].mixed), (1, false));
    }
}
