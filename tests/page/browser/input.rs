//! What a person does: drops, clicks, chooses, types, looks from another screen.

use std::path::PathBuf;

use fantoccini::Locator;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use serde_json::{Value, json};

use super::{Browser, Kind};

impl Browser {
    /// Drops files and folders with real drag-and-drop events: onto the drop zone where one is in sight, else
    /// into the middle of the page.
    pub fn drop_paths(&self, paths: &[PathBuf]) {
        let script = "const zone = document.querySelector('[data-testid=drop-zone]');
            zone?.scrollIntoView({ block: 'center', behavior: 'instant' });
            const box = zone?.getBoundingClientRect();
            return box?.width ? [box.x + box.width / 2, box.y + box.height / 2] : [innerWidth / 2, innerHeight / 2]";
        let at = self.eval(script, vec![]);
        self.drop_at(paths, &at[0], &at[1]);
    }

    /// Drops in the middle of the window, whatever is there.
    pub fn drop_in_the_middle(&self, paths: &[PathBuf]) {
        let at = self.eval("return [innerWidth / 2, innerHeight / 2]", vec![]);
        self.drop_at(paths, &at[0], &at[1]);
    }

    fn drop_at(&self, paths: &[PathBuf], x: &Value, y: &Value) {
        for path in paths {
            assert!(path.exists(), "{} is not there to drop", path.display());
        }
        self.mark();
        if self.kind == Kind::Firefox {
            return self.drop_as_if(paths, x, y);
        }
        let data = json!({ "items": [], "files": paths, "dragOperationsMask": 1 });
        for event in ["dragEnter", "dragOver", "drop"] {
            self.cdp("Input.dispatchDragEvent", json!({ "type": event, "x": x, "y": y, "data": data }));
        }
    }

    /// What Firefox's WebDriver has no command for: events made in the page, with files that an input was given. Their
    /// folders do not show, and folders cannot be dropped.
    fn drop_as_if(&self, paths: &[PathBuf], x: &Value, y: &Value) {
        self.eval(
            "const input = document.createElement('input');
            Object.assign(input, { type: 'file', multiple: true, id: 'to-drop' });
            document.body.append(input)",
            vec![],
        );
        self.give("#to-drop", paths);
        let script = "const input = document.querySelector('#to-drop');
            const dataTransfer = new DataTransfer();
            for (const file of input.files) dataTransfer.items.add(file);
            input.remove();
            const [clientX, clientY] = arguments;
            const target = document.elementFromPoint(clientX, clientY);
            for (const type of ['dragenter', 'dragover', 'drop']) {
                target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, clientX, clientY, dataTransfer }));
            }";
        self.eval(script, vec![x.clone(), y.clone()]);
    }

    /// Chooses files through an `<input type=file>`, as its dialog would.
    pub fn choose_files(&self, input: &str, paths: &[PathBuf]) {
        self.mark();
        self.give(input, paths);
    }

    fn give(&self, input: &str, paths: &[PathBuf]) {
        let paths: Vec<_> = paths.iter().map(|path| path.to_str().expect("a path in Unicode")).collect();
        let found = self.client.find(Locator::Css(input));
        let element = self.wait(found, input);
        self.wait(element.send_keys(&paths.join("\n")), input);
    }

    /// Clicks the first element with this hook.
    pub fn click(&self, hook: &str) {
        self.click_css(&format!("[data-testid={hook}]"));
    }

    /// Clicks the first element that matches, once it can be clicked.
    pub fn click_css(&self, selector: &str) {
        let ready = "const e = document.querySelector(arguments[0]); return e !== null && !e.disabled";
        let is_ready = || self.eval(ready, vec![json!(selector)]) == true;
        self.until(&format!("{selector} can be clicked"), is_ready);
        self.mark();
        let element = self.wait(self.client.find(Locator::Css(selector)), selector);
        self.eval("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", vec![json!(element)]);
        self.wait(element.click(), selector);
    }

    /// Presses and releases a key where the focus is, by WebDriver's code or character.
    pub fn press(&self, key: char) {
        self.mark();
        let press = KeyActions::new("keyboard".to_owned());
        self.act(press.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key }));
    }

    /// The same with Shift held.
    pub fn press_with_shift(&self, key: char) {
        self.mark();
        const SHIFT: char = '\u{E008}';
        let press = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value: SHIFT });
        let press = press.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        self.act(press.then(KeyAction::Up { value: SHIFT }));
    }

    fn act(&self, keys: KeyActions) {
        self.wait(self.client.perform_actions(keys), "keys");
    }

    /// Replaces a field's content by typing.
    pub fn type_into(&self, hook: &str, text: &str) {
        let selector = format!("[data-testid={hook}]");
        let element = self.wait(self.client.find(Locator::Css(&selector)), &selector);
        self.wait(element.clear(), &selector);
        self.wait(element.send_keys(text), &selector);
    }

    /// Gives the nth field with this hook a value, as choosing or typing and leaving it does.
    pub fn set(&self, hook: &str, nth: usize, value: &str) {
        let script = "const field = document.querySelectorAll(`[data-testid=${arguments[0]}]`)[arguments[1]];
            if (!field) return 'missing';
            field.value = arguments[2];
            for (const type of ['input', 'change']) field.dispatchEvent(new Event(type, { bubbles: true }));
            return field.value === arguments[2] ? '' : field.value";
        let said = self.eval(script, vec![json!(hook), json!(nth), json!(value)]);
        assert_eq!(said, "", "{hook} {nth} does not take {value}\n{}", self.situation());
    }

    /// Presses Escape, wherever the focus is.
    pub fn press_escape(&self) {
        if self.kind == Kind::Firefox {
            return self.press('\u{E00C}');
        }
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27 });
            self.cdp("Input.dispatchKeyEvent", key);
        }
    }

    /// Forgets everything that was dropped.
    pub fn clear(&self) {
        self.click("clear");
        self.expect("idle");
    }

    /// Presses Cancel once the page has been analysing for `after_ms`; see `probe.js`.
    pub fn cancel_while_analyzing(&self, after_ms: u32) {
        self.eval("window.__probe.cancelWhileAnalyzing(arguments[0])", vec![json!(after_ms)]);
    }

    /// A window of this size in CSS pixels.
    pub fn viewport(&self, width: u32, height: u32) {
        if self.kind == Kind::Firefox {
            return self.resize(width, height);
        }
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", size);
    }

    /// The window's frame is what it has beside its viewport.
    fn resize(&self, width: u32, height: u32) {
        let frame = self.eval("return [outerWidth - innerWidth, outerHeight - innerHeight]", vec![]);
        let side = |n: usize| frame[n].as_u64().and_then(|side| u32::try_from(side).ok()).expect("a length");
        self.wait(self.client.set_window_size(width + side(0), height + side(1)), "the window's size");
        let inside = || self.eval("return [innerWidth, innerHeight]", vec![]);
        self.until("the window has its size", || inside() == json!([width, height]));
    }

    pub fn prefer(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features }));
    }
}
