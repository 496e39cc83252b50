"use strict";
const data = JSON.parse(document.getElementById("content").textContent);
const at = (id) => document.getElementById(id);
const make = (name, text) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
};
const [width, height] = data.cell;
const everyone = data.keys.map((_, index) => index);
const splits = [...new Set(data.split)];

/* What can be filtered by: the varied factors, and the split where there are several. A bin is an
   index into its values; null where the factor does not apply. */
const axes = data.factors.map((factor) => ({ ...factor, bins: data.bins[factor.key] }));
if (splits.length > 1) {
  axes.unshift({
    key: "split", unit: null, values: splits, bins: data.split.map((one) => splits.indexOf(one)),
    meaning: "part of the dataset",
  });
}
const byKey = new Map(axes.map((axis) => [axis.key, axis]));
const chosen = new Map(axes.map((axis) => [axis.key, new Set()]));
let order = data.sweep ? "scene" : "dataset";
let visible = [];

function shown(axis, bin) {
  if (bin === null) return "–";
  const value = axis.values[bin];
  const text = typeof value === "number" ? String(+value.toPrecision(4)) : value;
  return axis.unit ? `${text} ${axis.unit}` : text;
}

function passes(index, but) {
  for (const axis of axes) {
    const wanted = chosen.get(axis.key);
    if (axis.key !== but && wanted.size && !wanted.has(axis.bins[index])) return false;
  }
  return true;
}

/* The address keeps what is chosen, so that a view can be sent to others. */
function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const axis of axes) {
    const bins = (given.get(axis.key) || "").split(",").filter(Boolean).map(Number);
    chosen.set(axis.key, new Set(bins.filter((bin) => bin >= 0 && bin < axis.values.length)));
  }
  const wanted = given.get("order");
  if ([...at("order").options].some((option) => option.value === wanted)) order = wanted;
}

function write() {
  const given = new URLSearchParams();
  for (const [key, bins] of chosen) if (bins.size) given.set(key, [...bins].sort((a, b) => a - b).join(","));
  if (order !== at("order").options[0].value) given.set("order", order);
  history.replaceState(null, "", `#${given}`);
}

function counts(axis) {
  const found = new Array(axis.values.length).fill(0);
  for (const index of everyone) {
    if (axis.bins[index] !== null && passes(index, axis.key)) found[axis.bins[index]] += 1;
  }
  return found;
}

function buildFilters() {
  for (const axis of axes) {
    const box = make("details");
    box.dataset.key = axis.key;
    const head = make("summary", axis.key);
    head.title = axis.meaning;
    head.append(" ", make("small"));
    box.append(head);
    axis.values.forEach((_, bin) => {
      const label = make("label");
      const input = make("input");
      Object.assign(input, { type: "checkbox", value: bin, name: axis.key });
      label.append(input, make("span", shown(axis, bin)), make("small"));
      box.append(label);
    });
    at("factors").append(box);
  }
  const orders = [["dataset", "as in the dataset"], ...axes.map((axis) => [axis.key, axis.key])];
  if (data.sweep) orders.unshift(["scene", "scene by scene"]);
  for (const [value, text] of orders) {
    const option = make("option", text);
    option.value = value;
    at("order").append(option);
  }
}

function showFilters() {
  at("order").value = order;
  for (const box of at("factors").children) {
    const axis = byKey.get(box.dataset.key);
    const wanted = chosen.get(axis.key);
    const found = counts(axis);
    box.classList.toggle("set", wanted.size > 0);
    if (wanted.size) box.open = true;
    box.querySelector("summary small").textContent = wanted.size ? `${wanted.size} of ${axis.values.length}` : axis.values.length;
    box.querySelectorAll("label").forEach((label, bin) => {
      label.querySelector("input").checked = wanted.has(bin);
      label.querySelector("small").textContent = found[bin];
      label.classList.toggle("none", found[bin] === 0);
    });
  }
}

/* Strips of pictures: one in the order of the dataset, else one a scene or a value. */
function strips() {
  const found = everyone.filter((index) => passes(index));
  if (order === "dataset") return [["", found]];
  const axis = byKey.get(order);
  const name = (index) => (axis ? axis.bins[index] : data.scene[index]);
  const groups = new Map();
  for (const index of found) {
    if (!groups.has(name(index))) groups.set(name(index), []);
    groups.get(name(index)).push(index);
  }
  if (order === "scene") {
    // By what was changed, so that a variant stands in the same column of every strip.
    const swept = data.factors.filter((one) => one.group === data.sweep).map((one) => data.bins[one.key]);
    const apart = (a, b) => swept.map((bins) => bins[a] - bins[b]).find((one) => one !== 0) ?? 0;
    for (const members of groups.values()) members.sort(apart);
  }
  const sorted = [...groups].sort(([a], [b]) => (a === null) - (b === null) || a - b);
  return sorted.map(([group, members]) => [axis ? shown(axis, group) : `scene ${group}`, members]);
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    const index = Number(target.dataset.index);
    const place = index % data.columns ** 2;
    const name = String(Math.floor(index / data.columns ** 2)).padStart(5, "0");
    target.style.backgroundImage = `url(sheets/${name}.webp)`;
    target.style.backgroundPosition =
      `${-width * (place % data.columns)}px ${-height * Math.floor(place / data.columns)}px`;
  }
}, { rootMargin: "600px" });

