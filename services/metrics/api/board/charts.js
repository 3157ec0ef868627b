// Charts, drawn by uPlot: small bars for a row, a course with a legend for a page; always with words beside them.

import {language, say} from "./words.js";
import {place, shortDay, whole} from "./forms.js";

const SPARK = {width: 112, height: 28};
const drawn = new Map();
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const steps = numbers => [...numbers.keys()];

// Colours are painted into canvases: another scheme or language wants them drawn again.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(() => { for (const [box, it] of drawn) if (it.wide && box.clientWidth) it.chart.setSize(size(box)); }).observe(document.body);

export function redraw() { for (const [box, it] of [...drawn]) { forget(box); it.draw(); } }

function forget(box) { drawn.get(box)?.chart.destroy(); drawn.delete(box); }
// Beside the map it is as tall as that.
function size(box) {
  const views = box.closest("#views"), isBeside = views && getComputedStyle(views).gridTemplateColumns.includes(" ");
  const height = isBeside ? Math.max(170, place("tiles").clientHeight) : innerWidth < 620 ? 150 : 170;
  return {width: Math.max(200, box.clientWidth), height};
}

export function sweep() { for (const box of [...drawn.keys()]) if (!box.isConnected) forget(box); }

export function spark(box, days, numbers) {
  const key = `${language()} ${days.at(-1)} ${numbers}`;
  if (drawn.get(box)?.key === key) return;
  forget(box);
  const most = Math.max(...numbers);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", say("course_of", {
    max: whole(most), day: shortDay(days[numbers.indexOf(most)]), last: whole(numbers.at(-1)),
  }));
  const chart = new uPlot({
    ...SPARK, padding: [2, 1, 1, 1], cursor: {show: false}, legend: {show: false}, axes: [{show: false}, {show: false}],
    scales: {x: {time: false, range: [-0.6, numbers.length - 0.4]}, y: {range: [0, Math.max(most, 1)]}},
    series: [{}, {fill: colour("--bar"), stroke: colour("--bar"), width: 0, points: {show: false}, paths: uPlot.paths.bars({size: [0.72, 12]})}],
  }, [steps(numbers), numbers], box);
  drawn.set(box, {chart, key, draw: () => spark(box, days, numbers)});
}

function last(chart) { chart.setLegend({idx: chart.data[0].length - 1}, false); }

export function course(box, days, received, completed) {
  const key = `${language()} ${days} ${received} ${completed}`, held = drawn.get(box);
  if (held?.key === key) return;
  if (held && held.days === `${language()} ${days}`) {
    held.chart.setData([steps(days), received, completed]);
    drawn.set(box, {...held, key, draw: () => course(box, days, received, completed)});
    return;
  }
  forget(box);
  const grid = {stroke: colour("--line"), width: 1}, text = colour("--soft"), font = "12px system-ui, sans-serif";
  const number = (_, value) => value === null || value === undefined ? "–" : whole(value);
  const dayOf = value => Number.isInteger(value) && days[value] ? shortDay(days[value]) : "";
  const chart = new uPlot({
    ...size(box), padding: [10, 8, 0, 0], cursor: {drag: {x: false, y: false}, y: false},
    scales: {x: {time: false, range: [-0.6, days.length - 0.4]}, y: {range: (_, low, high) => [0, Math.max(high, 1) * 1.08]}},
    axes: [
      {stroke: text, font, grid: {show: false}, ticks: {show: false}, size: 28, incrs: [1, 2, 5, 7, 14], space: 48, values: (_, at) => at.map(dayOf)},
      {stroke: text, font, grid, ticks: {show: false}, size: 54, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10000, 20000, 50000, 100000], values: (_, at) => at.map(value => whole(value))},
    ],
    // While nobody points at a day, the last one is told.
    hooks: {ready: [last], setCursor: [it => { if (it.cursor.idx === null || it.cursor.idx === undefined) last(it); }], setData: [last]},
    series: [
      {label: say("day"), value: (_, value) => dayOf(value) || "–"},
      {label: say("received"), fill: colour("--bar"), stroke: colour("--bar-edge"), width: 1, points: {show: false}, paths: uPlot.paths.bars({size: [0.7, 44]}), value: number},
      {label: say("completed"), stroke: colour("--line-2"), width: 2.5, dash: [7, 4], points: {show: true, size: 6, fill: colour("--card")}, value: number},
    ],
  }, [steps(days), received, completed], box);
  drawn.set(box, {chart, key, days: `${language()} ${days}`, wide: true, draw: () => course(box, days, received, completed)});
}
