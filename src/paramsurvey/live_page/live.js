"use strict";
// Asks once a second how the survey is doing, and replaces what has changed: what is open or has the focus stays so.
(() => {
  const EVERY = 1000, SLOWLY = 3000;  // milliseconds between two requests while it runs, and while it does not
  const contact = document.getElementById("contact");
  const digests = {};
  let slicer = null, running = { places: [], values: [] }, isLive = true, lastHeard = Date.now();

  document.querySelectorAll("[data-digest]").forEach(part => { digests[part.id] = part.dataset.digest; });

  // Make one element like another of the same kind, and leave alone what does not differ.
  function morph(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.nodeName === "figure") {
      from.replaceWith(to);
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name, value } of [...to.attributes])
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    for (const { name } of [...from.attributes])
      if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
    const olds = [...from.childNodes], news = [...to.childNodes];
    news.forEach((child, at) => { if (at < olds.length) morph(olds[at], child); else from.append(child); });
    olds.slice(news.length).forEach(child => child.remove());
  }

  function put(part, html) {
    const made = new DOMParser().parseFromString("<div>" + html + "</div>", "text/html").body.firstChild;
    const wanted = part.cloneNode(false);
    wanted.append(...made.childNodes);
    morph(part, wanted);
  }

  async function ask(address) {
    const answer = await fetch(address, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.status === 403 ? "refused" : "failed");
    return answer;
  }

  function startSlices(data) {
    const root = document.getElementById("slicer");
    if (!root || !data) { slicer = null; return; }
    slicer = startSlicer(root, data, {
      absent: () => isLive ? "not yet" : "no pset",
      link: values => "psets?" + new URLSearchParams(values.flatMap(([name, label]) => [["at", name], ["is", label]])),
    });
    document.getElementById("static").open = false;
  }

  async function showSlices(changed) {
    const part = document.getElementById("part-slices"), old = document.getElementById("slicer");
    const [html, data] = [await (await ask("section/slices")).text(), await (await ask("cells")).json()];
    const made = new DOMParser().parseFromString(html, "text/html");
    if (!old || !slicer || !data || !made.getElementById("slicer")) {
      part.replaceChildren(...made.body.childNodes);
      startSlices(data);
    } else {  // the slicer itself stays: what was chosen in it, and the focus
      const tables = document.getElementById("static"), isOpen = tables.open;
      morph(tables, made.getElementById("static"));
      document.getElementById("static").open = isOpen;
      slicer.show(data);
    }
    if (slicer) slicer.mark(running.places, running.values);
  }

  async function showChanged(news) {
    if (news.cells !== digests.cells || news.slices !== digests["part-slices"]) {
      await showSlices();
      digests.cells = news.cells; digests["part-slices"] = news.slices;
    }
    for (const [name, digest] of Object.entries(news)) {
      const id = "part-" + name, part = document.getElementById(id);
      if (!part || name === "slices" || digests[id] === digest) continue;
      put(part, await (await ask("section/" + name)).text());
      digests[id] = digest;
    }
  }

  async function look() {
    const news = await (await ask("now")).json();
    document.title = news.title;
    isLive = news.live;
    running = news.running;
    put(document.getElementById("now-part"), news.html);
    if (slicer) slicer.mark(running.places, running.values);
    await showChanged(news.digests);
  }

  function lost(error) {
    const seconds = Math.round((Date.now() - lastHeard) / 1000);
    contact.className = "bad";
    contact.textContent = error.message === "refused" ? "This page is no longer valid: open the new address."
      : "The page's own program has not answered for " + seconds + " s: it has probably ended.";
  }

  async function lookOn() {
    if (document.visibilityState === "visible") {
      try {
        await look();
        lastHeard = Date.now();
        contact.className = ""; contact.textContent = "";
      } catch (error) { lost(error); }
    }
    setTimeout(lookOn, isLive ? EVERY : SLOWLY);
  }

  lookOn();
})();
