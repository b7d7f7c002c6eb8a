//! The page's colours, for pictures that leave it: those of `www/css`, which a test holds against these.

/// One of the page's two looks. Names as in the style sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub is_dark: bool,
    /// The ground.
    pub panel: &'static str,
    pub ink: &'static str,
    pub mute: &'static str,
    pub line: &'static str,
    /// `line-strong`: what is there and should not be looked at.
    pub faint: &'static str,
    pub track: &'static str,
    pub accent: &'static str,
    /// What tells roles apart.
    pub roles: [&'static str; 8],
}

impl Theme {
    pub const LIGHT: Theme = Theme {
        is_dark: false,
        panel: "#ffffff",
        ink: "#1a1c1e",
        mute: "#5c6268",
        line: "#e2e3e0",
        faint: "#c9cbc8",
        track: "#eceeeb",
        accent: "#0b6e69",
        roles: ["#2f6fb3", "#b5561f", "#6a51a3", "#8a6d00", "#b13a6f", "#3d7d2c", "#7a4b33", "#52606d"],
    };

    pub const DARK: Theme = Theme {
        is_dark: true,
        panel: "#191c1f",
        ink: "#e6e8ea",
        mute: "#9ba2a9",
        line: "#2b2f34",
        faint: "#434950",
        track: "#262a2e",
        accent: "#5cc8bf",
        roles: ["#7fb4ee", "#f0996a", "#b9a3ee", "#d9bd52", "#f08cb6", "#93cf7c", "#cf9f85", "#a9b6c2"],
    };

    pub fn of(is_dark: bool) -> Theme {
        if is_dark { Theme::DARK } else { Theme::LIGHT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEETS: &str =
        concat!(include_str!("../../../../www/css/base.css"), include_str!("../../../../www/css/alignment.css"));

    #[test]
    fn the_colours_are_the_style_sheets() {
        // `:root` comes with the light values, then the dark ones twice: chosen, and by the system.
        let in_sheet = |name: &str| -> Vec<String> {
            let begin = format!("--{name}:");
            let values = SHEETS.lines().filter_map(|line| line.trim().strip_prefix(&begin));
            values.map(|value| value.trim().trim_end_matches(';').to_owned()).collect()
        };
        type Colour = fn(&Theme) -> &'static str;
        let pairs = |of: Colour| [of(&Theme::LIGHT), of(&Theme::DARK), of(&Theme::DARK)];
        let named: [(&str, Colour); 7] = [
            ("panel", |t| t.panel),
            ("ink", |t| t.ink),
            ("mute", |t| t.mute),
            ("line", |t| t.line),
            ("line-strong", |t| t.faint),
            ("track", |t| t.track),
            ("accent", |t| t.accent),
        ];
        for (name, of) in named {
            assert_eq!(in_sheet(name), pairs(of), "--{name}");
        }
        for n in 0..8 {
            let roles = [Theme::LIGHT.roles[n], Theme::DARK.roles[n], Theme::DARK.roles[n]];
            assert_eq!(in_sheet(&format!("role-{n}")), roles, "--role-{n}");
        }
    }
}
