/** What is read of a dashboard's file: the parts by which a panel asks and is laid out; its options are Grafana's own. */
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface Target {
  expr: string;
  refId: string;
  instant?: boolean;
  format?: string;
  legendFormat?: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Target[];
  fieldConfig: FieldConfigSource;
  options: Record<string, any>;
  transformations?: DataTransformerConfig[];
}

export interface Dashboard {
  title: string;
  timezone: string;
  time: { from: string; to: string };
  templating: { list: Array<{ name: string; label?: string; type: string }> };
  panels: Panel[];
}

/** A variable as `$name` or `${name}` or `${name:format}`; what is not known stays as it stands. */
export function filled(text: string, values: Record<string, string>): string {
  return text.replace(/\$(?:(\w+)|\{(\w+)(?::\w+)?\})/g, (whole, plain, braced) => values[plain ?? braced] ?? whole);
}
