//! The link that a page makes of what it shows.

use super::number::{grouped, plural};
use super::viewed::Viewed;
use lorascope_protocol::link::fragment::Fragment;
use lorascope_protocol::link::{self, LinkError, SHORT};
use lorascope_protocol::percent::encoded;
use lorascope_protocol::report::{AdapterReport, ModuleReport, Origin};

/// A link, ready to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub address: String,
    /// All singular values are in it.
    pub spectra: bool,
}

/// The page's own address without query and fragment, whichever of its two pages it is.
pub fn page(origin: &str, path: &str) -> String {
    format!("{origin}{}", path.strip_suffix("url.html").unwrap_or(path))
}

/// A link that carries the profile, on the page at `page`.
///
/// # Errors
/// An adapter that is too large for one.
pub fn of_profile(
    page: &str,
    report: &AdapterReport,
    modules: &[ModuleReport],
    viewed: &Viewed,
) -> Result<Link, LinkError> {
    let with = |payload: String| {
        let fragment = Fragment { payload: Some(payload), view: viewed.pairs() };
        format!("{page}#{}", fragment.write())
    };
    let room = SHORT.saturating_sub(with(String::new()).len());
    let payload = link::write(report, modules, room)?;
    Ok(Link { address: with(payload.text), spectra: payload.spectra })
}

/// A link that carries the adapter's address; `page` computes anew.
pub fn of_address(page: &str, address: &str, viewed: &Viewed) -> String {
    let folder = &page[..page.rfind('/').map_or(0, |at| at + 1)];
    let view = Fragment { payload: None, view: viewed.pairs() }.write();
    let view = if view.is_empty() { view } else { format!("#{view}") };
    format!("{folder}url.html?url={}{view}", encoded(address))
}

/// The payload of an adapter that came by a link, as it was; `None` for every other one.
pub fn payload_of(report: &AdapterReport, modules: &[ModuleReport]) -> Option<String> {
    let origin = report.origin.as_ref()?;
    let room = if origin.spectra { link::LONGEST } else { 0 };
    Some(link::write(report, modules, room).ok()?.text)
}

/// "1,574 characters." and what becomes of so many.
pub fn length(characters: usize) -> String {
    let count = plural(characters, "character", "characters");
    match characters {
        0..=SHORT => format!("{count}: short enough for every messenger."),
        _ => format!(
            "{count}. Some messengers and programs cut links of more than {}; the report as JSON, below, is safer to send.",
            grouped(SHORT as u64)
        ),
    }
}

/// What a link with the profile carries and what not.
pub fn carries(spectra: bool) -> [&'static str; 2] {
    if spectra {
        [
            "It carries the identity, the domain profile, and of every module its place, shape, rank and scale exactly, \
             its measures rounded to 0.1 % and its singular values to 0.2 %.",
            "It does not carry the adapter itself, its metadata, the texts of warnings, alignments or projections.",
        ]
    } else {
        [
            "It carries the identity, the domain profile, and of every module its place, shape, rank and scale exactly \
             and its measures rounded to 0.1 %.",
            "It does not carry the singular values behind the measures, for which there is no room, nor the adapter \
             itself, its metadata, the texts of warnings, alignments or projections.",
        ]
    }
}

/// What to know of an adapter that came by a link.
pub fn came_by_link(origin: &Origin) -> String {
    let mut text = if origin.spectra {
        "From a shared link: measures are rounded to 0.1 % and singular values to 0.2 %.".to_owned()
    } else {
        "From a shared link: measures are rounded to 0.1 %, and the spectra are not in it.".to_owned()
    };
    let counts = [
        (origin.not_analyzed, "tensor that was not analysed", "tensors that were not analysed"),
        (origin.warnings, "warning", "warnings"),
    ];
    let counted = counts.into_iter().filter(|(count, ..)| *count > 0);
    let counted: Vec<String> = counted.map(|(count, one, many)| plural(count as usize, one, many)).collect();
    if !counted.is_empty() {
        text += &format!(" There were also {}, which the link only counts.", counted.join(" and "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::measure::FROBENIUS;
    use crate::model::tabs::Tab;
    use crate::model::testing::{adapter, module};

    #[test]
    fn a_link_names_the_page_without_its_query() {
        assert_eq!(page("https://a.org", "/x/url.html"), "https://a.org/x/");
        assert_eq!(page("https://a.org", "/x/index.html"), "https://a.org/x/index.html");
        let modules = [module("model.layers.0.q_proj", Some(0), "q", 4)];
        let viewed = Viewed { tab: Tab::Alignment, measure: &FROBENIUS, ..Viewed::default() };
        let link = of_profile("https://a.org/x/", &adapter("a"), &modules, &viewed).unwrap();
        let (page, fragment) = link.address.split_once('#').unwrap();
        assert_eq!(page, "https://a.org/x/");
        let fragment = link::fragment::parse(fragment);
        assert_eq!(Viewed::read(&fragment.view), viewed);
        let read = link::read(&fragment.payload.unwrap()).unwrap();
        assert_eq!(read.modules[0].name, modules[0].name);
        assert_eq!(payload_of(&read, &read.modules), link::fragment::parse(&link.address[17..]).payload);
        assert_eq!(payload_of(&adapter("a"), &modules), None);
    }

    #[test]
    fn an_address_is_carried_percent_encoded() {
        let address = "https://b.org/c d/e.safetensors?x=1&y=2#z";
        assert_eq!(
            of_address("https://a.org/x/index.html", address, &Viewed::default()),
            "https://a.org/x/url.html?url=https%3A%2F%2Fb.org%2Fc%20d%2Fe.safetensors%3Fx%3D1%26y%3D2%23z"
        );
        let viewed = Viewed { tab: Tab::Projection, ..Viewed::default() };
        assert!(of_address("https://a.org/", "https://b.org/c", &viewed).ends_with("#tab=projection"));
    }

    #[test]
    fn words_say_what_is_lost() {
        let origin = Origin { link: 1, spectra: false, not_analyzed: 3, warnings: 1 };
        let text = came_by_link(&origin);
        assert!(text.contains("spectra are not in it") && text.contains("3 tensors") && text.contains("1 warning"));
        assert!(!came_by_link(&Origin { not_analyzed: 0, warnings: 0, ..origin }).contains("also"));
        assert!(length(2000).contains("short enough") && length(2001).contains("JSON"));
        assert_ne!(carries(true), carries(false));
    }
}
