//! The colour map of the heatmap: from pale through teal to navy, or the other way on a dark page.
//!
//! Its stops are spread by arc length in OKLab (Ottosson 2020, "A perceptual color space for image processing"),
//! so that equal steps of value look like equal steps of colour, and its lightness only ever falls (or rises).

/// An sRGB colour.
pub type Rgb = [u8; 3];

/// Colours of a map; the last index is the largest value.
const STEPS: usize = 256;

/// Through these, pale to dark.
const STOPS: [Rgb; 6] =
    [[247, 248, 243], [188, 224, 214], [104, 184, 178], [24, 130, 136], [17, 78, 100], [16, 36, 66]];

/// A value from 0 to 1 becomes a colour.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourMap {
    table: Vec<Rgb>,
    /// For a value that is not a number: unlike any colour of the map.
    pub not_finite: Rgb,
}

impl ColourMap {
    /// Large values stand out from the page: dark on a light one, pale on a dark one.
    pub fn new(dark_page: bool) -> ColourMap {
        let mut table = even_table();
        if dark_page {
            table.reverse();
        }
        ColourMap { table, not_finite: if dark_page { [231, 177, 90] } else { [190, 110, 0] } }
    }

    /// The colour at `t`, 0 to 1 and clamped.
    pub fn at(&self, t: f64) -> Rgb {
        let last = self.table.len() - 1;
        self.table[((t.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)]
    }
}

fn even_table() -> Vec<Rgb> {
    let stops: Vec<Lab> = STOPS.iter().map(|rgb| to_lab(*rgb)).collect();
    let lengths: Vec<f64> = stops.windows(2).map(|w| distance(w[0], w[1])).collect();
    let total: f64 = lengths.iter().sum();
    (0..STEPS)
        .map(|i| {
            let mut rest = total * i as f64 / (STEPS - 1) as f64;
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
        let map = ColourMap::new(false);
        // Sixteen steps, so that rounding to 8 bits does not hide an uneven stretch.
        let lab: Vec<Lab> = (0..=16).map(|i| to_lab(map.at(f64::from(i) / 16.0))).collect();
        let steps: Vec<f64> = lab.windows(2).map(|w| distance(w[0], w[1])).collect();
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        assert!(steps.iter().all(|s| (s / mean - 1.0).abs() < 0.15), "{steps:?}");
        assert!(lab.windows(2).all(|w| w[1][0] < w[0][0]), "{lab:?}");
    }

    #[test]
    fn dark_is_the_other_way_round_and_ends_are_clamped() {
        let (light, dark) = (ColourMap::new(false), ColourMap::new(true));
        assert_eq!(light.at(0.0), dark.at(1.0));
        assert_eq!(light.at(-3.0), STOPS[0]);
        assert_eq!(light.at(7.0), STOPS[5]);
    }
}
