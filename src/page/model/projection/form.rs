//! The form of a projection, and the request that it makes.

use super::rank::RankField;
use super::sizes::{Role, SizeRow, roles};
use lorascope_protocol::ItemId;
use lorascope_protocol::projection::models::MODELS;
use lorascope_protocol::projection::{Layers, Method, OutputType, Request, SizeOf, Target};
use lorascope_protocol::report::ModuleReport;

/// Where the adapter is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// The sizes stay: "Resize".
    #[default]
    Same,
    /// A `config.json` or a checkpoint that was dropped.
    Item(ItemId),
    /// A model of [`MODELS`], by its id.
    Listed(&'static str),
    /// Sizes typed in.
    ByHand,
}

impl Goal {
    /// Stable word for form values.
    pub fn key(&self) -> String {
        match self {
            Goal::Same => "same".to_owned(),
            Goal::ByHand => "by-hand".to_owned(),
            Goal::Item(item) => format!("item:{item}"),
            Goal::Listed(id) => format!("model:{id}"),
        }
    }

    pub fn from_key(key: &str) -> Option<Goal> {
        match key.split_once(':') {
            None if key == "same" => Some(Goal::Same),
            None if key == "by-hand" => Some(Goal::ByHand),
            Some(("item", item)) => item.parse().ok().map(Goal::Item),
            Some(("model", id)) => MODELS.iter().find(|model| model.id == id).map(|model| Goal::Listed(model.id)),
            _ => None,
        }
    }
}

/// Everything that a person can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub goal: Goal,
    /// The sizes of [`Goal::ByHand`].
    pub by_hand: Vec<SizeRow>,
    /// Sizes that go before those of a target model.
    pub instead: Vec<SizeRow>,
    pub layers: Layers,
    pub method: Method,
    pub rank: RankField,
    pub uniform: bool,
    pub dtype: Option<OutputType>,
    pub base_model: String,
    next_row: u32,
}

impl Default for Form {
    fn default() -> Form {
        Form {
            goal: Goal::Same,
            by_hand: Vec::new(),
            instead: Vec::new(),
            layers: Layers::SameIndex,
            method: Method::Svd,
            rank: RankField::default(),
            uniform: false,
            dtype: None,
            base_model: String::new(),
            next_row: 0,
        }
    }
}

impl Form {
    /// The rows that count for the chosen goal.
    pub fn sizes(&self) -> &[SizeRow] {
        match self.goal {
            Goal::Same => &[],
            Goal::ByHand => &self.by_hand,
            Goal::Item(_) | Goal::Listed(_) => &self.instead,
        }
    }

    fn sizes_mut(&mut self) -> &mut Vec<SizeRow> {
        if self.goal == Goal::ByHand { &mut self.by_hand } else { &mut self.instead }
    }

    /// Chooses a goal; sizes by hand begin with a row to fill.
    pub fn choose(&mut self, goal: Goal, modules: &[ModuleReport]) {
        self.goal = goal;
        if self.goal == Goal::ByHand && self.by_hand.is_empty() {
            self.add_size(modules);
        }
    }

    /// Another row, for the first role that has none yet, with the size that its modules have now.
    pub fn add_size(&mut self, modules: &[ModuleReport]) {
        let roles = roles(modules);
        let taken = |role: &Role| self.sizes().iter().any(|row| row.of == SizeOf::Role(role.name.clone()));
        let Some(role) = roles.iter().find(|role| !taken(role)).or(roles.first()) else { return };
        let [outputs, inputs] = role.shape.map(|n| n.to_string());
        let row = SizeRow { id: self.next_row, of: SizeOf::Role(role.name.clone()), outputs, inputs };
        self.next_row += 1;
        self.sizes_mut().push(row);
    }

    pub fn remove_size(&mut self, id: u32) {
        self.sizes_mut().retain(|row| row.id != id);
    }

    /// Changes one row.
    pub fn size(&mut self, id: u32, change: impl FnOnce(&mut SizeRow)) {
        if let Some(row) = self.sizes_mut().iter_mut().find(|row| row.id == id) {
            change(row);
        }
    }

    /// Whose size a row gives; a role brings the size that its modules have now.
    pub fn size_of(&mut self, id: u32, of: SizeOf, modules: &[ModuleReport]) {
        if self.sizes().iter().any(|row| row.id == id && row.of == of) {
            return;
        }
        let now = match &of {
            SizeOf::Role(name) => roles(modules).into_iter().find(|role| role.name == *name).map(|role| role.shape),
            SizeOf::Module(name) => modules.iter().find(|m| m.name == *name).map(|m| m.shape),
        };
        self.size(id, |row| {
            row.of = of;
            if let Some([outputs, inputs]) = now {
                (row.outputs, row.inputs) = (outputs.to_string(), inputs.to_string());
            }
        });
    }

    /// An item is gone: if it was the goal, the sizes stay as they are.
    pub fn lost(&mut self, item: ItemId) {
        if self.goal == Goal::Item(item) {
            self.goal = Goal::Same;
        }
    }

    /// Do the rank's controls count?
    pub fn has_rank(&self) -> bool {
        self.method == Method::Svd
    }

