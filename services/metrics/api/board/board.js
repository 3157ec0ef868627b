// The board put together: what is chosen stands in the address, what is told comes over the wire.

import {course, redraw, sweep} from "./charts.js";
import {el, lately, longDay, moment, percent, place, put, whole} from "./forms.js";
import * as list from "./list.js";
import * as map from "./map.js";
import * as unit from "./unit.js";
import {MEANINGS, language, meaning, say, speak, translate} from "./words.js";
import {Wire} from "./wire.js";

const LAG_SECONDS_MAX = 60, LAG_SECONDS_MIN = 2, BEHIND_AFTER_MS = 3000, COURSE_EVERY_MS = 5000, COURSE_EVERY_MS_LARGE = 30000, LARGE_UNITS = 500;
const TIERS = ["ward", "commune", "special_zone", "department", "unknown_kind"];
// `coming`: rows of a connection that has not yet told them all; what was shown before stands until it has.
let units = new Map(), coming = null, toCome = 0, total = null, head = null, problem = null, told = null, readAt = 0, reading = false, drawn = false, cameByMap = false;
// Whether figures are behind; null while a connection has not told it for long enough.
let isBehind = null, lateSince = 0;

// ---- what is chosen ----

let state = chosen();

function chosen() {
  const asked = new URLSearchParams(location.search);
  const sort = asked.get("sort") in list.SORTS ? asked.get("sort") : "received", usual = sort !== "unit";
  return {
    role: asked.get("role") === "competent" ? "competent" : "receiver", unit: asked.get("unit"), find: asked.get("find") ?? "",
    sort, down: asked.has("up") ? !usual : usual,
    tier: TIERS.includes(asked.get("tier")) ? asked.get("tier") : "", only: asked.get("only") in list.ONLY ? asked.get("only") : "",
    lang: asked.get("lang") === "en" ? "en" : "vi",
  };
}

function address(of = state) {
  const parts = {
    unit: of.unit, role: of.role === "receiver" ? null : of.role, sort: of.sort === "received" ? null : of.sort,
    up: of.down === (of.sort !== "unit") ? null : "1", find: of.find || null, tier: of.tier || null, only: of.only || null,
    lang: of.lang === "vi" ? null : "en",
  };
  const query = new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== null)).toString();
  return query ? `/?${query}` : "/";
}

function choose(change, isPage = false) {
  const former = state;
  state = {...state, ...change};
  history[isPage ? "pushState" : "replaceState"](null, "", address());
  follow(former);
}

function follow(former) {
  if (state.lang !== former.lang) { speak(state.lang); list.forget(); map.forget(); words(); redraw(); }
  if (state.role !== former.role) { empty(); wire.listen(state.role); }
  if (state.unit !== former.unit || (state.unit && (state.role !== former.role || state.lang !== former.lang))) turn();
  for (const id of ["role", "tier", "only"]) place(id).value = state[id];
  place("sort").value = state.sort;
  if (place("find").value !== state.find) place("find").value = state.find;
  list.drawHead(state, sortBy);
  draw();
}

// Figures of one role never stand under the name of another, however long the others take to come.
function empty() {
  units = new Map(); coming = total = told = null; readAt = 0;
  place("main").setAttribute("aria-busy", "true");
  place("totals").replaceChildren();
  place("course").replaceChildren();
  list.forget();
  map.forget();
  put(place("count"), say("loading"));
  sweep();
}

function sortBy(key) { choose({sort: key, down: state.sort === key ? !state.down : key !== "unit"}); }

function turn() {
  place("city").hidden = Boolean(state.unit); place("unit").hidden = !state.unit;
  unit.close();
  if (!state.unit) { document.title = "Một Cửa"; return; }
  unit.open(state.unit, state.role, () => {
    const last = CSS.escape(state.unit), row = `#rows [data-unit="${last}"] a`, tile = `[data-tile="${last}"]`;
    choose({unit: null}, true);
    // Back to where it was opened.
    for (const from of cameByMap ? [tile, row] : [row, tile]) {
      document.querySelector(from)?.focus();
      if (document.activeElement?.matches(from)) break;
    }
  });
}

addEventListener("popstate", () => { const former = state; state = chosen(); follow(former); });

// ---- what is told ----

const wire = new Wire((name, what, isFirst) => {
  if (name === "problem") problem = what.code;
  else {
    head = what; problem = null;
    if (name === "units") {
      if (what.role !== state.role) return;
      if (isFirst) { coming = new Map(); isBehind = null; lateSince = 0; }
      for (const row of what.units) (coming ?? units).set(row.unit, row);
      toCome = what.to_come ?? 0;
      total = what.total;
      if (coming && !toCome) { units = coming; coming = null; place("main").removeAttribute("aria-busy"); }
      plan();
      // On a slow line the days would only make the rows come later.
      if (!coming) readCourse();
    }
    weigh(what.lag_seconds);
  }
  drawState();
}, () => drawState());

