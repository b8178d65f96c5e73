"use strict";
// The page of a pset that runs or waits: asks once a second how it is doing, and in the end shows what became of it.
(() => {
  const EVERY = 1000;  // milliseconds between two requests
  const main = document.querySelector("main"), said = document.getElementById("said");
  main.tabIndex = -1;  // it can get the focus when the element that had it is gone

  // Replace what has changed, and leave alone what is the same: it may have the focus.
  function show(other) {
    const hadFocus = main.contains(document.activeElement);
    const olds = [...main.childNodes], news = [...other.childNodes];
    if (olds.length !== news.length) main.replaceChildren(...news);
    else olds.forEach((old, at) => { if (!old.isEqualNode(news[at])) old.replaceWith(news[at]); });
    if (hadFocus && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  }

  // Return whether what is shown now will not change any more.
  async function look() {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const other = page.querySelector("main"), isFinal = other?.hasAttribute("data-final") ?? false;
    if (answer.ok || isFinal) show(other);  // else this answer will not be the last one
    if (isFinal) said.textContent = document.querySelector("h1").textContent + ": " + main.querySelector("p").textContent;
    return isFinal;
  }

  async function lookOn() {
    let isFinal = false;
    if (document.visibilityState === "visible") {
      try { isFinal = await look(); } catch { }  // the server does not answer now
    }
    if (!isFinal) setTimeout(lookOn, EVERY);
  }

  setTimeout(lookOn, EVERY);
})();
