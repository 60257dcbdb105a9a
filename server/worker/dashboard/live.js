// SPDX-License-Identifier: MIT
// Part of pages that `capricorn dev` serves: loads the page again when what serves it is new.
// --no-live-reload leaves it out.
"use strict";

(() => {
    if (window.capricornLiveReload) return;
    window.capricornLiveReload = true;

    const key = "capricorn-loaded-again-for";
    const loaded = document.currentScript.dataset.serving;
    let source = null;

    // At most once for each state of the server: a page from a cache would never be new.
    function isToLoadAgain(serving) {
        if (serving === loaded) return false;
        try {
            if (sessionStorage.getItem(key) === serving) return false;
            sessionStorage.setItem(key, serving);
        } catch {
            return true; // no storage: no cache either
        }
        return true;
    }

    // Pages that nobody looks at hold no connection: browsers have few for each host.
    function listen() {
        if (document.hidden) {
            if (source) source.close();
            source = null;
        } else if (!source) {
            source = new EventSource("/_capricorn/reloads");
            source.addEventListener("serving", (event) => {
                if (isToLoadAgain(event.data)) location.reload();
            });
        }
    }

    document.addEventListener("visibilitychange", listen);
    addEventListener("pageshow", listen);
    addEventListener("pagehide", () => {
        if (source) source.close();
        source = null;
    });
    listen();
})();
