//! A module's spectrum as a file: bars of σ, the energy-kept curve, and what a rank keeps.

use super::svg::{Anchor, Svg, Type};
use super::theme::Theme;
use super::{CHARACTER, Picture, Words, framed, stem};
use crate::model::about::about;
use crate::model::axis::{Scale, ScaleKind};
use crate::model::number::short;
use crate::model::spectrum::{
    PERCENTS, PLOT, bars, curve, energy_kept, height_of, index_ticks, lacks, middle, needs, scale, sentence,
    value_ticks,
};
use lorascope_protocol::report::ModuleReport;

/// How much larger than on the page.
pub const K: f64 = 1.5;
pub const SIZE: f64 = 11.0;

/// The spectrum of `module`, its first `rank` values marked as kept.
pub fn picture(module: &ModuleReport, adapter: &str, rank: usize, kind: ScaleKind, theme: &Theme) -> Picture {
    let sigma = &module.singular_values;
    let kept = energy_kept(sigma, module.truncated.then_some(module.frobenius));
    let said = format!("{} {}", sentence(&kept, rank), needs(&kept));
    let mut notes = vec![said.trim_end().to_owned(), about(module)];
    notes.extend(module.truncated.then(|| lacks(sigma.len())));
    let words = Words {
        title: format!("Spectrum of {}", module.name),
        subtitle: format!("Singular values of ΔW and the energy kept · {adapter}"),
        desc: format!(
            "Bars of {} singular values, and the share of the energy that each rank keeps. {said}",
            sigma.len()
        ),
        notes,
    };
    let name = stem(adapter, "spectrum", &module.name);
    framed(name, theme, &words, [PLOT.width * K, PLOT.height * K + 24.0], |svg| {
        plot(svg, sigma, &kept, rank, kind, theme);
        legend(svg, rank.min(sigma.len()), sigma.len(), theme);
    })
}

fn plot(svg: &mut Svg, sigma: &[f64], kept: &[f64], rank: usize, kind: ScaleKind, theme: &Theme) {
    let (look, n) = (Type::new(SIZE, theme.mute), sigma.len());
    let scale = scale(sigma, kind);
    values(svg, scale, look, theme);
    let accent = theme.accent;
    svg.group([0.0, 0.0], [K, K], |svg| {
        if let Some(scale) = scale {
            let k = rank.min(n);
            svg.path(&bars(sigma, scale, 0..k), &format!("fill=\"{accent}\""));
            svg.path(&bars(sigma, scale, k..n), &format!("fill=\"{accent}\" fill-opacity=\"0.3\""));
        }
        let ink = theme.ink;
        svg.path(
            &curve(kept),
            &format!("fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.2\" stroke-linejoin=\"round\""),
        );
        if let Some((i, share)) = rank.checked_sub(1).and_then(|i| Some((i, *kept.get(i)?))) {
            let look = format!("fill=\"{}\" stroke=\"{ink}\" stroke-width=\"1.2\"", theme.panel);
            svg.circle([middle(i, n), height_of(share)], 3.0, &look);
        }
    });
    indices(svg, scale, n, look, theme);
    for (share, name) in PERCENTS {
        svg.text([PLOT.right * K + 8.0, height_of(share) * K + 4.0], name, look);
    }
    let below = PLOT.bottom * K + 34.0;
    svg.text([PLOT.width * K, below], "energy kept", look.anchored(Anchor::End));
}

/// The values on the axis of σ.
pub fn values(svg: &mut Svg, scale: Option<Scale>, look: Type<'_>, theme: &Theme) {
    for (value, y) in scale.map(value_ticks).unwrap_or_default() {
        svg.line([PLOT.left * K, y * K], [PLOT.right * K, y * K], theme.line);
        svg.text([PLOT.left * K - 8.0, y * K + 4.0], &short(value), look.anchored(Anchor::End));
    }
}

