//! The page at a desk's and a phone's width, light and dark: pictures to look at, and nothing sticks out.

use std::time::Duration;

use crate::browser::Browser;
use crate::fixtures::folder;

/// Colours change in a transition.
const SETTLE: Duration = Duration::from_millis(400);

#[test]
fn nothing_is_wider_than_the_window() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    each_look(&browser, "first");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    each_look(&browser, "result");
    browser.click("tab-projection");
    browser.set("projection-rank", 0, "4");
    browser.click("project");
    browser.expect("done");
    each_look(&browser, "projection");
    browser.click("tab-overview");
    // The whole result at once: the README's picture.
    browser.viewport(1280, 1440);
    browser.prefer("light");
    std::thread::sleep(SETTLE);
    browser.screenshot("result-whole");
}

/// Pictures of what is in view, at both widths, light and dark.
pub fn each_look(browser: &Browser, screen: &str) {
    for (width, height) in [(1280, 800), (390, 844)] {
        browser.viewport(width, height);
        for theme in ["light", "dark"] {
            browser.prefer(theme);
            browser.eval("scrollTo({ top: 0, behavior: 'instant' })", vec![]);
            std::thread::sleep(SETTLE);
            browser.screenshot(&format!("{screen}-{width}-{theme}"));
            assert!(!browser.has_horizontal_overflow(), "{screen} screen, {width} px wide, {theme}");
        }
    }
}