// An event is not counted for a moment, and the first for a minute shows the age of the one before it for so long: figures
// are behind when nothing but lag has been told for some seconds.
function weigh(lag) {
  if (lag === null || lag <= LAG_SECONDS_MIN) { isBehind = lag === null ? null : false; lateSince = 0; return; }
  lateSince ||= Date.now();
  if (Date.now() - lateSince >= BEHIND_AFTER_MS) isBehind = true;
}

// However many events come, a picture is drawn once for each frame at most.
function plan() {
  if (drawn) return;
  drawn = true;
  // A page in the background has no frames, and is to be right when it is looked at again.
  (document.hidden ? setTimeout : requestAnimationFrame)(() => { drawn = false; draw(); });
}

async function readCourse() {
  const every = units.size > LARGE_UNITS ? COURSE_EVERY_MS_LARGE : COURSE_EVERY_MS;
  if (reading || Date.now() - readAt < every) return;
  reading = true; readAt = Date.now();
  const role = state.role;
  try {
    const [received, completed] = await Promise.all(["received", "completed"].map(async counter => {
      const answer = await fetch(`/v1/days?counter=${counter}&role=${role}`);
      if (!answer.ok) throw new Error(counter);
      return answer.json();
    }));
    if (role === state.role) { told = {received, completed}; list.setCourse(received); plan(); }
  } catch { /* the charts stay as they are; the next look may go well */ } finally {
    reading = false;
    // What came in while it was read, or within the pause, is read by the next look.
    setTimeout(() => { if (head && (!told || moved())) readCourse(); }, every + 50);
  }
}

const moved = () => JSON.stringify(told.received.as_of.partitions) !== JSON.stringify(head.as_of.partitions);

// ---- drawing ----

function draw() {
  if (!total) return;
  if (state.unit) { const row = units.get(state.unit); if (row) unit.live(row, state.role); return; }
  drawTotals();
  if (told) course(place("course"), told.received.days, told.received.total, told.completed.total);
  // A rank among a part of the units would be no rank.
  if (coming && !units.size) { put(place("count"), say("arriving")); return; }
  const open = code => { list.reset(); cameByMap = place("tiles").contains(document.activeElement); choose({unit: code}, true); };
  const link = code => address({...state, unit: code});
  map.draw(units, list.drawRows(units, state, open, link), state, open, link);
  sweep();
}

function drawTotals() {
  const {counters, rates} = total, share = rate => say("of", {n: whole(rate.numerator), m: whole(rate.denominator)});
  const today = name => told ? say("today", {n: whole(told[name].total.at(-1))}) : "";
  const waiting = counters.open_waiting_supplement + counters.open_waiting_payment;
  const tiles = [
    ["cases", whole(counters.cases), ""],
    ["received", whole(counters.received), today("received")],
    ["online", percent(rates.online.percent), share(rates.online)],
    ["completed", whole(counters.completed), today("completed")],
    ["on_time", percent(rates.on_time.percent), share(rates.on_time)],
    ["open", whole(counters.open), say("waiting", {n: whole(waiting)})],
    ["overdue", whole(counters.overdue_open), say("acceptance_late", {n: whole(counters.acceptance_overdue)})],
    ["due", whole(counters.due_in_24h), say("in_72h", {n: whole(counters.due_in_72h)})],
  ];
  const box = place("totals");
  box.classList.toggle("provisional", head.provisional === true);
  if (box.children.length !== tiles.length || box.dataset.lang !== language()) {
    box.dataset.lang = language();
    box.replaceChildren(...tiles.map(([key]) => {
      const name = el("dt", say(key));
      if (key === "on_time") name.append(el("button", "?", {type: "button", class: "why", "data-why": key, "aria-label": `${say("explain")} ${say(key)}`}));
      return el("div", [name, el("dd", [el("span", "", {class: "number"}), el("small")])], {"data-total": key});
    }));
  }
  tiles.forEach(([key, value, note], at) => {
    const number = box.children[at].querySelector(".number");
    if (put(number, value) && number.dataset.seen && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      number.animate([{opacity: 0.35}, {opacity: 1}], {duration: 600, easing: "ease-out"});
    }
    number.dataset.seen = "1";
    if (key === "overdue") number.classList.toggle("late", counters.overdue_open > 0);
    put(box.children[at].querySelector("small"), note);
  });
}

// In steps: it is read out whenever it changes.
function behind(seconds) {
  if (seconds < 60) return say("behind");
  return seconds < 7200 ? say("behind_minutes", {n: whole(Math.round(seconds / 60))}) : say("behind_hours", {n: whole(Math.round(seconds / 3600))});
}

// How complete figures are that are not behind by much. null: the service has not read the heartbeats, and so cannot say.
const FULL = {false: ["live", "good", ""], true: ["live_provisional", "warn", "in_part_provisional"], null: ["live_unsure", "wait", "unsure"]};