/// The axis of `n` singular values, and what it is.
pub fn indices(svg: &mut Svg, scale: Option<Scale>, n: usize, look: Type<'_>, theme: &Theme) {
    svg.line([PLOT.left * K, PLOT.bottom * K], [PLOT.right * K, PLOT.bottom * K], theme.faint);
    for i in index_ticks(n) {
        let below = [middle(i, n) * K, PLOT.bottom * K + 16.0];
        svg.text(below, &(i + 1).to_string(), look.anchored(Anchor::Middle));
    }
    let is_log = scale.is_some_and(|scale| scale.kind == ScaleKind::Log);
    let by = if is_log { "σ by index, log scale" } else { "σ by index" };
    svg.text([PLOT.left * K, PLOT.bottom * K + 34.0], by, look);
}

fn legend(svg: &mut Svg, k: usize, n: usize, theme: &Theme) {
    let look = Type::new(SIZE, theme.mute);
    let y = PLOT.bottom * K + 60.0;
    let mut x = PLOT.left * K;
    let mut entry = |svg: &mut Svg, text: &str, mark: &dyn Fn(&mut Svg, f64)| {
        mark(svg, x);
        svg.text([x + 20.0, y], text, look);
        x += 20.0 + (text.chars().count() as f64 + 3.0) * SIZE * CHARACTER;
    };
    let block = |svg: &mut Svg, x: f64, more: &str| {
        let d = format!("M{x} {}h12v10h-12z", y - 9.0);
        svg.path(&d, &format!("fill=\"{}\"{more}", theme.accent));
    };
    if k > 0 {
        entry(svg, &format!("σ kept by rank {k}"), &|svg, x| block(svg, x, ""));
    }
    if k < n {
        entry(svg, "the others", &|svg, x| block(svg, x, " fill-opacity=\"0.3\""));
    }
    entry(svg, "energy kept by each rank", &|svg, x| svg.line([x, y - 4.0], [x + 14.0, y - 4.0], theme.ink));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::picture::tests::{HOSTILE, texts_of};
    use crate::model::testing::module;

    #[test]
    fn axes_legend_and_words_are_there() {
        let m = module("model.layers.0.q_proj", Some(0), "q", 8);
        for (theme, kind) in [(Theme::LIGHT, ScaleKind::Linear), (Theme::DARK, ScaleKind::Log)] {
            let picture = picture(&m, "tutor", 2, kind, &theme);
            let texts = texts_of(&picture);
            let has = |text: &str| texts.iter().any(|t| t == text);
            for text in ["Spectrum of model.layers.0.q_proj", "1", "8", "100 %", "σ kept by rank 2", "the others"] {
                assert!(has(text), "{text} is not in {texts:?}");
            }
            assert!(has(if kind == ScaleKind::Log { "σ by index, log scale" } else { "σ by index" }), "{texts:?}");
            // 4 + 1 of 4·(1 − 4⁻⁸)/(1 − 1/4).
            assert!(texts.iter().any(|t| t.starts_with("Rank 2 keeps 93.8\u{202f}%")), "{texts:?}");
            let document = roxmltree::Document::parse(&picture.svg).unwrap();
            let bars = |opacity: Option<&str>| {
                let mut paths = document.descendants().filter(|n| n.attribute("fill") == Some(theme.accent));
                let path = paths.find(|n| n.attribute("fill-opacity") == opacity).unwrap();
                path.attribute("d").unwrap().matches('M').count()
            };
            assert_eq!((bars(None), bars(Some("0.3"))), (2, 6));
            assert_eq!(picture.stem, "tutor-spectrum-model.layers.0.q_proj");
        }
    }

    #[test]
    fn zero_truncated_and_hostile_modules_have_pictures() {
        let mut m = module(HOSTILE, None, "q", 4);
        m.truncated = true;
        let texts = texts_of(&picture(&m, HOSTILE, 4, ScaleKind::Linear, &Theme::LIGHT));
        assert!(texts.iter().any(|t| t.starts_with("Only the 4 largest")), "{texts:?}");
        assert!(!texts.iter().any(|t| t == "the others"));
        (m.truncated, m.singular_values) = (false, vec![0.0; 4]);
        let texts = texts_of(&picture(&m, "a", 0, ScaleKind::Log, &Theme::LIGHT));
        assert!(texts.iter().any(|t| t.contains("update is zero")), "{texts:?}");
        m.singular_values.clear();
        texts_of(&picture(&m, "a", 7, ScaleKind::Log, &Theme::LIGHT));
    }
}
