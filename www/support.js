// Runs before everything else, in any browser: says in words what is missing, and sets the chosen theme before
// the first paint. Old syntax on purpose, so that an old browser can read it.
(function () {
  "use strict";
  var missing = [];
  // The smallest module that uses a SIMD instruction: (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt).
  var simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

  if (location.protocol === "file:") {
    missing.push("a web address: browsers do not run WebAssembly from a file on disk. Serve the folder, for example with “cargo xtask serve”");
  } else if (typeof WebAssembly !== "object") {
    missing.push("WebAssembly, which this browser does not have or has switched off");
  } else if (!WebAssembly.validate(new Uint8Array(simd))) {
    missing.push("WebAssembly SIMD, which this browser does not have");
  }
  if (typeof Worker !== "function") {
    missing.push("web workers, which this browser does not have or has switched off");
  }
  window.lorascopeSupported = missing.length === 0;

  try {
    var theme = localStorage.getItem("lorascope-theme");
    if (theme === "light" || theme === "dark") document.documentElement.setAttribute("data-theme", theme);
  } catch (storageDenied) {
    // A private window or a frame may refuse storage: the theme then follows the system.
  }

  if (missing.length) {
    document.addEventListener("DOMContentLoaded", function () {
      document.getElementById("boot").textContent =
        "Lorascope cannot run here. It needs " + missing.join("; and ") +
        ". Chrome and Edge from version 91, Firefox from 89 and Safari from 16.4 have everything it needs.";
    });
  }
})();
