//! A browser that takes the GPU away in the midst of an analysis.

use crate::browser::Browser;
use crate::fixtures::folder;
use crate::report::assert_clean;
use crate::spectra::check_figures;

/// Workers begin as a line of text in a blob; this puts another before it, after which the first devices of the worker
/// go away while they compute the Gram matrices of what was dropped: after two pieces of work for the scan, and before
/// these, on a device that was opened again, two for the look whether it computes at all.
fn lose_devices(count: u32) -> String {
    format!(
        "const inWorker = `
           let left = {count}, dropped = false;
           addEventListener('message', ({{ data }}) => {{ dropped ||= Boolean(data?.msg?.Load); }});
           const request = GPUAdapter.prototype.requestDevice;
           GPUAdapter.prototype.requestDevice = async function (...given) {{
             const device = await request.apply(this, given);
             const goes = left-- > 0, last = dropped ? 5 : 3;
             const submit = device.queue.submit.bind(device.queue);
             let work = 0;
             device.queue.submit = (commands) => {{
               submit(commands);
               work += dropped;
               if (goes && work === last) device.destroy();
             }};
             return device;
           }};`;
         window.Blob = new Proxy(Blob, {{
           construct(Plain, [parts, options]) {{
             const isWorker = typeof parts?.[0] === 'string' && parts[0].startsWith('self.lorascope=');
             return new Plain(isWorker ? [inWorker, ...parts] : parts, options);
           }}
         }});"
    )
}

#[test]
fn a_device_lost_in_the_midst_of_an_analysis_is_made_up_for() {
    for (losses, backend, words) in [(1, "webgpu", "the device was lost once and rebuilt"), (2, "cpu", "was lost")] {
        let browser = Browser::start();
        browser.before_the_page(&lose_devices(losses));
        browser.open("?backend=webgpu");
        browser.drop_paths(&[folder("peft-lora")]);
        browser.expect("done");
        let report = browser.export_json();
        assert_clean(&report, "report");
        assert_eq!(report["engine"]["backend"], backend);
        let reason = report["engine"]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(words) && !reason.contains("memory"), "{reason}");
        check_figures(&report, "peft-lora");
        assert_eq!(browser.texts("error"), [""; 0]);
        assert_eq!(browser.problems(), [""; 0]);
    }
}
