// The map in tiles: each unit where it lies, with the figure by which the list is sorted, in a stronger colour for more of it.

import {el, percent, place, plainly, put, refer, whole} from "./forms.js";
import {COLUMNS, marksOf} from "./list.js";
import {say} from "./words.js";

const SHADES = 5, KIND = /^(phường|xã|đặc khu)\s+/iu;
// What is bad when there is more of it has the other colour.
const BAD = new Set(["overdue", "due"]);
const tiles = new Map();
let places = {}, stop = null;

export async function load() {
  try {
    const answer = await fetch("/board/tiles.json");
    if (answer.ok) places = await answer.json();
  } catch { /* a page without its map is a page all the same */ }
}

export function forget() { tiles.clear(); place("tiles").replaceChildren(); }

export function draw(units, found, state, open, link) {
  const rows = Object.keys(places).map(code => units.get(code)).filter(Boolean);
  place("map").hidden = !rows.length;
  if (!rows.length) return;
  const [key, of, isShare] = COLUMNS.find(([name]) => name === state.sort) ?? COLUMNS[0];
  if (place("shade").value !== key) place("shade").value = key;
  place("map").classList.toggle("bad", BAD.has(key));
  const shades = shadesOf(rows.map(of));
  for (const row of rows) {
    const tile = tiles.get(row.unit) ?? made(row, open), value = of(row);
    const text = isShare ? percent(value) : whole(value), marks = marksOf(row);
    put(tile.figure, text);
    tile.it.className = `tile s${shades.get(value) ?? 0}${found.has(row.unit) ? "" : " out"}`;
    const words = [`${row.name}: ${say(key)} ${text}`, ...marks.map(([, mark]) => mark)].join(" · ");
    if (tile.it.getAttribute("aria-label") !== words) { tile.it.setAttribute("aria-label", words); tile.it.title = words; }
    refer(tile.it, link(row.unit));
    // Of several signs the last is the gravest.
    const kind = marks.at(-1)?.[0] ?? "";
    if (tile.mark.dataset.kind !== kind) { tile.mark.dataset.kind = kind; tile.mark.className = kind && `mark ${kind}`; }
  }
  for (const [code, tile] of tiles) if (!units.has(code)) { tile.it.remove(); tiles.delete(code); }
  if (!tiles.has(stop)) halt(tiles.keys().next().value);
}

// A figure's shade is its place among the figures that there are, in fifths from the highest down; 0 has none.
function shadesOf(values) {
  const steps = [...new Set(values.filter(value => value > 0))].sort((a, b) => a - b);
  return new Map(steps.map((value, at) => [value, SHADES - Math.floor(((steps.length - 1 - at) * SHADES) / steps.length)]));
}

function made(row, open) {
  const [column, line] = places[row.unit];
  const figure = el("b"), mark = el("i", "", {"aria-hidden": "true"});
  const it = el("a", [el("span", row.name.replace(KIND, "")), figure, mark], {tabindex: row.unit === stop ? 0 : -1, "data-tile": row.unit});
  it.style.gridArea = `${line} / ${column}`;
  it.onclick = plainly(() => open(row.unit));
  it.onfocus = () => halt(row.unit);
  const tile = {it, figure, mark, column, line};
  tiles.set(row.unit, tile);
  place("tiles").append(it);
  return tile;
}

// The keyboard stops once at the map; arrows lead to the nearest tile of that side.
function halt(code) {
  tiles.get(stop)?.it.setAttribute("tabindex", "-1");
  tiles.get(code)?.it.setAttribute("tabindex", "0");
  stop = code;
}

const SIDES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
place("tiles").addEventListener("keydown", pressed => {
  const side = SIDES[pressed.key], from = tiles.get(stop);
  if (!side || !from || pressed.altKey || pressed.ctrlKey || pressed.metaKey) return;
  pressed.preventDefault();
  let next = null, least = Infinity;
  for (const tile of tiles.values()) {
    const along = (tile.column - from.column) * side[0] + (tile.line - from.line) * side[1];
    const aside = Math.abs((tile.column - from.column) * side[1]) + Math.abs((tile.line - from.line) * side[0]);
    if (along > 0 && along + 2 * aside < least) [next, least] = [tile, along + 2 * aside];
  }
  next?.it.focus();
});
