//! The page at a desk's and a phone's width, light and dark: pictures to look at, and nothing sticks out.

use crate::browser::Browser;
use crate::fixtures::folder;

#[test]
fn nothing_is_wider_than_the_window() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    each_look(&browser, "first");
    browser.drop_paths(&[folder("peft-lora")]);
    browser.expect("done");
    each_look(&browser, "result");
}

fn each_look(browser: &Browser, screen: &str) {
    for (width, height) in [(1280, 800), (390, 844)] {
        browser.viewport(width, height);
        for theme in ["light", "dark"] {
            browser.prefer(theme);
            browser.eval("scrollTo({ top: 0, behavior: 'instant' })", vec![]);
            // Colours change in a transition.
            std::thread::sleep(std::time::Duration::from_millis(400));
            browser.screenshot(&format!("{screen}-{width}-{theme}"));
            assert!(!browser.has_horizontal_overflow(), "{screen} screen, {width} px wide, {theme}");
        }
    }
}
