// How numbers, shares and instants are written, and how an element is made.

import {language} from "./words.js";

const ZONE = "Asia/Ho_Chi_Minh", made = new Map();

function form(name, make) {
  const key = `${name} ${language()}`;
  if (!made.has(key)) made.set(key, make(language() === "vi" ? "vi-VN" : "en-GB"));
  return made.get(key);
}

export const whole = number => form("whole", tag => new Intl.NumberFormat(tag)).format(number);
export const percent = number => number === null || number === undefined ? "–" :
  `${form("share", tag => new Intl.NumberFormat(tag, {minimumFractionDigits: 2, maximumFractionDigits: 2})).format(number)} %`;
const clock = instant => form("clock", tag => new Intl.DateTimeFormat(tag, {timeStyle: "medium", timeZone: ZONE})).format(new Date(instant));
export const moment = instant => instant ? form("moment", tag => new Intl.DateTimeFormat(tag, {
  day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: ZONE,
})).format(new Date(instant)) : "–";
const dayOf = instant => form("dayOf", tag => new Intl.DateTimeFormat(tag, {dateStyle: "short", timeZone: ZONE})).format(new Date(instant));
// The clock of today; what is older has its day, too.
export const lately = instant => dayOf(instant) === dayOf(Date.now()) ? clock(instant) : moment(instant);
export const shortDay = day => `${day.slice(8)}/${day.slice(5, 7)}`;
export const longDay = day => form("day", tag => new Intl.DateTimeFormat(tag, {
  weekday: "short", day: "2-digit", month: "2-digit", year: "numeric", timeZone: "UTC",
})).format(new Date(`${day}T00:00:00Z`));

// “Đ” and marks aside, so that “phu xuan” finds Phú Xuân.
export const plain = text => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replaceAll("đ", "d");

export const place = id => document.getElementById(id);

export function el(tag, content = "", attributes = {}) {
  const it = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) it.setAttribute(name, value);
  it.append(...(Array.isArray(content) ? content : [content]));
  return it;
}

// Written only where it differs: what did not change is neither painted nor read out again.
export function put(it, text) { if (it.textContent !== text) { it.textContent = text; return true; } return false; }

export function refer(it, address) { if (it.getAttribute("href") !== address) it.setAttribute("href", address); }

// A link that opens within the page, unless somebody wants it in a tab or window of its own.
export const plainly = open => pressed => {
  if (!pressed.metaKey && !pressed.ctrlKey && !pressed.shiftKey) { pressed.preventDefault(); open(); }
};
