"use strict";
// The page is drawn from RUNS, the documents of one run or of two side by side.
const COLOURS = ["#2f6fde", "#d9822b", "#2a9d6f", "#b0479b", "#7a6ad8", "#c0392b", "#0f8b8d", "#8d6e2f", "#5b6676", "#e15d87"];
const SHADE = { cut: "#b3261e", half_open: "#c77700", captive: "#7a4fbf", congested: "#6f7f92", kill: "#222", freeze: "#0f6f8b", stall: "#0f8b8d", flush: "#8d2f2f" };
const WORD = { kept: "kept", broken: "BROKEN", invalid: "invalid", shown: "" };
const main = document.getElementById("main");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const number = (n, digits = 0) => n == null ? "–" : n.toLocaleString("en", { maximumFractionDigits: digits });

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name === "class" ? element.className = value : element.setAttribute(name, value);
  element.append(...children.filter(child => child != null));
  return element;
}
function table(head, rows, numeric = []) {
  const cell = (tag, text, n) => make(tag, numeric.includes(n) ? { class: "n" } : {}, text instanceof Node ? text : String(text));
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...head.map((text, n) => cell("th", text, n)))),
    make("tbody", {}, ...rows.map(row => make("tr", {}, ...row.map((text, n) => cell("td", text, n)))))));
}
const section = (title, ...children) => main.append(make("h2", {}, title), ...children);
const word = verdict => make("b", { class: verdict.word }, WORD[verdict.word]);

const overall = run => make("p", { class: "verdict " + run.headline.word }, run.headline.text);

// Bands of what was wrong, drawn behind the lines of each chart.
function bands(run) {
  return { hooks: { drawClear: [plot => {
    const context = plot.ctx;
    for (const stretch of run.stretches) {
      const left = plot.valToPos(stretch.since, "x", true), right = plot.valToPos(stretch.until, "x", true);
      context.save();
      context.fillStyle = (SHADE[stretch.what] || "#777") + "22";
      context.fillRect(left, plot.bbox.top, Math.max(2, right - left), plot.bbox.height);
      context.restore();
    }
  }] } };
}
const PAD = 150;
let wide = 0;
function chart(parent, run, title, x, lines, options = {}) {
  const holder = make("div", { class: "chart" }, make("h3", {}, title));
  parent.append(holder);
  const axis = { stroke: dark ? "#9aa6b5" : "#5b6676", grid: { stroke: dark ? "#2a323c" : "#e8ecf1", width: 1 }, ticks: { show: false } };
  const log = options.log ? { distr: 3, log: 10 } : { range: (_, least, most) => [0, Math.max(most || 1, options.least || 0) * 1.05] };
  new uPlot({
    width: wide, height: options.height || 190, plugins: [bands(run)], scales: { x: { time: false, range: [0, run.end] }, y: log },
    axes: [{ ...axis, values: (_, ticks) => ticks.map(t => t + " s") }, { ...axis, size: PAD, values: (_, ticks) => ticks.map(t => t == null ? "" : number(t, 2) + (options.unit || "")) }],
    series: [{ label: "at", value: (_, v) => v == null ? "–" : v.toFixed(1) + " s" }, ...lines.map((line, n) => ({
      label: line.label, stroke: line.colour || COLOURS[n % COLOURS.length], width: 1.6, dash: line.dash, spanGaps: !!line.gaps, points: { show: false },
      value: (_, v) => v == null ? "–" : number(v, 2) + (options.unit || "") }))],
  }, [x, ...lines.map(line => line.values)], holder);
}

function binned(run, prefix, column) {
  const seconds = run.bins.seconds, names = Object.keys(run.bins).filter(name => name.startsWith(prefix));
  const last = Math.max(0, ...names.flatMap(name => run.bins[name].map(row => row[0])));
  const x = Array.from({ length: last + 1 }, (_, n) => (n + 0.5) * seconds);
  return [x, names.map((name, n) => {
    const values = new Array(last + 1).fill(null);
    for (const row of run.bins[name]) values[row[0]] = Math.max(0.1, row[column]);
    return { label: name.slice(prefix.length), values, colour: COLOURS[n % COLOURS.length], gaps: true };
  })];
}
function sampled(run, of, least) {
  const x = run.samples.map(sample => sample.at);
  const names = [...new Set(run.samples.flatMap(sample => Object.keys(sample[of])))].sort();
  const lines = names.map(label => ({ label, values: run.samples.map(sample => sample[of][label] ?? null), gaps: true }));
  return [x, lines.filter(line => Math.max(...line.values.map(v => v || 0)) > least)];
}