function tile(index) {
  const button = make("button");
  button.className = "tile";
  button.type = "button";
  button.dataset.index = index;
  button.style.width = `${width}px`;
  button.style.height = `${height}px`;
  const told = axes.filter((axis) => axis.key === order || axis.key === "car_model");
  button.setAttribute("aria-label", [data.keys[index], ...told.map((axis) => shown(axis, axis.bins[index]))].join(", "));
  near.observe(button);
  return button;
}

function show() {
  near.disconnect();
  const found = strips();
  visible = found.flatMap(([, members]) => members);
  at("pictures").replaceChildren(...found.map(([title, members]) => {
    const strip = make("section");
    strip.className = "strip";
    const perRow = Math.max(1, Math.floor((at("pictures").clientWidth - 40) / (width + 4)));
    const tall = Math.ceil(members.length / perRow) * (height + 4) + (title ? 36 : 0);
    strip.style.containIntrinsicSize = `auto ${tall}px`;
    if (title) strip.append(make("h2", `${title} (${members.length})`));
    const tiles = make("div");
    tiles.className = "tiles";
    tiles.append(...members.map(tile));
    strip.append(tiles);
    return strip;
  }));
  at("found").textContent = `${visible.length} of ${everyone.length} images`;
  showFilters();
  write();
}

/* One picture with all its values. */
let opened = -1;

function open(index) {
  opened = index;
  const key = data.keys[index];
  at("key").textContent = key;
  at("picture").src = `images/${key}.webp`;
  at("picture").alt = axes.map((axis) => `${axis.key} ${shown(axis, axis.bins[index])}`).join(", ");
  showMask();
  const credit = (data.credit[index] || "").split(";").map((id) => data.credits[id]).filter(Boolean);
  at("credit").textContent = credit.length ? `Shows: ${credit.join("; ")}` : "";
  const rows = axes.map((axis) => [axis.key, shown(axis, axis.bins[index]), axis.meaning, ""]);
  rows.push(["scene", data.scene[index], "scenes that differ in nothing but a sweep's factors have one number", ""]);
  rows.push(...data.constants.map(([name, value]) => [name, value, "the same in every image", "held"]));
  at("values").replaceChildren(...rows.map(([name, value, meaning, kind]) => {
    const row = make("tr");
    row.className = kind;
    row.title = meaning;
    const head = make("th", name);
    head.scope = "row";
    row.append(head, make("td", value));
    return row;
  }));
  const place = visible.indexOf(index);
  at("before").disabled = place <= 0;
  at("after").disabled = place < 0 || place === visible.length - 1;
  if (!at("one").open) at("one").showModal();
}

function step(by) {
  const next = visible[visible.indexOf(opened) + by];
  if (next !== undefined) open(next);
}

function showMask() {
  if (opened >= 0) at("mask").src = `${at("map").value}/${data.keys[opened]}.png`;
  at("mask").hidden = !at("shown").checked;
  at("mask").style.opacity = at("opacity").value / 100;
}

at("title").textContent = `${data.name} ${data.version}`;
document.title = at("title").textContent;
at("facts").textContent =
  `${everyone.length} images, ${data.size[0]} × ${data.size[1]} pixels, ${data.license}. ${data.description}`;
for (const [name, color] of Object.entries(data.parts)) {
  const entry = make("span");
  const swatch = make("i");
  swatch.style.background = color;
  entry.append(swatch, name);
  at("parts").append(entry);
}
for (const name of data.maps) at("map").append(new Option({ masks: "parts" }[name] || name, name));
buildFilters();
read();
showMask();
show();

at("filters").addEventListener("change", ({ target }) => {
  if (target.id === "order") order = target.value;
  else if (target.checked) chosen.get(target.name).add(Number(target.value));
  else chosen.get(target.name).delete(Number(target.value));
  show();
});
at("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  for (const bins of chosen.values()) bins.clear();
  show();
});
at("pictures").addEventListener("click", ({ target }) => {
  const button = target.closest(".tile");
  if (button) open(Number(button.dataset.index));
});
at("before").addEventListener("click", () => step(-1));
at("after").addEventListener("click", () => step(1));
at("close").addEventListener("click", () => at("one").close());
at("one").addEventListener("close", () => {
  const button = document.querySelector(`.tile[data-index="${opened}"]`);
  if (button) button.focus();
});
at("one").addEventListener("keydown", ({ key, target }) => {
  if (target.type === "range") return;
  if (key === "ArrowLeft") step(-1);
  if (key === "ArrowRight") step(1);
  if (key.toLowerCase() === "m") {
    at("shown").checked = !at("shown").checked;
    showMask();
  }
});
at("shown").addEventListener("change", showMask);
at("opacity").addEventListener("input", showMask);
at("map").addEventListener("change", showMask);
window.addEventListener("hashchange", () => { read(); show(); });