function drawState() {
  const box = place("state"), lag = head?.lag_seconds, at = head ? lately(head.as_of.time) : "–";
  let words = say("connecting"), mood = "wait", beside = "";
  if (wire.lostAt) [words, mood] = [say("lost", {at}), "bad"];
  else if (problem) [words, mood] = [say(problem === "rebuilding" ? "rebuilding" : "unavailable", {at}), "bad"];
  else if (head?.stopped) [words, mood] = [say("stopped"), "bad"];
  else if (head && lag === null) [words, mood] = [say("lag_unknown"), "warn"];
  else if (coming?.size) {
    [words, mood] = [say("arriving"), "wait"];
    beside = say("count_of", {n: whole(coming.size), m: whole(coming.size + toCome)});
  } else if (head && isBehind !== null) {
    const [live, full, rest] = FULL[head.provisional ?? null];
    // What was refused is missing for good until a centre puts it right: that is no complete city.
    const missing = full === "good" ? [...units.values()].filter(list.ONLY.only_kept_out).length : 0;
    if (missing && !(isBehind && lag > LAG_SECONDS_MAX)) [words, mood] = [say("live_kept_out", {n: whole(missing)}), "warn"];
    else if (isBehind) {
      [words, mood] = [rest ? `${behind(lag)} · ${say(rest)}` : behind(lag), lag > LAG_SECONDS_MAX ? "warn" : full];
      beside = lag < 120 ? say("seconds", {n: whole(Math.ceil(lag))}) : "";
    } else [words, mood] = [say(live), full];
  }
  box.className = mood;
  place("main").classList.toggle("old", mood === "bad");
  // Said again only when it changes: a screen reader reads it out. The seconds beside it are for the eyes.
  put(place("verdict"), words);
  put(place("beside"), beside);
  place("retry").hidden = !wire.lostAt;
  const seconds = Math.ceil((wire.nextAt - Date.now()) / 1000);
  const lines = wire.lostAt ? [["", wire.nextAt && seconds > 0 ? say("again_in", {n: seconds}) : say("again_now")]] : head ? [
    [say("as_of"), at], [say("log_clock"), moment(head.as_of.log_clock)],
    ...(head.complete_until ? [[say("complete_until"), moment(head.complete_until)]] : []),
  ] : [];
  const key = JSON.stringify(lines);
  if (place("when").dataset.key === key) return;
  place("when").dataset.key = key;
  place("when").replaceChildren(...lines.map(([name, value]) => el("span", [name && `${name} `, el("time", value)])));
}

// ---- words and choices ----

function words() {
  translate(document.body);
  put(place("language"), language() === "vi" ? "EN" : "VI");
  place("language").lang = language() === "vi" ? "en" : "vi";
  place("language").setAttribute("aria-label", say("language"));
  options("role", ["receiver", "competent"]);
  options("tier", ["", ...TIERS]);
  options("only", ["", ...Object.keys(list.ONLY)]);
  options("sort", Object.keys(list.SORTS));
  options("shade", list.COLUMNS.map(([key]) => key));
  if (place("totals").children.length) place("totals").replaceChildren();
}

function options(id, values) {
  place(id).replaceChildren(...values.map(value => el("option", say(value || "all"), {value})));
  if (id in state) place(id).value = state[id];
}

function explain(first) {
  const keys = Object.keys(MEANINGS).sort((a, b) => (b === first) - (a === first));
  const shut = el("button", say("close"), {type: "button"}), days = told?.received.days;
  shut.onclick = () => place("meaning").close();
  place("meaning").replaceChildren(el("h2", say("explain"), {id: "meaning-title", tabindex: "-1", autofocus: ""}), ...keys.flatMap(key => {
    const [title, text] = meaning(key);
    return [el("h3", title), el("p", text)];
  }), ...(days ? [el("p", `${say("days")}: ${longDay(days[0])} – ${longDay(days.at(-1))}`, {class: "soft"})] : []), shut);
  place("meaning").showModal();
}

place("find").oninput = () => { list.reset(); choose({find: place("find").value}); };
for (const id of ["role", "tier", "only"]) place(id).onchange = () => { list.reset(); choose({[id]: place(id).value}); };
place("sort").onchange = () => choose({sort: place("sort").value, down: place("sort").value !== "unit"});
place("shade").onchange = () => choose({sort: place("shade").value, down: true});
place("language").onclick = () => choose({lang: language() === "vi" ? "en" : "vi"});
place("explain").onclick = () => explain("on_time");
place("retry").onclick = () => wire.now();
document.addEventListener("click", pressed => { const why = pressed.target.closest?.("[data-why]"); if (why) explain(why.dataset.why); });
document.querySelector("[data-home]").onclick = pressed => { pressed.preventDefault(); choose({unit: null}, true); };
place("meaning").addEventListener("click", pressed => { if (pressed.target === place("meaning")) place("meaning").close(); });

speak(state.lang);
words();
place("find").value = state.find;
list.drawHead(state, sortBy);
turn();
map.load().then(plan);
wire.listen(state.role);
setInterval(drawState, 1000);
