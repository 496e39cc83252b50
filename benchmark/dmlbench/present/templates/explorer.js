"use strict";
const data = JSON.parse(document.getElementById("explorer-content").textContent);
const at = (id) => document.getElementById(id);
const make = (name, text) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
};
const option = (value, text) => Object.assign(make("option", text), { value });
const load = (uri) => new Promise((done) => {
  const image = new Image();
  image.onload = () => done(image);
  image.src = uri;
});
const save = (canvas, name) => {
  Object.assign(make("a"), { href: canvas.toDataURL("image/png"), download: `${name}.png` }).click();
};
const rgb = (hex) => [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));

/* Any image, with the maps of any models over it. */
function explore(found) {
  const colors = data.colors.map(rgb);
  const chosen = new Set(found.models.slice(0, 4).map((_, index) => index));
  let order = found.images.map((_, index) => index);
  let opened = 0;
  let drawing = 0;

  const sort = () => {
    order = found.images.map((_, index) => index);
    if (at("image-order").value === "disagreement") {
      const of = (index) => found.images[index].agreement ?? 2;
      order.sort((a, b) => of(a) - of(b));
    }
    at("image-list").replaceChildren(...order.map((index) => {
      const { key, uri, agreement } = found.images[index];
      const button = Object.assign(make("button"), { type: "button" });
      button.dataset.index = index;
      const picture = Object.assign(make("img"), { src: uri, alt: `Image ${key}`, width: 72, loading: "lazy" });
      button.append(picture, make("span", agreement === null ? "–" : `r ${agreement.toFixed(2)}`));
      button.addEventListener("click", () => open(index));
      return button;
    }));
    open(order[0]);
  };

  const open = (index) => {
    opened = index;
    for (const button of at("image-list").children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.index) === index));
    }
    const { key, values } = found.images[index];
    at("image-values").replaceChildren(make("code", key), ...values.flatMap(([name, value]) => {
      const entry = make("span", `${name} `);
      entry.append(make("strong", value));
      return [" ", entry];
    }));
    draw();
  };

  const draw = async () => {
    drawing += 1;
    const mine = drawing;
    const image = found.images[opened];
    const [picture, strip, outline] = await Promise.all([
      load(image.uri), load(image.maps), image.outline ? load(image.outline) : null,
    ]);
    if (mine !== drawing) return;
    const opacity = at("map-opacity").value / 100;
    const figures = [...chosen].sort((a, b) => a - b).map((model) => {
      const [width, height] = image.size;
      const canvas = Object.assign(make("canvas"), { width, height });
      const context = canvas.getContext("2d");
      context.filter = `grayscale(${opacity}) brightness(${1 - 0.45 * opacity})`;
      context.drawImage(picture, 0, 0, width, height);
      context.filter = "none";
      const glow = color(strip, model, opacity);
      const [left, top, wide, tall] = image.boxes[model];
      context.drawImage(glow, left * width, top * height, wide * width, tall * height);
      if (outline && at("map-outline").checked) context.drawImage(outline, 0, 0, width, height);
      const figure = make("figure");
      const car = image.car[model];
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Saliency map of ${found.models[model]} over image ${image.key}`);
      const caption = make("figcaption", found.models[model]);
      if (car !== null) caption.append(make("span", `on car ${car.toFixed(2)}`));
      figure.append(canvas, caption);
      return figure;
    });
    at("image-maps").replaceChildren(...figures);
  };

  /* The maps that are shown, side by side with what stands below them. */
  const sheet = () => {
    const figures = [...at("image-maps").children];
    const [gap, line] = [12, 20];
    const [width, height] = found.images[opened].size;
    const canvas = make("canvas");
    canvas.width = figures.length * (width + gap) + gap;
    canvas.height = gap + height + 2 * line + gap / 2;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#1a1a1a";
    context.font = "14px sans-serif";
    figures.forEach((figure, place) => {
      const x = gap + place * (width + gap);
      context.drawImage(figure.querySelector("canvas"), x, gap);
      [...figure.querySelector("figcaption").childNodes].forEach((node, row) => {
        context.fillText(node.textContent, x, gap + height + line * (row + 1) - 5, width);
      });
    });
    return canvas;
  };

  const color = (strip, model, opacity) => {
    const side = found.map;
    const canvas = Object.assign(make("canvas"), { width: side, height: side });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(strip, model * side, 0, side, side, 0, 0, side, side);
    const pixels = context.getImageData(0, 0, side, side);
    for (let place = 0; place < pixels.data.length; place += 4) {
      const root = pixels.data[place] / 255;
      const [red, green, blue] = colors[Math.round(255 * root * root)];
      pixels.data.set([red, green, blue, 255 * 0.9 * root * opacity], place);
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  };

  found.models.forEach((name, index) => {
    const label = make("label");
    const box = Object.assign(make("input"), { type: "checkbox", checked: chosen.has(index) });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(index);
      else chosen.delete(index);
      draw();
    });
    label.append(box, ` ${name}`);
    at("map-models").append(label);
  });
  at("image-order").addEventListener("change", sort);
  at("map-opacity").addEventListener("input", draw);
  at("map-outline").addEventListener("change", draw);
  at("maps-save").addEventListener("click", () => {
    if (chosen.size) save(sheet(), `maps_${found.images[opened].key}`);
  });
  sort();
}

/* Embeddings as points. */
function plot(found) {
  const canvas = at("points");
  const context = canvas.getContext("2d");
  const margin = 14;
  const thumbs = load(found.thumbs);
  found.models.forEach((model, index) => at("points-model").append(option(index, model.label)));
  found.properties.forEach((one, index) => at("points-property").append(option(index, one.name)));

  const coloring = (property) => {
    const known = property.values.filter((value) => value !== null);
    if (property.kind === "categorical") {
      const names = [...new Set(known)].sort();
      const tones = names.map((_, place) => names.length <= 10
        ? data.hues[place] : `hsl(${(360 * place) / names.length} 65% ${place % 2 ? 40 : 55}%)`);
      return { of: (value) => tones[names.indexOf(value)], keys: names.map((name, i) => [name, tones[i]]) };
    }
    const values = [...new Set(known)].sort((a, b) => a - b);
    const ramp = property.kind === "cyclic" ? data.wheel : data.ramp;
    const tone = (value) => ramp[Math.round(((ramp.length - 1) * values.indexOf(value)) / Math.max(1, values.length - (property.kind === "cyclic" ? 0 : 1)))];
    return { of: tone, keys: values.map((value) => [String(+value.toPrecision(4)), tone(value)]) };
  };

  /* What the points are colored by, if anything, and which of its colors are named. */
  const chosenColors = () => {
    const property = found.properties[Number(at("points-property").value)];
    const tones = property ? coloring(property) : null;
    return { property, tones, shown: tones ? tones.keys.slice(0, 24) : [] };
  };

  let places = [];
  let selected = -1;
  const draw = () => {
    const model = found.models[Number(at("points-model").value)];
    const { property, tones, shown } = chosenColors();
    const [xs, ys] = model[at("points-method").value];
    const scale = (canvas.width - 2 * margin) / 1000;
    places = xs.map((x, index) => [margin + x * scale, canvas.height - margin - ys[index] * scale]);
    context.clearRect(0, 0, canvas.width, canvas.height);
    places.forEach(([x, y], index) => {
      const value = property ? property.values[index] : null;
      context.beginPath();
      context.arc(x, y, 3.2, 0, 2 * Math.PI);
      if (value === null) {
        context.strokeStyle = "#767676";
        context.lineWidth = 1;
        context.stroke();
        return;
      }
      context.fillStyle = tones.of(value);
      context.fill();
      // An outline, as some colors are nearly white.
      context.strokeStyle = "#0006";
      context.lineWidth = 0.6;
      context.stroke();
    });
    if (selected >= 0) {
      context.beginPath();
      context.arc(...places[selected], 6, 0, 2 * Math.PI);
      context.strokeStyle = "#1a1a1a";
      context.lineWidth = 1.5;
      context.stroke();
    }
    canvas.setAttribute("aria-label", `Embeddings of ${model.label}${property ? `, colored by ${property.name}` : ""}`);
    at("points-key").replaceChildren(...shown.map(([name, tone]) => {
      const entry = make("span");
      const swatch = make("i");
      swatch.style.background = tone;
      entry.append(swatch, name, " ");
      return entry;
    }));
    if (tones && tones.keys.length > shown.length) at("points-key").append(`and ${tones.keys.length - shown.length} more`);
  };

  const select = async (index) => {
    selected = index;
    draw();
    at("point").hidden = index < 0;
    if (index < 0) return;
    const side = found.thumb;
    const picture = at("point-picture").getContext("2d");
    const [column, row] = [index % found.columns, Math.floor(index / found.columns)];
    at("point-text").textContent = [found.keys[index], ...found.properties.map(
      ({ name, values }) => `${name} ${values[index] === null ? "–" : typeof values[index] === "number" ? +values[index].toPrecision(4) : values[index]}`,
    )].join("\n");
    picture.drawImage(await thumbs, column * side, row * side, side, side, 0, 0, 96, 96);
  };

  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const [x, y] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    let best = -1;
    let least = 15 ** 2;
    places.forEach(([px, py], index) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
    if (best !== selected) select(best);
  };

  /* Arrow keys go to the next point to that side, the nearest by the distance along and across. */
  const step = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const [fromX, fromY] = selected < 0 ? [canvas.width / 2, canvas.height / 2] : places[selected];
    let best = selected;
    let least = Infinity;
    places.forEach(([x, y], index) => {
      const along = (x - fromX) * way[0] + (y - fromY) * way[1];
      const across = Math.abs((x - fromX) * way[1]) + Math.abs((y - fromY) * way[0]);
      const far = along + 2 * across;
      if (index !== selected && along > 0 && far < least) [best, least] = [index, far];
    });
    if (best !== selected) select(best);
  };

  for (const id of ["points-model", "points-property", "points-method"]) at(id).addEventListener("change", draw);
  canvas.addEventListener("mousemove", point);
  canvas.addEventListener("mouseleave", () => select(-1));
  canvas.addEventListener("keydown", step);
  /* The points with what they are and what their colors say. */
  const sheet = () => {
    const [edge, line, side] = [16, 22, canvas.width];
    const { property, shown } = chosenColors();
    const paper = make("canvas");
    const pen = paper.getContext("2d");
    pen.font = "14px sans-serif";
    const rows = [[]];
    let x = edge;
    for (const [name, tone] of shown) {
      const width = pen.measureText(name).width + 34;
      if (x + width > side && rows.at(-1).length) { rows.push([]); x = edge; }
      rows.at(-1).push([name, tone, x]);
      x += width;
    }
    Object.assign(paper, { width: side + 2 * edge, height: side + line * (rows.length + 1) + 3 * edge });
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, paper.width, paper.height);
    pen.font = "14px sans-serif";
    pen.fillStyle = "#1a1a1a";
    const chosen = (id) => at(id).selectedOptions[0].textContent;
    pen.fillText(`${chosen("points-model")}: ${chosen("points-method")}${property ? `, by ${property.name}` : ""}`, edge, edge + 14);
    pen.drawImage(canvas, edge, edge + line);
    rows.forEach((row, place) => row.forEach(([name, tone, left]) => {
      const top = side + line * (place + 1) + 2 * edge;
      pen.fillStyle = tone;
      pen.fillRect(left, top, 12, 12);
      pen.fillStyle = "#1a1a1a";
      pen.fillText(name, left + 17, top + 11);
    }));
    return paper;
  };

  at("points-save").addEventListener("click", () => save(sheet(), "embeddings"));
  draw();
}

if (data.images) explore(data.images);
plot(data.points);
for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
