//! The colour maps of the heatmaps: from pale through teal to navy, or the other way on a dark page; and, for values
//! on both sides of zero, from the page's own shade at zero to rust below it and to teal above it.
//!
//! Their stops are spread by arc length in OKLab (Ottosson 2020, "A perceptual color space for image processing"),
//! so that equal steps of value look like equal steps of colour, and lightness only ever falls (or rises) towards an
//! end.

/// An sRGB colour.
pub type Rgb = [u8; 3];

/// Colours of a map; the last index is the largest value.
const STEPS: usize = 256;

/// Through these, pale to dark.
const STOPS: [Rgb; 6] =
    [[247, 248, 243], [188, 224, 214], [104, 184, 178], [24, 130, 136], [17, 78, 100], [16, 36, 66]];

/// From zero to the most negative value, and to the most positive one, on a light page.
const BELOW: [Rgb; 5] = [[246, 246, 243], [240, 205, 172], [214, 144, 92], [168, 86, 36], [98, 42, 14]];
const ABOVE: [Rgb; 5] = [[246, 246, 243], [178, 219, 210], [84, 168, 168], [20, 112, 122], [16, 60, 90]];
/// The same on a dark page, whose zero is dark.
const BELOW_DARK: [Rgb; 5] = [[34, 38, 42], [96, 58, 34], [156, 96, 50], [218, 150, 96], [252, 220, 188]];
const ABOVE_DARK: [Rgb; 5] = [[34, 38, 42], [22, 78, 86], [30, 130, 132], [98, 186, 178], [196, 236, 226]];

/// What a map's colours tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// Small from large.
    #[default]
    Sequential,
    /// Below zero from above it; zero is the middle of the map.
    Diverging,
}

/// A value from 0 to 1 becomes a colour.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourMap {
    table: Vec<Rgb>,
    /// For a value that is not a number: unlike any colour of the sequential map. What lies on both sides of zero has
    /// gaps instead.
    pub not_finite: Rgb,
}

impl ColourMap {
    /// Large values stand out from the page: dark on a light one, pale on a dark one.
    pub fn new(palette: Palette, dark_page: bool) -> ColourMap {
        let not_finite = if dark_page { [231, 177, 90] } else { [190, 110, 0] };
        let table = match palette {
            Palette::Sequential => {
                let mut table = even_table(&STOPS, STEPS);
                if dark_page {
                    table.reverse();
                }
                table
            }
            Palette::Diverging => {
                let (below, above) = if dark_page { (BELOW_DARK, ABOVE_DARK) } else { (BELOW, ABOVE) };
                let mut table = even_table(&below, STEPS / 2);
                table.reverse();
                // Both halves begin with zero's colour: it is there once.
                table.pop();
                table.extend(even_table(&above, STEPS / 2));
                table
            }
        };
        ColourMap { table, not_finite }
    }

    /// The colour at `t`, 0 to 1 and clamped.
    pub fn at(&self, t: f64) -> Rgb {
        let last = self.table.len() - 1;
        self.table[((t.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)]
    }
}

/// RGBA of a picture of cells, one pixel each, row by row; those without a colour are transparent.
pub fn pixels([rows, columns]: [usize; 2], colour: impl Fn([usize; 2]) -> Option<Rgb>) -> Vec<u8> {
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column]));
    cells.flat_map(|cell| colour(cell).map_or([0; 4], |[r, g, b]| [r, g, b, 255])).collect()
}

/// The colour of a text on this one, black or white: the one with the higher contrast (WCAG 2.2, relative luminance).
pub fn ink_on(rgb: Rgb) -> Rgb {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
    if (luminance + 0.05).powi(2) > 1.05 * 0.05 { [0, 0, 0] } else { [255, 255, 255] }
}

/// `steps` colours through `stops`, evenly spread.
fn even_table(stops: &[Rgb], steps: usize) -> Vec<Rgb> {
    let stops: Vec<Lab> = stops.iter().map(|rgb| to_lab(*rgb)).collect();
    let lengths: Vec<f64> = stops.windows(2).map(|w| distance(w[0], w[1])).collect();
    let total: f64 = lengths.iter().sum();
    (0..steps)
        .map(|i| {
            let mut rest = total * i as f64 / (steps - 1) as f64;
            let mut segment = 0;
            while segment + 1 < lengths.len() && rest > lengths[segment] {
                rest -= lengths[segment];
                segment += 1;
            }
            let t = (rest / lengths[segment]).min(1.0);
            let (a, b) = (stops[segment], stops[segment + 1]);
            to_rgb([0, 1, 2].map(|k| a[k] + (b[k] - a[k]) * t))
        })
        .collect()
}

