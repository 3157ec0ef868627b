// One unit's page: how it stands, its deadlines with their worklists, its line, its days, every counter.

import {course, sweep} from "./charts.js";
import {el, longDay, moment, percent, place, put, refer, whole} from "./forms.js";
import {keptOut, marksOf} from "./list.js";
import {fieldName, language, say} from "./words.js";

const AGAIN_MS = 3000;
// list, words, counter
const LISTS = [
  ["overdue", "overdue_open", "overdue_open"], ["due_soon", "due_24", "due_in_24h"], [null, "due_72", "due_in_72h"],
  ["acceptance_due", "acceptance", "acceptance_overdue"], ["waiting_supplement", "supplement", "open_waiting_supplement"],
  ["waiting_payment", "payment", "open_waiting_payment"], ["open", "open_all", "open"],
];
const DAY_COLUMNS = [
  ["received", row => whole(row.counters.received)], ["online", row => percent(row.rates.online.percent)],
  ["completed", row => whole(row.counters.completed)], ["on_time", row => percent(row.rates.on_time.percent)],
  ["returned", row => whole(row.counters.returned)], ["refused", row => whole(row.counters.refused)],
];
const SILENCES = {heard: "heard", resting: "resting", silent: "silent", never: "never", unknown: "silence_unknown"};
let dictionary = null, shown = null;

export function close() { shown = null; place("unit").replaceChildren(); sweep(); }

export async function open(unit, role, back) {
  const page = shown = {unit, role, drawn: "", parts: "", timer: 0, readAt: 0, back};
  place("unit").replaceChildren(el("p", say("loading"), {class: "soft"}));
  await read(page);
}

// A row of the stream: what it says is written at once, and what it does not have is read again a moment later.
export function live(row, role) {
  const page = shown;
  if (!page || row.unit !== page.unit || role !== page.role) return;
  const key = language() + JSON.stringify(row);
  if (key === page.drawn) return;
  page.drawn = key; page.row = row;
  if (page.told) { fill(page); again(page); }
}

function again(page) {
  if (page.timer) return;
  page.timer = setTimeout(() => { page.timer = 0; if (page === shown) read(page); }, Math.max(0, page.readAt + AGAIN_MS - Date.now()));
}

async function read(page) {
  const path = `/v1/units/${encodeURIComponent(page.unit)}`, of = `?role=${page.role}`;
  page.readAt = Date.now();
  try {
    const [told, days, words] = await Promise.all([json(path + of), json(`${path}/days${of}`), dictionary ?? json("/v1/counters")]);
    dictionary = words;
    if (page !== shown) return;
    const isFirst = !page.told;
    Object.assign(page, {told, days, row: page.row ?? told});
    if (isFirst) frame(page);
    fill(page);
  } catch (error) {
    if (page !== shown) return;
    if (error.status === 404) { place("unit").replaceChildren(backLink(page), el("p", say("no_unit"))); return; }
    if (!page.told) place("unit").replaceChildren(backLink(page), el("p", say("not_loaded"), {class: "soft"}));
    again(page);
  }
}

async function json(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw Object.assign(new Error(path), {status: answer.status});
  return answer.json();
}

function backLink(page) {
  const link = el("a", `← ${say("back")}`, {href: "/", class: "back"});
  link.onclick = pressed => { pressed.preventDefault(); page.back(); };
  return link;
}

function frame(page) {
  const box = (id, title) => el("section", [el("h3", say(title)), el("div", "", {id})], {class: "card"});
  // What may be wider than a phone can be scrolled by keys, too.
  const wide = (id, title) => el("div", "", {id, class: "wide", tabindex: "0", role: "region", "aria-label": say(title)});
  const parts = (id, title) => el("section", [el("h3", say(title)), wide(id, title)], {class: "card"});
  const title = el("h2", "", {id: "unit-name", tabindex: "-1"});
  place("unit").replaceChildren(
    backLink(page), el("div", [title, el("p", "", {id: "unit-kind"}), el("p", "", {id: "unit-marks", class: "marks"})], {class: "title"}),
    el("dl", "", {id: "unit-totals", class: "totals"}),
    el("div", [box("unit-deadlines", "deadlines"), el("div", [box("unit-line", "link"), parts("unit-channels", "by_channel")])], {class: "two"}),
    el("section", [el("h3", say("by_day")), el("div", "", {id: "unit-course"}), wide("unit-days", "by_day")], {class: "card chart"}),
    parts("unit-fields", "by_field"),
    el("details", [el("summary", say("every_counter")), wide("unit-counters", "every_counter")], {class: "card"}),
  );
  title.focus({preventScroll: true}); scrollTo(0, 0);
}

