//! What in an adapter disagrees with itself, in sentences for a person.

use super::config::PeftConfig;
use super::{Formula, Module, Update};
use crate::container::{Format, Header, quoted};

/// One sentence for all modules whose tensors have another rank than the configuration says.
pub fn rank_disagreement(modules: &[Module], config: Option<&PeftConfig>) -> Option<String> {
    let config = config?;
    let differing = modules.iter().filter(|m| m.rank > 0).filter_map(|m| {
        let said = config.rank_of(m.parameter())?;
        (said != u64::from(m.rank)).then_some((m, said))
    });
    let differing: Vec<_> = differing.collect();
    let (first, said) = differing.first()?;
    Some(format!(
        "adapter_config.json gives another rank than the tensors for {} of {} modules, first for {}: {said} there, {} in \
         the tensors. The tensors' rank is used.",
        differing.len(),
        modules.len(),
        quoted(&first.name),
        first.rank,
    ))
}

/// kohya's `ss_network_dim`, where no module has that rank: a resized or merged file.
pub fn dim_disagreement(modules: &[Module], dim: Option<u64>) -> Option<String> {
    let dim = dim.filter(|&dim| modules.iter().all(|m| u64::from(m.rank) != dim))?;
    let ranks = || modules.iter().map(|m| m.rank).filter(|&rank| rank > 0);
    let (least, most) = (ranks().min()?, ranks().max()?);
    let ranks = if least == most { format!("rank {least}") } else { format!("ranks {least} to {most}") };
    Some(format!(
        "The file's metadata says ss_network_dim {dim}, and its tensors have {ranks}, as after resizing or merging. The \
         tensors' ranks are used."
    ))
}

/// llama.cpp reorders the rows of q and k for its rotary embedding where the model is a Llama
/// (`convert_hf_to_gguf.py`, `LlamaModel.permute`). Singular values do not see it; weights of the original model do.
pub fn permuted(header: &Header, modules: &[Module]) -> Option<String> {
    let is_llama = header.metadata.get("general.architecture").is_some_and(|name| name == "llama");
    let turned = modules.iter().any(|m| matches!(m.role.as_str(), "q" | "k"));
    (header.format == Format::Gguf && is_llama && turned).then(|| {
        "llama.cpp stores the rows of q_proj and k_proj of a Llama in an order of its own. The profile does not depend on \
         it; an alignment with a checkpoint in the original order is right for the other modules only."
            .to_owned()
    })
}

/// Which layers of the base the adapter's are.
fn replication(config: &PeftConfig, modules: &[Module]) -> Option<String> {
    const SHOWN: usize = 40;
    let own = 0..config.base_layers.len();
    modules.iter().find(|module| module.base_name.is_some())?;
    let listed = |numbers: &mut dyn Iterator<Item = String>| {
        let mut text = numbers.take(SHOWN).collect::<Vec<_>>().join(", ");
        if own.len() > SHOWN {
            text.push_str(", …");
        }
        text
    };
    Some(format!(
        "layer_replication: the adapter's layers {} are the base's {}. Its modules are matched with the base's weights so.",
        listed(&mut own.clone().map(|layer| layer.to_string())),
        listed(&mut config.base_layers.iter().map(u32::to_string)),
    ))
}

/// What the configuration itself gives cause to say.
pub fn config_warnings(config: &PeftConfig, modules: &[Module]) -> Vec<String> {
    let mut warnings = config.warnings.clone();
    if let Some(mlx) = config.mlx {
        warnings.extend(mlx.scale.zip(mlx.alpha).map(|(scale, alpha)| {
            format!(
                "adapter_config.json gives a scale ({scale}) and an alpha ({alpha}). Taken is scale·alpha/rank, the rule \
                 of MLX's versions that wrote both."
            )
        }));
        if mlx.divides && mlx.scale.is_none() && mlx.alpha.is_some() {
            warnings.push(
                "The scale is alpha/rank, as mlx-vlm has it since 0.4.5. Versions to 0.4.4 took alpha itself: an adapter \
                 that was trained with one of those is rank times stronger there."
                    .to_owned(),
            );
        }
        return warnings;
    }
    warnings.extend(replication(config, modules));
    let pairs = |m: &Module| {
        let update = m.update.alone().map(Update::formula);
        matches!(update, Some(None | Some(Formula::Product { .. } | Formula::Strided { .. })))
    };
    if config.peft_type != "LORA" && modules.iter().all(pairs) {
        let peft_type = quoted(&config.peft_type);
        warnings.push(format!(
            "adapter_config.json says the adapter is {peft_type}; its tensors are ordinary LoRA pairs and are read as such."
        ));
    }
    if ["pissa", "olora", "corda", "lora_ga"].iter().any(|init| config.init.starts_with(init)) {
        warnings.push(format!(
            "The adapter was trained from a changed base (init_lora_weights is {}): s·B·A is not its whole difference \
             from the original model.",
            quoted(&config.init)
        ));
    }
    warnings
}
