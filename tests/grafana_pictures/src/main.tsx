/**
 * Reads from the address what is to be drawn:
 * `?dashboard=city.json&prometheus=http://…&theme=light&since=now-1h&var-unit=19753&text-unit=Phường Phú Xuân`.
 */
import { dateMath, dateTime, getThemeById, ThemeContext, type TimeRange } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import type { ReactElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import type { Dashboard } from './dashboard';
import { prepare } from './fields';
import { Page } from './page';
import './page.css';

const FONTS = ['400 14px Inter', '500 14px Inter'];

function rangeOf(since: string): TimeRange {
  const to = dateTime();
  return { from: dateMath.parse(since) ?? to, to, raw: { from: since, to: 'now' } };
}

async function main(): Promise<void> {
  const told = new URLSearchParams(location.search);
  const dashboard: Dashboard = await (await fetch(told.get('dashboard') ?? 'city.json')).json();
  const range = rangeOf(told.get('since') ?? dashboard.time.from);
  const values: Record<string, string> = {};
  const chosen: Record<string, string> = {};
  for (const { name, label } of dashboard.templating.list) {
    const value = told.get(`var-${name}`);
    if (value !== null) {
      values[name] = value;
      chosen[label ?? name] = told.get(`text-${name}`) ?? value;
    }
  }
  prepare();
  const theme = getThemeById(told.get('theme') ?? 'dark');
  const root = createRoot(document.getElementById('page')!);
  const show = (page?: ReactElement) =>
    root.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        {page}
      </ThemeContext.Provider>
    );
  // Sizes are measured by the letters, which must be there before.
  flushSync(() => show());
  await Promise.all(FONTS.map((font) => document.fonts.load(font, 'Ộạ9')));
  show(<Page {...{ dashboard, range, values, chosen, prometheus: told.get('prometheus') ?? '' }} />);
}

void main();
