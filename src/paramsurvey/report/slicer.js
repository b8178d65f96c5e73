"use strict";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [1, 0], End: [-1, 0] };

// The slicer: adds up the moments of cells, and shows a table whose cells are coloured.
// A live page later shows other data with the same choice, marks cells whose psets are running, and links to psets.
function startSlicer(root, data, options = {}) {
  const form = root.querySelector("form"), table = root.querySelector("table");
  const choice = { held: {} };
  let current = null;  // the address of the cell that had the focus last
  let running = [];  // for each running pset, its place on each axis; -1 if the axis does not have it
  let more = [];  // for each axis, the values that only running psets have; their places come last

  function labels(axis) { return data.axes[axis].labels.concat(more[axis] ?? []); }

  function select(title, options, chosen, changed) {
    const label = document.createElement("label");
    label.append(title + " ");
    const box = document.createElement("select");
    options.forEach(([value, name]) => box.add(new Option(name, value, false, String(value) === String(chosen))));
    box.addEventListener("change", () => changed(box.value));
    label.append(box);
    form.append(label);
  }

  function build() {
    form.replaceChildren();
    const axes = data.axes.map((axis, at) => [at, axis.name]);
    const pairs = whole() ? null : data.tables.map(one => one.axes);
    const partners = axes.filter(([at]) => at !== choice.x &&
      (!pairs || pairs.some(pair => pair.includes(at) && pair.includes(choice.x))));
    if (!partners.some(([at]) => at === choice.y)) choice.y = partners.length ? partners[0][0] : -1;
    select("x", axes, choice.x, value => { choice.x = Number(value); update(); });
    if (partners.length) select("y", partners, choice.y, value => { choice.y = Number(value); update(); });
    select("value", data.values.map((one, at) => [at, one.name]), choice.value,
      value => { choice.value = Number(value); update(); });
    if (choice.value > 0)
      select("reduction", data.reductions.map(name => [name, name]), choice.reduction,
        value => { choice.reduction = value; update(); });
    if (whole())
      axes.filter(([at]) => at !== choice.x && at !== choice.y).forEach(([at, name]) => {
        const options = [["", "all"], ...data.axes[at].labels.map((label, place) => [place, label])];
        select(name, options, choice.held[at] ?? "", value => {
          if (value === "") delete choice.held[at]; else choice.held[at] = Number(value);
          update();
        });
      });
  }

  function whole() { return data.tables.length === 1; }

  function update() {
    const focused = [...form.querySelectorAll("select")].indexOf(document.activeElement);
    if (choice.x === choice.y) choice.y = -1;
    delete choice.held[choice.x];
    build();
    delete choice.held[choice.y];
    draw();
    if (focused >= 0) form.querySelectorAll("select")[focused]?.focus({ preventScroll: true });
  }

  // Return the cells of the chosen slice: the sums of the moments for each y and each x.
  function cells() {
    const from = data.tables.find(one => one.axes.includes(choice.x) && (choice.y < 0 || one.axes.includes(choice.y)));
    const sizes = from.axes.map(at => data.axes[at].labels.length);
    const across = labels(choice.x).length, down = choice.y < 0 ? 1 : labels(choice.y).length;
    const found = Array.from({ length: across * down }, () =>
      ({ finished: 0, failed: 0, notRun: 0, n: 0, sum: 0, squares: 0, min: Infinity, max: -Infinity }));
    const value = choice.value > 0 ? from.values[choice.value - 1] : null;
    const place = new Array(sizes.length).fill(0);
    for (let i = 0; i < from.finished.length; i++) {
      let x = 0, y = 0, kept = true;
      from.axes.forEach((axis, at) => {
        if (axis === choice.x) x = place[at];
        else if (axis === choice.y) y = place[at];
        else if (axis in choice.held && choice.held[axis] !== place[at]) kept = false;
      });
      if (kept) {
        const cell = found[y * across + x];
        cell.finished += from.finished[i]; cell.failed += from.failed[i]; cell.notRun += from.notRun[i];
        if (value && value.n[i]) {
          cell.n += value.n[i]; cell.sum += value.sum[i]; cell.squares += value.squares[i];
          cell.min = Math.min(cell.min, value.min[i]); cell.max = Math.max(cell.max, value.max[i]);
        }
      }
      for (let at = sizes.length - 1; at >= 0; at--) {
        if (++place[at] < sizes[at]) break;
        place[at] = 0;
      }
    }
    return { found, across, down, shift: value ? value.shift : 0 };
  }

  // Return how many psets of a cell are running.
  function runsIn(x, y) {
    const held = Object.entries(choice.held);
    return running.filter(places => places[choice.x] === x && (choice.y < 0 || places[choice.y] === y) &&
      held.every(([axis, place]) => places[axis] === place)).length;
  }

  // Return the axes' values that a cell stands for, by name.
  function valuesOf(x, y) {
    const at = { ...choice.held, [choice.x]: x };
    if (choice.y >= 0) at[choice.y] = y;
    return Object.entries(at).map(([axis, place]) => [data.axes[axis].name, data.axes[axis].labels[place]]);
  }

  function reduced(cell, shift) {
    const ran = cell.finished + cell.failed, psets = ran + cell.notRun;
    if (choice.value === 0) return ran ? cell.failed / ran : NaN;
    switch (choice.reduction) {
      case "count": return psets ? cell.finished : NaN;
      case "failures": return psets ? cell.failed : NaN;
      case "min": return cell.n ? cell.min : NaN;
      case "max": return cell.n ? cell.max : NaN;
      case "mean": return cell.n ? cell.sum / cell.n + shift : NaN;
      default: return cell.n > 1 ? Math.sqrt(Math.max(0, cell.squares - cell.sum ** 2 / cell.n) / (cell.n - 1)) : NaN;
    }
  }

  function why(cell, runs) {
    if (runs && !cell.finished && !cell.failed) return ["nopset", "running"];
    if (cell.finished + cell.failed + cell.notRun === 0) return ["nopset", options.absent ? options.absent() : "no pset"];
    if (cell.finished) return ["nan", "no number"];
    return cell.failed ? ["failed", "all failed"] : ["notrun", "not run"];
  }

  function short(number) {
    return Number.isInteger(number) && Math.abs(number) < 1e15 ? number.toLocaleString("en-US") : String(Number(number.toPrecision(4)));
  }

  function heading(text, scope) {
    const cell = document.createElement("th");
    cell.scope = scope;
    cell.textContent = text;
    return cell;
  }

  // Return the first cell, with the names of the axes; of names too long for some lines, the title has the rest.
  function corner(names) {
    const cell = document.createElement("td"), lines = document.createElement("div");
    lines.textContent = lines.title = names;
    cell.append(lines);
    return cell;
  }

  function draw() {
    const { found, across, down, shift } = cells();
    const numbers = found.map(cell => reduced(cell, shift)), finite = numbers.filter(Number.isFinite);
    const low = Math.min(...finite), high = Math.max(...finite), span = high - low || 1;
    const unit = data.values[choice.value].unit, name = data.values[choice.value].name;
    const counts = ["count", "failures"].includes(choice.reduction) && choice.value > 0;
    const what = choice.value === 0 ? "share that failed" : counts ? (choice.reduction === "count" ? "finished psets" : "failed psets")
      : choice.reduction + " of " + name + (unit ? " [" + unit + "]" : "");
    table.caption.textContent = what;
    const head = document.createElement("tr");
    head.append(corner(choice.y < 0 ? data.axes[choice.x].name : data.axes[choice.y].name + " ↓  " + data.axes[choice.x].name + " →"));
    labels(choice.x).forEach(label => head.append(heading(label, "col")));
    table.tHead.replaceChildren(head);
    const rows = [];
    for (let y = 0; y < down; y++) {
      const row = document.createElement("tr");
      row.append(heading(choice.y >= 0 ? labels(choice.y)[y] : choice.value > 0 ? choice.reduction : "share that failed", "row"));
      for (let x = 0; x < across; x++) {
        const number = numbers[y * across + x], cell = found[y * across + x], runs = runsIn(x, y);
        const shown = document.createElement("td");
        if (Number.isNaN(number)) [shown.className, shown.textContent] = why(cell, runs);
        else {
          shown.className = "v" + Math.min(data.shades - 1, Math.max(0, Math.floor((number - low) / span * data.shades)));
          shown.textContent = short(number);
          if (cell.failed && cell.n <= cell.finished && choice.value > 0 && !counts) {  // seconds include those that failed
            const mark = document.createElement("b");
            mark.className = "some"; mark.title = "without psets that failed"; mark.textContent = "×";
            shown.append(" ", mark);
          }
        }
        shown.title = cell.finished + " finished, " + cell.failed + " failed, " +
          (options.link ? runs + " running" : cell.notRun + " not run");
        if (runs) shown.classList.add("running");
        if (options.link && cell.finished + cell.failed) {
          const link = document.createElement("a");
          link.href = options.link(valuesOf(x, y));
          link.append(...shown.childNodes);
          shown.append(link);
        }
        row.append(shown);
      }
      rows.push(row);
    }
    const hadFocus = table.tBodies[0].contains(document.activeElement);
    table.tBodies[0].replaceChildren(...rows);
    stop(hadFocus);
    root.querySelector(".scale").textContent = !finite.length ? "" : low === high ? "All are " + short(low) + "."
      : "From " + short(low) + " (dark) to " + short(high) + " (light).";
  }

  // Let the Tab key stop at only one of the cells' links: from there, the arrow keys move on.
  function stop(focus) {
    const links = [...table.tBodies[0].querySelectorAll("a")];
    const one = links.find(link => link.getAttribute("href") === current) ?? links[0];
    links.forEach(link => { link.tabIndex = link === one ? 0 : -1; });
    if (focus) one?.focus({ preventScroll: true });  // the user may have scrolled on
  }

  // Move to the next cell in this direction that has a link.
  function step(cell, key) {
    const [right, down] = STEPS[key], rows = table.tBodies[0].rows;
    let y = cell.parentNode.sectionRowIndex;
    let x = key === "Home" ? 0 : key === "End" ? cell.parentNode.cells.length : cell.cellIndex;
    for (;;) {
      x += right; y += down;
      const next = rows[y]?.cells[x];
      if (!next) return;
      if (next.querySelector("a")) { next.querySelector("a").focus(); return; }
    }
  }

  // Show other data; what was chosen stays chosen if it still exists.
  function show(other) {
    const old = data, placeOf = name => other.axes.findIndex(axis => axis.name === name);
    const moved = axis => axis < 0 ? -1 : placeOf(old.axes[axis].name);
    const held = {};
    for (const [axis, place] of Object.entries(choice.held)) {
      const to = moved(axis), at = to < 0 ? -1 : other.axes[to].labels.indexOf(old.axes[axis].labels[place]);
      if (at >= 0) held[to] = at;
    }
    [choice.x, choice.y, choice.held] = [moved(choice.x), moved(choice.y), held];
    const value = other.values.findIndex(one => one.name === old.values[choice.value].name);
    // while nobody has chosen, the first result is shown as soon as there is one
    choice.value = value < 0 || (!choice.chosen && choice.value !== other.first) ? other.first : value;
    data = other;
    if (choice.x < 0) { choice.x = 0; choice.y = data.axes.length > 1 ? 1 : -1; }
    running = more = [];
    update();
  }

  // Mark the cells whose psets are running.
  function mark(places, values) {
    if (JSON.stringify([places, values]) === JSON.stringify([running, more])) return;
    [running, more] = [places, values];
    draw();
  }

  table.addEventListener("focusin", event => {
    const link = event.target.closest("tbody a");
    if (link) { current = link.getAttribute("href"); stop(false); }
  });
  table.addEventListener("keydown", event => {
    const cell = event.target.closest("tbody td");
    if (!cell || !(event.key in STEPS) || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();  // the table would scroll
    step(cell, event.key);
  });
  form.addEventListener("change", () => { choice.chosen = true; });
  choice.x = 0; choice.y = data.axes.length > 1 ? 1 : -1; choice.value = data.first; choice.reduction = "mean";
  root.hidden = false;
  update();
  return { show, mark };
}

const cells = document.getElementById("cells");
if (cells && document.getElementById("slicer")) {
  startSlicer(document.getElementById("slicer"), JSON.parse(cells.textContent));
  document.getElementById("static").open = false;
}