function timeline(run) {
  const lanes = [...new Set(run.stretches.map(s => s.on))];
  if (!lanes.length) return null;
  const left = at => `calc(${PAD}px + (100% - ${PAD}px) * ${at / run.end})`, width = s => `calc((100% - ${PAD}px) * ${(s.until - s.since) / run.end})`;
  return make("div", { class: "time" }, ...lanes.map(lane => make("div", { class: "lane" }, make("span", {}, lane),
    ...run.stretches.filter(s => s.on === lane).map(s => make("i", {
      style: `left:${left(s.since)};width:${width(s)};background:${SHADE[s.what] || "#777"}`, title: `${s.what} ${s.since}–${s.until} s` }, s.what.replace("_", " "))))));
}

function charts(run) {
  const box = make("div");
  const lanes = timeline(run);
  section(RUNS.length > 1 ? `What went wrong, and what came of it (${run.manner})` : "What went wrong, and what came of it",
    make("p", { class: "soft" }, `Real seconds. Each time is measured from the instant at which an event was due, and drawn there; a bin is ${number(run.bins.seconds, 1)} s long.`), lanes, box);
  const [fx, fresh] = binned(run, "fresh ", 3), [, middle] = binned(run, "fresh ", 2);
  if (fresh.length) {
    chart(box, run, "Due → in the counters, p99 (ms, logarithmic)", fx, fresh, { log: true, height: 230 });
    chart(box, run, "Due → in the counters, p50 (ms, logarithmic)", fx, middle, { log: true });
  }
  const [ax, accepted] = binned(run, "accepted ", 3);
  if (accepted.length) chart(box, run, "Due → accepted at the counter, p99 (ms, logarithmic)", ax, accepted, { log: true });
  const [ox, waiting] = sampled(run, "outboxes", 0);
  if (waiting.length) chart(box, run, "Waiting in outboxes (events)", ox, waiting);
  const [lx, lag] = sampled(run, "waits", 0);
  if (lag.length) chart(box, run, "Waiting at the city: records not folded, not counted; requests and events within intake", lx, lag);
  const x = run.samples.map(s => s.at);
  const rate = of => run.samples.map((s, n) => n ? (s[of] - run.samples[n - 1][of]) / Math.max(0.01, s.at - run.samples[n - 1].at) : null);
  if (x.length) chart(box, run, "Events a second", x, [{ label: "due", values: rate("due") }, { label: "stored", values: rate("stored") }]);
  const [cx, cores] = sampled(run, "cores", 0.02);
  if (cores.length) chart(box, run, `Cores taken, of ${run.machine.cores}`, cx, [...cores, { label: "all of the machine", values: run.samples.map(s => s.machine_cores), colour: "#999", dash: [4, 4] }], { height: 230, least: run.machine.cores });
  const [mx, mib] = sampled(run, "mib", 1);
  if (mib.length) chart(box, run, "Memory (MiB)", mx, mib);
}

// Of one and the same plan, so that it is no finding of either run; published figures and earlier reports do not have it.
const byThePlan = ({ late_by }) => late_by?.clock == null ? [] : [["late, by the plan", "", `${number(late_by.law)} by the law`, "", `${number(late_by.clock)} by a clock that never stops`]];

function sideBySide() {
  const [now, paper] = RUNS;
  const names = [...new Set(RUNS.flatMap(run => run.verdicts.map(v => v.name)))];
  const of = (run, name) => run.verdicts.find(v => v.name === name);
  section("Side by side: with an outbox, and as in the paper era",
    make("p", {}, "The same centres, dossiers, links and faults, the same city behind them. The paper era is assumed to be:"),
    make("ul", {}, ...paper.assumed.map(text => make("li", {}, text))),
    table(["", now.manner, "", paper.manner, ""], names.filter(n => n !== "memory of all services").map(name => [name,
      of(now, name) ? word(of(now, name)) : "", of(now, name)?.measured ?? "–", of(paper, name) ? word(of(paper, name)) : "", of(paper, name)?.measured ?? "–"]).concat(byThePlan(now))));
}

