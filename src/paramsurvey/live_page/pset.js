"use strict";
// The page of a running pset: asks once a second how it is doing, and in the end shows what became of it.
(() => {
  const EVERY = 1000;  // milliseconds between two requests
  const main = document.querySelector("main");

  // Replace what has changed, and leave alone what is the same: it may have the focus.
  function show(other) {
    const olds = [...main.childNodes], news = [...other.childNodes];
    if (olds.length !== news.length) { main.replaceChildren(...news); return; }
    olds.forEach((old, at) => { if (!old.isEqualNode(news[at])) old.replaceWith(news[at]); });
  }

  async function look() {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    show(page.querySelector("main"));
    return page.querySelector("script") !== null;  // it is still running
  }

  async function lookOn() {
    let runs = true;
    if (document.visibilityState === "visible") {
      try { runs = await look(); } catch { }  // the server does not answer now
    }
    if (runs) setTimeout(lookOn, EVERY);
  }

  setTimeout(lookOn, EVERY);
})();
