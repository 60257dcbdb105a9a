// SPDX-License-Identifier: MIT
// Keeps the dashboard up to date: each event "section" has the new content of one element.
"use strict";

const connection = document.getElementById("connection");
const source = new EventSource("/_capricorn/events");

function say(text, state) {
    connection.textContent = text;
    connection.className = state;
}

source.addEventListener("open", () => say("live", "good"));
source.addEventListener("error", () => say("the server does not answer", "bad"));
source.addEventListener("section", (event) => {
    const space = event.data.indexOf(" ");
    const element = document.getElementById(event.data.slice(0, space));
    const scrolled = [...element.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    // The server has escaped what is not its own.
    element.innerHTML = event.data.slice(space + 1);
    element.querySelectorAll(".scroll").forEach((each, i) => { each.scrollLeft = scrolled[i] || 0; });
});
addEventListener("pagehide", () => source.close());
