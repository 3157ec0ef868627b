// The line to /v1/stream: one way to be connected, one to be lost; always on its way back.

const SILENT_MS = 8000, WAITS_MS = [1000, 2000, 4000, 8000, 15000];

export class Wire {
  // `take(name, told)` hears events; `moved()` is called whenever the state of the line has changed.
  constructor(take, moved) {
    this.take = take; this.moved = moved; this.source = null; this.role = null; this.tries = 0; this.timer = 0;
    this.lostAt = 0; this.nextAt = 0; this.heardAt = 0; this.isFirst = true;
    // A network that comes back and a phone that wakes up are reasons to try at once.
    addEventListener("online", () => this.lostAt && this.now());
    addEventListener("offline", () => this.lost());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && (this.lostAt || Date.now() - this.heardAt > SILENT_MS)) this.now();
    });
    // A line may die without a word: the server says something every two seconds.
    setInterval(() => { if (this.source && Date.now() - this.heardAt > SILENT_MS) this.lost(); }, 1000);
  }

  listen(role) { this.role = role; this.tries = 0; this.now(); }

  now() {
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.nextAt = 0; this.isFirst = true; this.heardAt = Date.now();
    const source = this.source = new EventSource(`/v1/stream?role=${this.role}`);
    for (const name of ["units", "as_of", "problem"]) {
      source.addEventListener(name, told => {
        if (source !== this.source) return;
        this.heardAt = Date.now(); this.lostAt = 0; this.tries = 0;
        this.take(name, JSON.parse(told.data), this.isFirst);
        if (name === "units") this.isFirst = false;
      });
    }
    source.onerror = () => { if (source === this.source) this.lost(); };
    this.moved();
  }

  lost() {
    if (this.source) { this.source.close(); this.source = null; }
    clearTimeout(this.timer);
    // Some chance in the wait: four hundred boards do not come back in the same second.
    const wait = WAITS_MS[Math.min(this.tries++, WAITS_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.lostAt ||= this.heardAt || Date.now();
    this.nextAt = Date.now() + wait;
    this.timer = setTimeout(() => this.now(), wait);
    this.moved();
  }
}
