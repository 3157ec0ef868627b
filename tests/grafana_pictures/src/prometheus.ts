/** Asks a Prometheus as Grafana's data source does, and makes data frames of what it answers. */
import { type DataFrame, type Field, FieldType, rangeUtil, type TimeRange } from '@grafana/data';
import { filled, type Panel, type Target } from './dashboard';

// As deploy/grafana/provisioning says it.
const SCRAPE_SECONDS = 15;

interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

export interface Asking {
  prometheus: string;
  range: TimeRange;
  values: Record<string, string>;
  /** The width that there is to draw in, which decides how many points are asked for. */
  pixels: number;
}

/** The answers to all queries of a panel, in their order. */
export async function ask(panel: Panel, asking: Asking): Promise<DataFrame[]> {
  const asTables = panel.targets.filter((target) => target.format === 'table').length;
  const answers = await Promise.all(
    panel.targets.map(async (target) => {
      const { series, step } = await answer(target, asking);
      const isTable = target.format === 'table';
      return isTable ? [table(target, series, asTables > 1)] : series.map((one) => line(target, one, step));
    })
  );
  return answers.flat();
}

async function answer(target: Target, asking: Asking): Promise<{ series: Series[]; step: number }> {
  const { prometheus, range, values, pixels } = asking;
  const { intervalMs } = rangeUtil.calculateInterval(range, pixels, `${SCRAPE_SECONDS}s`);
  const step = intervalMs / 1000;
  const seconds = Math.round((range.to.valueOf() - range.from.valueOf()) / 1000);
  const expr = filled(target.expr, {
    ...values,
    __rate_interval: `${Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s`,
    __range: `${seconds}s`,
  });
  const end = range.to.valueOf() / 1000;
  const begin = Math.floor(range.from.valueOf() / 1000 / step) * step;
  const said = target.instant
    ? new URLSearchParams({ query: expr, time: `${end}` })
    : new URLSearchParams({
        query: expr,
        start: `${begin}`,
        end: `${Math.floor(end / step) * step}`,
        step: `${step}`,
      });
  const path = target.instant ? 'query' : 'query_range';
  const got = await fetch(`${prometheus}/api/v1/${path}`, { method: 'POST', body: said });
  const told = await got.json();
  if (told.status !== 'success') {
    throw new Error(`${expr}: ${told.error}`);
  }
  return { series: told.data.result, step };
}

function line(target: Target, series: Series, step: number): DataFrame {
  const points = series.values ?? (series.value ? [series.value] : []);
  const legend = target.legendFormat ? named(target.legendFormat, series.metric) : target.expr;
  const fields: Field[] = [
    { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: points.map(([at]) => at * 1000) },
    {
      name: 'Value',
      type: FieldType.number,
      config: { displayNameFromDS: legend },
      labels: series.metric,
      values: points.map(([, value]) => number(value)),
    },
  ];
  return { refId: target.refId, fields, length: points.length };
}

/** A label that a series lacks is nothing, as it is for Grafana's back end. */
function named(legend: string, metric: Record<string, string>): string {
  return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

function table(target: Target, series: Series[], isOneOfMany: boolean): DataFrame {
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
  const column = (name: string, type: FieldType, value: (one: Series) => unknown): Field => ({
    name,
    type,
    config: { filterable: type === FieldType.string },
    values: series.map(value),
  });
  const fields = [
    column('Time', FieldType.time, (one) => (one.value?.[0] ?? 0) * 1000),
    ...labels.map((label) => column(label, FieldType.string, (one) => one.metric[label] ?? '')),
    column(isOneOfMany ? `Value #${target.refId}` : 'Value', FieldType.number, (one) => number(one.value?.[1] ?? 'NaN')),
  ];
  return { refId: target.refId, fields, length: series.length };
}

function number(text: string): number {
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}