function knee(run) {
  const ofCentres = run.knee.steps.some(s => s.centres);
  section("The knee", make("p", {}, run.knee.sentence + "."),
    make("p", { class: "soft" }, `A row is a step. Rates and times are those of its steady part: from a quarter of it on, when dossiers of all ages are under way.${run.knee.steps.some(s => s.first_third_p50_ms != null) ? " A rate at which half of the events take ever longer, from the first third of that part to the last, is not kept." : ""} All other figures, charts and latencies of this page are those of all steps together, those that broke the promise too.`),
    table(["repeat", ...(ofCentres ? ["centres"] : []), "events/s", "p50 ms", "of the first and last third", "p99 ms", "p99 ms until stored", "within intake", "not folded", "not counted", "", "what broke it"], run.knee.steps.map(s => [s.repeat + 1, ...(ofCentres ? [number(s.centres)] : []), number(s.reported), number(s.fresh_p50_ms), `${number(s.first_third_p50_ms)} → ${number(s.last_third_p50_ms)}`, number(s.fresh_p99_ms), number(s.stored_p99_ms), number(s.intake_queue), number(s.lag_processing), number(s.lag_metrics),
      make("b", { class: s.kept ? "kept" : s.valid ? "broken" : "invalid" }, s.kept ? "kept" : s.valid ? "BROKEN" : "invalid"), s.stage ? `${s.stage}: ${s.evidence}` : ""]), [0, 1, 2, 3, 4, 5, 6, 7, 8, ...(ofCentres ? [9] : [])]));
}

function draw() {
  wide = Math.max(320, Math.min(1140, document.body.clientWidth - 40));
  for (const run of RUNS) run.end = Math.max(run.run.real_seconds, ...run.samples.map(s => s.at), 1);
  const run = RUNS[0], m = run.machine;
  main.append(make("h1", {}, run.title), make("p", {}, run.about),
    make("p", { class: "soft" }, `${run.scenario} · ${number(run.run.planned)} events of ${number(run.run.centres)} centres, ${run.run.edges} of them real edge agents · ${number(run.run.real_seconds)} s${run.knee ? ` in ${run.knee.steps.length} steps` : ""}${run.run.scale < 1 ? ` · scaled down to ${number(run.run.scale * 100)} % of the dossiers` : ""} · seed ${run.run.seed} · ${m.began}`), overall(run));
  if (RUNS.length > 1) sideBySide();
  section("Verdicts", table(["", "promised", "", "measured"], run.verdicts.map(v => [v.name, v.promise, word(v), v.measured])));
  if (run.knee) knee(run);
  section("What is real here, and what is not", make("ul", {}, ...run.simulated.map(text => make("li", {}, text)), make("li", {}, `Links by ${run.run.links_by}.`)));
  for (const each of RUNS) charts(each);
  section("How long it took, from the instant at which an event was due (ms)", table(["", "events", "p50", "p90", "p99", "p99.9", "most"],
    Object.entries(run.latencies).map(([name, l]) => [name, number(l.count), number(l.p50, 1), number(l.p90, 1), number(l.p99, 1), number(l.p99_9, 1), number(l.most, 1)]), [1, 2, 3, 4, 5, 6]),
    make("p", { class: "soft" }, "stored: until intake had it · fresh: until the counters had it · accepted: until the counter's clerk was told."));
  section("What an event costs", table(["", "µs of processor an event", "seconds in all", "MiB at most"],
    Object.entries(run.cost.cpu_us_per_event).map(([name, us]) => [name, number(us), number(run.cost.cpu_seconds[name], 1), number(run.cost.mib_most[name])]), [1, 2, 3]),
    make("p", { class: "soft" }, `Archive: ${number(run.cost.archive_bytes_per_event)} bytes an event. On the line, packed: ${number(run.cost.line_bytes_per_event)} bytes an event.`));
  section("Counted", table(["", "planned", "counted"], Object.entries(run.counters.expected).map(([name, n]) => [name, number(n), number(run.counters.found[name])]), [1, 2]));
  section("Links", table(["", "up / down kbps", "round trip ± jitter ms", "loss %", "what TCP is left with, up", "whose figures"],
    Object.entries(run.links).map(([name, l]) => [name, `${number(l.up_kbps)} / ${number(l.down_kbps)}`, `${number(l.round_trip_ms)} ± ${number(l.jitter_ms)}`, l.loss_percent ?? 0, l.tcp_up_kbps === null ? "as it finds out" : number(l.tcp_up_kbps), l.source])));
  section("Settings and versions", table(["", ""], [["machine", `${m.cores} cores, ${m.system}, load ${m.load_before} before and ${m.load_after} after${m.yardstick ? `, yardstick ${number(m.yardstick.before)} units a second before and ${number(m.yardstick.after)} after${m.yardstick.processor_before ? `, of processor time ${number(m.yardstick.processor_before)} and ${number(m.yardstick.processor_after)}` : ""}` : ""}`], ["commit", m.commit], ["Python", m.python],
    ["packages", Object.entries(m.packages).map(([n, v]) => `${n} ${v}`).join(", ")]]), make("details", {}, make("summary", {}, "the whole scenario"), make("pre", {}, JSON.stringify(run.settings, null, 1))));
}
draw();