/// OKLab: lightness 0 to 1, green–red, blue–yellow.
type Lab = [f64; 3];

fn distance(a: Lab, b: Lab) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

fn to_lab(rgb: Rgb) -> Lab {
    let [r, g, b] = rgb.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

fn to_rgb(lab: Lab) -> Rgb {
    let l = (lab[0] + 0.396_337_777_4 * lab[1] + 0.215_803_757_3 * lab[2]).powi(3);
    let m = (lab[0] - 0.105_561_345_8 * lab[1] - 0.063_854_172_8 * lab[2]).powi(3);
    let s = (lab[0] - 0.089_484_177_5 * lab[1] - 1.291_485_548_0 * lab[2]).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
    .map(|c| {
        let c = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (c.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oklab_there_and_back() {
        for rgb in [[0, 0, 0], [255, 255, 255], [11, 110, 105], [231, 177, 90]] {
            assert_eq!(to_rgb(to_lab(rgb)), rgb);
        }
        assert!((to_lab([255, 255, 255])[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn steps_look_even_and_lightness_only_falls() {
        let map = ColourMap::new(Palette::Sequential, false);
        // Sixteen steps, so that rounding to 8 bits does not hide an uneven stretch.
        let lab: Vec<Lab> = (0..=16).map(|i| to_lab(map.at(f64::from(i) / 16.0))).collect();
        let steps: Vec<f64> = lab.windows(2).map(|w| distance(w[0], w[1])).collect();
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        assert!(steps.iter().all(|s| (s / mean - 1.0).abs() < 0.15), "{steps:?}");
        assert!(lab.windows(2).all(|w| w[1][0] < w[0][0]), "{lab:?}");
    }

    #[test]
    fn both_sides_of_zero_look_even_and_alike() {
        for dark in [false, true] {
            let map = ColourMap::new(Palette::Diverging, dark);
            let lab: Vec<Lab> = (0..=16).map(|i| to_lab(map.at(f64::from(i) / 16.0))).collect();
            let steps: Vec<f64> = lab.windows(2).map(|w| distance(w[0], w[1])).collect();
            let mean = steps.iter().sum::<f64>() / steps.len() as f64;
            assert!(steps.iter().all(|s| (s / mean - 1.0).abs() < 0.15), "{steps:?}");
            for i in 0..8 {
                let outwards = |a: &Lab, b: &Lab| if dark { a[0] > b[0] } else { a[0] < b[0] };
                assert!(outwards(&lab[i], &lab[i + 1]) && outwards(&lab[16 - i], &lab[15 - i]), "{lab:?}");
                // As far from zero, as dark or as pale; but of another colour.
                assert!((lab[i][0] - lab[16 - i][0]).abs() < 0.05, "{lab:?}");
            }
            assert!(distance(lab[6], lab[10]) > 0.1, "a quarter of the way they are told apart");
        }
    }

    #[test]
    fn text_on_every_colour_can_be_read() {
        let luminance = |rgb: Rgb| {
            let of = |c: u8| {
                if c <= 10 { f64::from(c) / 3294.6 } else { ((f64::from(c) / 255.0 + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * of(rgb[0]) + 0.7152 * of(rgb[1]) + 0.0722 * of(rgb[2])
        };
        for map in
            [Palette::Sequential, Palette::Diverging].iter().flat_map(|p| [false, true].map(|d| ColourMap::new(*p, d)))
        {
            assert!(!map.table.contains(&map.not_finite));
            for rgb in (0..=64).map(|i| map.at(f64::from(i) / 64.0)) {
                let (a, b) = (luminance(rgb), luminance(ink_on(rgb)));
                assert!((a.max(b) + 0.05) / (a.min(b) + 0.05) >= 4.5, "{rgb:?}");
            }
        }
    }

    #[test]
    fn dark_is_the_other_way_round_and_ends_are_clamped() {
        let (light, dark) = (ColourMap::new(Palette::Sequential, false), ColourMap::new(Palette::Sequential, true));
        assert_eq!(light.at(0.0), dark.at(1.0));
        assert_eq!(light.at(-3.0), STOPS[0]);
        assert_eq!(light.at(7.0), STOPS[5]);
    }
}