function fill(page) {
  const {row, told, days} = page, counters = row.counters;
  put(place("unit-name"), row.name);
  put(place("unit-kind"), `${row.unit} · ${say(page.role)}`);
  document.title = `${row.name} · Một Cửa`;
  place("unit-marks").replaceChildren(...marksOf(row).map(([kind, text]) => el("span", text, {class: `mark ${kind}`})));
  totals(page);
  deadlines(page, counters);
  line(row);
  const received = days.days.map(day => day.counters.received), completed = days.days.map(day => day.counters.completed);
  course(place("unit-course"), days.days.map(day => day.day), received, completed);
  // The tables are heavy, and change only with what was read.
  const key = language() + JSON.stringify([days.days, told.by_field, told.by_channel, told.counters]);
  if (key === page.parts) return;
  page.parts = key;
  place("unit-days").replaceChildren(table([say("day"), ...DAY_COLUMNS.map(([name]) => say(name))], [...days.days].reverse().map(day => [
    day.restated_at ? [longDay(day.day), el("small", say("restated", {at: moment(day.restated_at)}), {class: "mark restated"})] : longDay(day.day),
    ...DAY_COLUMNS.map(([, of]) => of(day)),
  ])));
  const parts = (found, head, name) => table([say(head), say("received"), say("completed"), say("on_time"), say("open")],
    Object.entries(found).sort(([, a], [, b]) => b.counters.received - a.counters.received).map(([key, each]) => [
      name(key), whole(each.counters.received), whole(each.counters.completed), percent(each.rates.on_time.percent), whole(each.counters.open)]));
  place("unit-channels").replaceChildren(parts(told.by_channel, "channel", key => say(key)));
  place("unit-fields").replaceChildren(parts(told.by_field, "field", fieldName));
  place("unit-counters").replaceChildren(table([say("counter"), say("value"), say("meaning")], dictionary.counters.map(each => [
    language() === "vi" ? each.label_vi : each.name, whole(told.counters[each.name]),
    el("span", [el("code", each.name), " ", language() === "vi" ? each.help_vi : each.help], {class: "text"}),
  ])));
}

function totals(page) {
  const {counters, rates} = page.row;
  const share = rate => [percent(rate.percent), say("of", {n: whole(rate.numerator), m: whole(rate.denominator)})];
  const tiles = [
    ["received", whole(counters.received), ""], ["online", ...share(rates.online)], ["completed", whole(counters.completed), ""],
    ["on_time", ...share(rates.on_time)], ["open", whole(counters.open), ""],
    ["overdue", whole(counters.overdue_open), say("acceptance_late", {n: whole(counters.acceptance_overdue)})],
  ];
  const box = place("unit-totals");
  box.classList.toggle("provisional", page.row.provisional === true);
  // Made once for a page, then only written: whoever is at a button or a link stays there.
  if (!box.children.length) {
    box.append(...tiles.map(([key]) => {
      const name = el("dt", say(key));
      if (key === "on_time") name.append(el("button", "?", {type: "button", class: "why", "data-why": key, "aria-label": say("explain")}));
      return el("div", [name, el("dd", [el("span", "", {class: "number"}), el("small")])]);
    }));
  }
  tiles.forEach(([key, value, note], at) => {
    const number = box.children[at].querySelector(".number");
    put(number, value);
    if (key === "overdue") number.classList.toggle("late", counters.overdue_open > 0);
    put(box.children[at].querySelector("small"), note);
  });
}

function deadlines(page, counters) {
  const box = place("unit-deadlines"), base = worklists();
  if (!box.children.length) {
    const rows = LISTS.map(([list, words]) => {
      const link = list && el("a", `${say("worklist")} ↗`, {
        target: "_blank", rel: "noopener", "aria-label": say("worklist_of", {what: say(words)}),
      });
      return el("li", [el("span", say(words), {class: "what"}), el("span", "", {class: "number"}), link || el("span")]);
    });
    box.append(el("ul", rows, {class: "lists"}), el("p", say("key_needed"), {class: "soft"}));
  }
  LISTS.forEach(([list, , counter], at) => {
    const row = box.querySelectorAll("li")[at], number = row.querySelector(".number");
    put(number, whole(counters[counter]));
    number.classList.toggle("late", ["overdue_open", "acceptance_overdue"].includes(counter) && counters[counter] > 0);
    if (list) refer(row.querySelector("a"), `${base}/v1/units/${encodeURIComponent(page.unit)}/worklist?list=${list}&role=${page.role}`);
  });
}

function worklists() {
  const said = document.querySelector('meta[name="worklists"]').content;
  return said.startsWith(":") ? `${location.protocol}//${location.hostname}${said}` : said;
}

function line(row) {
  // null: the service has not read the heartbeats; who has an outbox, and what it holds, is not known.
  const {centre} = row, has = Boolean(centre.heard_at), isKnown = row.provisional !== null;
  const link = has || !isKnown ? centre.link : null;
  const full = !isKnown ? el("span", say("full_unknown"), {class: "mark unknown"}) :
    row.provisional ? el("span", say("provisional"), {class: "mark provisional"}) :
    centre.quarantined_events ? el("span", keptOut(centre), {class: "mark kept_out"}) : say("full");
  const facts = [
    [say("link"), el("span", link ? say(link) : say("no_edge"), {class: link ? `mark ${link}` : ""})],
    // Of a centre without an outbox nobody can say what it has not sent.
    ...(has || !isKnown ? [[say("completeness"), full]] : []),
    ...(has ? [
      [say("complete_to"), moment(row.complete_until)], [say("outbox"), say("outbox_events", {n: whole(centre.spool_events ?? 0)})],
      [say("oldest"), moment(centre.oldest_unsent_at)], [say("heard_at"), moment(centre.heard_at)],
    ] : []),
    [say("last_event"), moment(centre.last_event)],
    [say("activity"), el("span", say(SILENCES[centre.silence]), {class: centre.silence === "silent" ? "mark silent" : ""})],
  ];
  place("unit-line").replaceChildren(el("dl", facts.map(([name, value]) => el("div", [el("dt", name), el("dd", value)])), {class: "facts"}));
}

function table(head, rows) {
  return el("table", [
    el("thead", el("tr", head.map(text => el("th", text, {scope: "col"})))),
    el("tbody", rows.map(([first, ...rest]) => el("tr", [el("th", first, {scope: "row"}), ...rest.map(value => el("td", value))]))),
  ]);
}
