"use strict";
const at = (id) => document.getElementById(id);
const tables = [...document.querySelectorAll("table.board")];

/* The rank beside a model is that of the column that sorts. */
function sort(table, column, ascending) {
  const heads = [...table.tHead.rows[0].cells];
  const isNumber = heads[column].dataset.sort === "number";
  const of = (row) => (isNumber ? row.cells[column].dataset.value : row.cells[column].textContent);
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [one, other] = [of(a), of(b)];
    if (one === "" || other === "") return (one === "") - (other === "");
    const order = isNumber ? Number(one) - Number(other) : one.localeCompare(other);
    return ascending ? order : -order;
  });
  table.tBodies[0].append(...rows);
  heads.forEach((head, place) => {
    if (place === column) head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  });
  if (isNumber) for (const row of rows) row.cells[0].textContent = row.cells[column].dataset.rank;
}

for (const table of tables) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sorted = head.getAttribute("aria-sort");
      const first = head.dataset.sort === "text";
      sort(table, column, sorted ? sorted === "descending" : first);
    });
  });
  const first = heads.findIndex((head) => head.dataset.sort === "number");
  if (first >= 0) sort(table, first, false);
}

function filter() {
  const [trunk, loss] = [at("trunk").value, at("loss").value];
  let shown = 0;
  let every = 0;
  for (const row of tables.flatMap((table) => [...table.tBodies[0].rows])) {
    row.hidden = (trunk !== "" && row.dataset.trunk !== trunk) || (loss !== "" && row.dataset.loss !== loss);
    every += 1;
    if (!row.hidden) shown += 1;
  }
  at("found").textContent = `${shown} of ${every} entries`;
}

function openCard() {
  const card = at(decodeURIComponent(location.hash.slice(1)));
  if (card && card.tagName === "DETAILS") card.open = true;
}

for (const id of ["trunk", "loss"]) at(id).addEventListener("change", filter);
for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
window.addEventListener("hashchange", openCard);
filter();
openCard();
