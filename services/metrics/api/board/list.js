// The list of units: ranked, filtered, sorted; a row is made once and then only written where it differs.

import {spark} from "./charts.js";
import {el, moment, percent, place, plain, plainly, put, refer, whole} from "./forms.js";
import {say} from "./words.js";

// key, value of a row, whether it is a share (per cent)
export const COLUMNS = [
  ["received", row => row.counters.received],
  ["online", row => row.rates.online.percent, true],
  ["completed", row => row.counters.completed],
  ["on_time", row => row.rates.on_time.percent, true],
  ["open", row => row.counters.open],
  ["overdue", row => row.counters.overdue_open],
  ["due", row => row.counters.due_in_24h],
];
export const SORTS = {unit: row => row.name, ...Object.fromEntries(COLUMNS.map(([key, value]) => [key, value]))};
const UNIT_KINDS = new Set(["ward", "commune", "special_zone"]), PAGE = 100;
const lines = new Map();
let limit = PAGE, course = null;

export function setCourse(told) { course = told; }
export function tierOf(row) { return UNIT_KINDS.has(row.kind) ? row.kind : row.kind === "unknown" ? "unknown_kind" : "department"; }
export const ONLY = {
  only_overdue: row => row.counters.overdue_open > 0,
  only_line: row => (row.centre.heard_at && row.centre.link !== "up") || row.centre.silence === "silent",
  only_provisional: row => row.provisional === true,
  only_kept_out: row => row.centre.quarantined_events > 0,
};

export function drawHead(state, choose) {
  const explain = key => { const it = el("button", "?", {type: "button", class: "why", "data-why": key, "aria-label": say("explain")}); return it; };
  const cells = ["unit", "days", ...COLUMNS.map(([key]) => key)].map(key => {
    const cell = el("th", "", {scope: "col", role: "columnheader", class: `c-${key}`});
    if (key === "days") { cell.append(say(key)); return cell; }
    const press = el("button", say(key), {type: "button", "data-key": key});
    press.onclick = () => { choose(key); place("head").querySelector(`[data-key="${key}"]`).focus(); };
    if (state.sort === key) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    cell.append(press);
    if (key === "on_time") cell.append(explain(key));
    return cell;
  });
  place("head").replaceChildren(...cells);
}

export function reset() { limit = PAGE; }
export function forget() { lines.clear(); place("rows").replaceChildren(); }

export function drawRows(units, state, open, link) {
  const find = plain(state.find.trim()), value = SORTS[state.sort];
  const all = [...units.values()].filter(row => UNIT_KINDS.has(row.kind) || state.role === "competent" ||
    COLUMNS.some(([, of]) => of(row)));
  const found = all.filter(row => (!find || plain(row.name).includes(find) || row.unit.toLowerCase().includes(find)) &&
    (!state.tier || tierOf(row) === state.tier) && (!state.only || ONLY[state.only](row)));
  const names = byName(units);
  found.sort((a, b) => {
    const x = value(a), y = value(b), tie = names.get(a.unit) - names.get(b.unit);
    if (state.sort === "unit") return state.down ? -tie : tie;
    // What has no value stands last, whichever way the rest is sorted.
    if (x === null || y === null) return x === y ? tie : x === null ? 1 : -1;
    return (state.down ? y - x : x - y) || tie;
  });
  show(found.slice(0, limit), open, link);
  const left = found.length - limit;
  place("more").hidden = left <= 0;
  put(place("more"), left > 0 ? say("more", {n: whole(Math.min(left, PAGE))}) : "");
  place("more").onclick = () => { limit += PAGE; drawRows(units, state, open, link); };
  put(place("count"), !found.length ? say("nothing") : found.length === all.length ? say("count", {n: whole(all.length)}) :
    say("count_of", {n: whole(found.length), m: whole(all.length)}));
  return new Set(found.map(row => row.unit));
}

// Thousands of names are compared once, not at each of four pictures a second.
let ranked = null, ranks = new Map();
function byName(units) {
  if (ranked !== units || ranks.size !== units.size) {
    const collator = new Intl.Collator("vi", {numeric: true});
    ranked = units;
    ranks = new Map([...units.values()].sort((a, b) => collator.compare(a.name, b.name)).map((row, at) => [row.unit, at]));
  }
  return ranks;
}

function show(rows, open, link) {
  const body = place("rows"), wanted = new Set();
  rows.forEach((row, at) => {
    const line = lines.get(row.unit) ?? made(row, open);
    wanted.add(row.unit);
    write(line, row, at + 1, link(row.unit));
    if (body.children[at] !== line.tr) body.insertBefore(line.tr, body.children[at] ?? null);
  });
  for (const [unit, line] of lines) if (!wanted.has(unit)) { line.tr.remove(); lines.delete(unit); }
}

function made(row, open) {
  const tr = el("tr", "", {role: "row", "data-unit": row.unit});
  const rank = el("span", "", {class: "rank", "aria-hidden": "true"}), name = el("a");
  const marks = el("span", "", {class: "marks"}), box = el("div", "", {class: "spark"});
  name.onclick = plainly(() => open(row.unit));
  tr.append(el("th", el("div", [rank, el("span", [name, marks], {class: "named"})], {class: "who"}), {scope: "row", role: "rowheader"}), el("td", box, {role: "cell", class: "c-days"}));
  const cells = COLUMNS.map(([key]) => { const cell = el("td", "", {role: "cell", class: `c-${key}`}); tr.append(cell); return cell; });
  const line = {tr, rank, name, marks, box, cells, marked: null};
  lines.set(row.unit, line);
  return line;
}

function write(line, row, rank, link) {
  put(line.rank, String(rank));
  refer(line.name, link);
  put(line.name, row.name);
  COLUMNS.forEach(([key, of, isShare], at) => {
    const cell = line.cells[at], value = of(row);
    if (cell.dataset.label !== say(key)) cell.dataset.label = say(key);
    if (!put(cell, isShare ? percent(value) : whole(value))) return;
    if (isShare) { cell.classList.toggle("share", value !== null); cell.style.setProperty("--share", (value ?? 0) / 100); }
    if (key === "overdue") cell.classList.toggle("late", value > 0);
  });
  const numbers = course?.units[row.unit];
  if (numbers) spark(line.box, course.days, numbers);
  const told = marksOf(row), key = JSON.stringify(told);
  if (key !== line.marked) {
    line.marked = key;
    line.marks.replaceChildren(...told.map(([kind, text]) => el("small", text, {class: `mark ${kind}`})));
  }
}

export function keptOut(centre) { return say("kept_out", {n: whole(centre.quarantined_events)}); }

// Only what needs a word: a centre whose line is well and whose outbox is empty has none. [kind, text]
export function marksOf(row) {
  const centre = row.centre, found = [];
  if (row.provisional) {
    const left = centre.spool_events ? ` · ${say("left", {n: whole(centre.spool_events)})}` : "";
    found.push(["provisional", say("provisional_until", {at: moment(row.complete_until)}) + left]);
  }
  if (centre.quarantined_events) found.push(["kept_out", keptOut(centre)]);
  if (centre.heard_at && centre.link !== "up") found.push([centre.link, say(centre.link)]);
  if (centre.silence === "silent") found.push(["silent", say("silent_since", {at: moment(centre.last_event)})]);
  return found;
}