    /// What is asked for an adapter of these modules.
    ///
    /// # Errors
    /// Which field holds no usable value, and what to give instead.
    pub fn request(&self, modules: &[ModuleReport]) -> Result<Request, String> {
        let rank = if self.has_rank() { self.rank.value()? } else { lorascope_protocol::projection::RankRule::Source };
        let mut sizes = Vec::new();
        for row in self.sizes() {
            // A role of another adapter that was in view before: it waits.
            let waits = matches!(&row.of, SizeOf::Role(role) if modules.iter().all(|m| m.role != *role));
            if !waits {
                sizes.push(row.size(modules)?);
            }
        }
        let target = match &self.goal {
            Goal::Same | Goal::ByHand => Target::Unchanged,
            Goal::Item(item) => Target::Item(*item),
            Goal::Listed(id) => Target::Listed((*id).to_owned()),
        };
        let base_model = Some(self.base_model.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
        Ok(Request {
            method: self.method,
            rank,
            uniform: self.uniform && self.has_rank(),
            target,
            sizes,
            layers: self.layers,
            dtype: self.dtype,
            base_model,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::module;
    use lorascope_protocol::projection::{RankRule, Size};

    fn modules() -> Vec<ModuleReport> {
        let mut modules: Vec<ModuleReport> = (0..3).map(|l| module(&format!("{l}.q"), Some(l), "q", 4)).collect();
        modules.push(module("0.v", Some(0), "v", 4));
        modules[0].shape = [128, 32];
        modules
    }

    #[test]
    fn the_default_form_is_the_default_request() {
        assert_eq!(Form::default().request(&modules()), Ok(Request::default()));
    }

    #[test]
    fn goals_travel_by_their_keys() {
        for goal in [Goal::Same, Goal::ByHand, Goal::Item(7), Goal::Listed(MODELS[0].id)] {
            assert_eq!(Goal::from_key(&goal.key()), Some(goal));
        }
        for key in ["", "nonsense", "model:nonsense", "item:x"] {
            assert_eq!(Goal::from_key(key), None, "{key}");
        }
    }

    #[test]
    fn sizes_by_hand_begin_with_what_is_there() {
        let (mut form, modules) = (Form::default(), modules());
        form.choose(Goal::ByHand, &modules);
        form.add_size(&modules);
        let request = form.request(&modules).unwrap();
        assert_eq!(request.target, Target::Unchanged);
        assert_eq!(request.sizes.len(), 2);
        assert_eq!(request.sizes[0], Size { of: SizeOf::Role("q".into()), shape: [64, 32] });
        let first = form.by_hand[0].id;
        form.size(first, |row| row.inputs = " 2048 ".into());
        assert_eq!(form.request(&modules).unwrap().sizes[0].shape, [64, 2048]);
        form.size_of(first, SizeOf::Module("0.q".into()), &modules);
        assert_eq!(form.request(&modules).unwrap().sizes[0].shape, [128, 32]);
        form.remove_size(first);
        assert_eq!(form.request(&modules).unwrap().sizes.len(), 1);
        form.choose(Goal::Listed(MODELS[0].id), &modules);
        let request = form.request(&modules).unwrap();
        assert!(request.sizes.is_empty(), "the rows of one goal are not those of another");
        assert_eq!(request.target, Target::Listed(MODELS[0].id.to_owned()));
    }

    #[test]
    fn only_valid_sizes_are_sent() {
        let (mut form, modules) = (Form::default(), modules());
        form.choose(Goal::ByHand, &modules);
        let id = form.by_hand[0].id;
        for text in ["", "0", "-1", "4096.5", "many", "9007199254740993", "99999999999999999999"] {
            form.size(id, |row| row.outputs = text.into());
            let refused = form.request(&modules).unwrap_err();
            assert!(refused.starts_with("q: the outputs"), "{text}: {refused}");
        }
        form.size(id, |row| row.outputs = "1000000000".into());
        assert!(form.request(&modules).is_ok(), "what is too large, the plan says");
        form.size(id, |row| row.of = SizeOf::Module("9.q".into()));
        assert!(form.request(&modules).unwrap_err().contains("9.q"));
        form.size(id, |row| row.of = SizeOf::Module(String::new()));
        assert!(form.request(&modules).is_err());
        form.size(id, |row| row.of = SizeOf::Role("up".into()));
        assert_eq!(form.request(&modules).unwrap().sizes, [], "a role that is not there waits");
    }

    #[test]
    fn only_svd_has_a_rank() {
        let mut form = Form { uniform: true, ..Form::default() };
        form.rank.typed("8");
        let request = form.request(&modules()).unwrap();
        assert_eq!((request.rank, request.uniform), (RankRule::Number(8), true));
        for method in [Method::Truncate, Method::Interpolate] {
            form.method = method;
            form.rank.typed("nonsense");
            let request = form.request(&modules()).unwrap();
            assert_eq!((request.rank, request.uniform), (RankRule::Source, false));
            assert_eq!(request.method, method);
        }
        form.method = Method::Svd;
        assert!(form.request(&modules()).is_err());
    }

    #[test]
    fn a_lost_goal_falls_back() {
        let mut form = Form { goal: Goal::Item(3), ..Form::default() };
        form.lost(4);
        assert_eq!(form.goal, Goal::Item(3));
        form.lost(3);
        assert_eq!(form.goal, Goal::Same);
    }
}
