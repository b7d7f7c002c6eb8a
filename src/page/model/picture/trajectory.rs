//! The alignment over the steps as a file: lines, each with its name at its end.

use super::svg::{Anchor, Svg, Type};
use super::theme::Theme;
use super::{Picture, Words, framed, stem};
use crate::model::alignment::figures::write_tick;
use crate::model::alignment::trajectory::{AREA, Kind, Line, Trajectory};

/// How much larger than on the page.
const K: f64 = 1.5;
const SIZE: f64 = 11.0;
/// Room for the measure's name above the plot.
const ABOVE: f64 = 10.0;

pub fn picture(trajectory: &Trajectory, adapter: &str, theme: &Theme) -> Picture {
    let figure = trajectory.figure;
    let whole_name = |line: &&Line| matches!(line.kind, Kind::Module);
    let mut notes: Vec<String> =
        trajectory.lines.iter().filter(whole_name).map(|line| format!("Module: {}", line.name)).collect();
    notes.extend(trajectory.about_roles());
    let names: Vec<&str> = trajectory.lines.iter().map(|line| line.name.as_str()).collect();
    let words = Words {
        title: format!("{} over the steps", figure.label),
        subtitle: format!("Alignment of {adapter}"),
        desc: format!(
            "Lines over {} updates, of: {}. {}: {}",
            trajectory.ends.len(),
            names.join(", "),
            figure.label,
            figure.help
        ),
        notes,
    };
    let area = [AREA.width * K, AREA.height * K + ABOVE];
    framed(stem(adapter, "trajectory", figure.key), theme, &words, area, |svg| {
        svg.text([0.0, 0.0], &format!("{}: {}", figure.label, figure.unit), Type::new(SIZE, theme.ink));
        svg.group([0.0, ABOVE], [1.0, 1.0], |svg| draw(svg, trajectory, theme));
    })
}

fn draw(svg: &mut Svg, trajectory: &Trajectory, theme: &Theme) {
    let look = Type::new(SIZE, theme.mute);
    for (value, y) in trajectory.value_ticks() {
        let stroke = if value == 0.0 { theme.mute } else { theme.line };
        svg.line([AREA.left * K, y * K], [AREA.right * K, y * K], stroke);
        let text = write_tick(trajectory.figure, value);
        svg.text([AREA.left * K - 8.0, y * K + 4.0], &text, look.anchored(Anchor::End));
    }
    // The adapter's own line lies on top.
    for (line, name_y) in trajectory.lines.iter().zip(trajectory.name_heights()).rev() {
        draw_line(svg, trajectory, line, name_y, theme);
    }
    for (x, text) in trajectory.ticks() {
        svg.text([x * K, AREA.bottom * K + 18.0], &text, look.anchored(Anchor::Middle));
    }
    svg.text([AREA.left * K, AREA.bottom * K + 38.0], trajectory.below(), look);
}

fn draw_line(svg: &mut Svg, trajectory: &Trajectory, line: &Line, name_y: Option<f64>, theme: &Theme) {
    let (colour, width, dashes) = match line.kind {
        Kind::Whole => (theme.accent, 2.0, ""),
        Kind::Chance => (theme.mute, 1.0, " stroke-dasharray=\"4 3\""),
        Kind::Module => (theme.ink, 1.5, ""),
        Kind::Role(n) => (theme.roles[n % theme.roles.len()], 1.0, ""),
    };
    svg.group([0.0, 0.0], [K, K], |svg| {
        let look =
            format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}");
        svg.path(&trajectory.path(line), &look);
        for [x, y] in trajectory.dots(line) {
            svg.circle([x, y], 2.2, &format!("fill=\"{colour}\""));
        }
    });
    if let Some(y) = name_y {
        let look = Type::new(SIZE, colour);
        let look = if line.kind == Kind::Whole { look.bold() } else { look };
        svg.text([AREA.right * K + 12.0, y * K + 4.0], &line.margin_name(), look);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::alignment::figures::CAPTURE;
    use crate::model::alignment::joined::Joined;
    use crate::model::alignment::testing::aligned;
    use crate::model::alignment::trajectory::Beside;
    use crate::model::picture::tests::{HOSTILE, texts_of};
    use crate::model::shown::Adapter;
    use crate::model::testing::{adapter, module};

    fn trajectory(beside: Beside) -> Trajectory {
        let modules: Vec<_> = ["q", "v", HOSTILE]
            .iter()
            .enumerate()
            .map(|(i, role)| module(&format!("layers.{i}.q"), None, role, 2))
            .collect();
        let set = aligned(3, modules.len());
        let joined = Joined::new(Arc::new(Adapter { item: 1, report: adapter("a"), modules }), Arc::new(set));
        Trajectory::new(&joined, Some(vec![10, 20, 30]), &CAPTURE, beside, Some(2)).unwrap()
    }

    #[test]
    fn lines_have_names_ticks_and_a_unit() {
        for theme in [Theme::LIGHT, Theme::DARK] {
            let picture = picture(&trajectory(Beside::Roles), "tutor", &theme);
            let texts = texts_of(&picture);
            for text in ["adapter", "chance", "q", "v", "10", "30", "Capture: of ‖X‖² in the adapter’s subspaces"]
            {
                assert!(texts.iter().any(|t| t == text), "{text} is not in {texts:?}");
            }
            assert_eq!(picture.stem, "tutor-trajectory-capture");
            assert!(picture.svg.contains("stroke-dasharray") && picture.svg.contains(theme.roles[0]));
        }
    }

    #[test]
    fn a_modules_name_is_written_in_full_below() {
        let mut trajectory = trajectory(Beside::Module);
        trajectory.lines.last_mut().unwrap().name = HOSTILE.to_owned();
        let texts = texts_of(&picture(&trajectory, HOSTILE, &Theme::LIGHT));
        assert!(texts.iter().any(|t| t.starts_with("Module: </text><script>")), "{texts:?}");
    }
}
