//! The CPU engine's helpers: one for each core, and nothing lost where one dies.

use crate::browser::{Browser, TempDir};
use crate::fixtures::write_8b_adapter;
use crate::report::{array, assert_clean, only_adapter};

/// Workers begin as a line of text in a blob. This puts a line before that of the engine, which puts one before that
/// of its first helper: it dies at its second task.
const FIRST_HELPER_DIES: &str = "
    const patch = (line, which) => `{
      let left = 1;
      Blob = new Proxy(Blob, {
        construct(Plain, [parts, options]) {
          const mine = typeof parts?.[0] === 'string' && parts[0].includes('${which}') && left-- > 0;
          return new Plain(mine ? [${line}, ...parts] : parts, options);
        }
      });
    }`;
    const dies = `let tasks = 0;
      addEventListener('message', (event) => {
        if (event.data?.msg && ++tasks === 2) {
          event.stopImmediatePropagation();
          setTimeout(() => close());
          throw new Error('this helper is gone');
        }
      });`;
    const inEngine = patch(JSON.stringify(dies), 'helper.js');
    window.Blob = new Proxy(Blob, {
      construct(Plain, [parts, options]) {
        const isEngine = typeof parts?.[0] === 'string' && parts[0].includes('engine_loader.js');
        return new Plain(isEngine ? [inEngine, ...parts] : parts, options);
      }
    });";

#[test]
fn helpers_share_an_adapter_and_one_that_dies_is_made_up_for() {
    let folder = TempDir::new("crew");
    write_8b_adapter(folder.path());
    let analysed = |before: Option<&str>| {
        let browser = Browser::start();
        if let Some(script) = before {
            browser.before_the_page(script);
        }
        browser.open("?backend=cpu");
        browser.drop_paths(&[folder.path().to_path_buf()]);
        browser.expect("done");
        let report = browser.export_json();
        assert_clean(&report, "report");
        assert_eq!(browser.texts("error"), [""; 0]);
        assert_eq!(browser.problems(), [""; 0]);
        let parts = "return ['read', 'upload', 'compute', 'algebra'].filter(
            (name) => performance.getEntriesByName(name, 'measure').length > 0).length";
        assert_eq!(browser.eval(parts, vec![]), 4, "where the time went stands on the page's timeline");
        let cores = browser.eval("return navigator.hardwareConcurrency", vec![]).as_u64().unwrap_or_default();
        (report, cores)
    };
    let (whole, cores) = analysed(None);
    let helpers = if cores < 2 { 1 } else { cores.min(8) };
    assert_eq!(whole["engine"]["workers"], helpers);
    let (mended, _) = analysed(Some(FIRST_HELPER_DIES));
    if cores >= 2 {
        assert_eq!(mended["engine"]["workers"], helpers - 1, "one is gone");
        let read = |report: &serde_json::Value| report["engine"]["bytes_read"].as_u64().unwrap_or_default();
        assert!(read(&mended) >= read(&whole), "its batch was done again");
    }
    assert_eq!(mended["adapters"], whole["adapters"]);
}

/// All readers fail, and the first helper.
const READERS_FAIL: &str = "
    const inEngine = `{
      let helpers = 1;
      Blob = new Proxy(Blob, {
        construct(Plain, [parts, options]) {
          const line = typeof parts?.[0] === 'string' ? parts[0] : '';
          const fails = line.includes('reader.js') || (line.includes('helper.js') && helpers-- > 0);
          return new Plain(fails ? ['throw new Error()'] : parts, options);
        }
      });
    }`;
    window.Blob = new Proxy(Blob, {
      construct(Plain, [parts, options]) {
        const isEngine = typeof parts?.[0] === 'string' && parts[0].includes('engine_loader.js');
        return new Plain(isEngine ? [inEngine, ...parts] : parts, options);
      }
    });";

#[test]
fn the_engine_goes_on_without_workers_that_fail() {
    let folder = TempDir::new("crew");
    write_8b_adapter(folder.path());
    let browser = Browser::start();
    browser.before_the_page(READERS_FAIL);
    browser.open("?backend=cpu");
    browser.drop_paths(&[folder.path().to_path_buf()]);
    browser.expect("done");
    let report = browser.export_json();
    assert_clean(&report, "report");
    assert_eq!(array(only_adapter(&report), "modules").len(), 224);
    assert_eq!(browser.texts("error"), [""; 0]);
}
