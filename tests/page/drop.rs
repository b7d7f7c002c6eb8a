//! Drops of browsers that hand over less than Chromium does.

use serde_json::json;

use crate::browser::Browser;
use crate::report::{assert_clean, only_adapter};

const FILES: [&str; 2] = ["adapter_model.safetensors", "adapter_config.json"];

/// A drop of the sample whose entries cannot be opened, as WebKitGTK's; with its files by themselves, or without.
fn drop_unopenable(browser: &Browser, has_files: bool) {
    let script = "const [files, hasFiles] = arguments;
        return (async () => {
          window.__probe.mark = window.__probe.states.length;
          const transfer = new DataTransfer();
          for (const name of files) {
            const bytes = await (await fetch(`sample/llama-mini-lora/${name}`)).blob();
            transfer.items.add(new File([bytes], name));
          }
          const file = DataTransferItem.prototype.getAsFile;
          DataTransferItem.prototype.webkitGetAsEntry = function () {
            const fails = (done, failed) => failed(new DOMException('Path does not exist', 'NotFoundError'));
            return { isFile: true, isDirectory: false, fullPath: `/sample/${file.call(this).name}`, file: fails };
          };
          if (!hasFiles) DataTransferItem.prototype.getAsFile = () => null;
          window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true }));
        })()";
    browser.eval(script, vec![json!(FILES), json!(has_files)]);
}

#[test]
fn a_file_that_its_entry_does_not_open_is_taken_by_itself() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    drop_unopenable(&browser, true);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    only_adapter(&report);
    assert_eq!((browser.texts("error"), browser.texts("warning")), (vec![], vec![]));
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn what_cannot_be_opened_is_to_be_chosen_instead() {
    let browser = Browser::start();
    browser.open("?backend=cpu");
    drop_unopenable(&browser, false);
    browser.expect("error");
    let errors = browser.texts("error").join(" ");
    for part in ["adapter_model.safetensors", "Path does not exist", "Choose files"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    // A browser that tells only where the file is.
    let script = "window.__probe.mark = window.__probe.states.length;
        const transfer = new DataTransfer();
        transfer.setData('text/uri-list', 'file:///home/me/adapter_model.safetensors');
        window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true }))";
    browser.eval(script, vec![]);
    browser.expect("error");
    let errors = browser.texts("error").join(" ");
    assert!(errors.contains("Choose files") && errors.contains("only where"), "{errors}");
    assert_eq!(browser.problems(), [""; 0]);
}
