/** The page: rows and panels in their places on Grafana's grid, each with its own answers. */
import { type DataFrame, type TimeRange } from '@grafana/data';
import { Icon, PanelChrome, useTheme2 } from '@grafana/ui';
import { Component, type ReactElement, type ReactNode, useEffect, useState } from 'react';
import { type Dashboard, filled, type Panel } from './dashboard';
import { dressed } from './fields';
import { Drawn } from './panels';
import { ask } from './prometheus';

const COLUMNS = 24;
const CELL = 30;
const GAP = 8;
const EDGE = 16;

export interface Seen {
  dashboard: Dashboard;
  prometheus: string;
  range: TimeRange;
  values: Record<string, string>;
  /** What is said at the top of what was chosen. */
  chosen: Record<string, string>;
}

export function Page(seen: Seen): ReactElement {
  const theme = useTheme2();
  const width = document.documentElement.clientWidth - 2 * EDGE;
  const bottom = Math.max(...seen.dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <div style={{ background: theme.colors.background.canvas, padding: EDGE, minHeight: '100vh' }}>
      <Top {...seen} />
      <div style={{ position: 'relative', height: bottom * (CELL + GAP) }}>
        {seen.dashboard.panels.map((panel) => (
          <Placed key={panel.id} panel={panel} width={width} seen={seen} />
        ))}
      </div>
    </div>
  );
}

function Top({ dashboard, chosen, range }: Seen): ReactElement {
  const theme = useTheme2();
  const said = { ...chosen, '': `${range.raw.from} – ${range.raw.to}` };
  return (
    <div style={{ display: 'flex', gap: 24, paddingBottom: EDGE, alignItems: 'baseline' }}>
      <strong style={{ fontSize: theme.typography.h4.fontSize }}>{dashboard.title}</strong>
      {Object.entries(said).map(([label, value]) => (
        <span key={label} style={{ color: theme.colors.text.secondary }}>
          {label} <span style={{ color: theme.colors.text.primary }}>{value}</span>
        </span>
      ))}
    </div>
  );
}

function Placed({ panel, width, seen }: { panel: Panel; width: number; seen: Seen }): ReactElement {
  const { x, y, w, h } = panel.gridPos;
  const column = (width - GAP * (COLUMNS - 1)) / COLUMNS;
  const size = { width: Math.round(column * w + GAP * (w - 1)), height: CELL * h + GAP * (h - 1) };
  const at = { left: Math.round(x * (column + GAP)), top: y * (CELL + GAP) };
  return (
    <div style={{ position: 'absolute', ...at, ...size }} data-panel={panel.title} data-kind={panel.type}>
      <Caught>{panel.type === 'row' ? <Row title={panel.title} /> : <Filled panel={panel} seen={seen} {...size} />}</Caught>
    </div>
  );
}

function Row({ title }: { title: string }): ReactElement {
  const theme = useTheme2();
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 8, fontSize: theme.typography.h5.fontSize, height: CELL }}>
      <Icon name="angle-down" /> {title}
    </div>
  );
}

function Filled({ panel, seen, width, height }: { panel: Panel; seen: Seen; width: number; height: number }): ReactElement {
  const theme = useTheme2();
  const [frames, setFrames] = useState<DataFrame[]>();
  const [failed, setFailed] = useState<Error>();
  const timeZone = seen.dashboard.timezone;
  useEffect(() => {
    ask(panel, { ...seen, pixels: width })
      .then((answers) => dressed(panel, answers, theme, timeZone))
      .then(setFrames)
      .catch(setFailed);
  }, []);
  if (failed) {
    throw failed;
  }
  const inner = (width: number, height: number) =>
    frames ? <Drawn {...{ panel, frames, range: seen.range, timeZone, width, height }} /> : null;
  const title = filled(panel.title, seen.chosen);
  return (
    <div data-drawn={frames ? 'yes' : 'no'}>
      <PanelChrome {...{ title, description: panel.description, width, height }}>{inner}</PanelChrome>
    </div>
  );
}

/** A panel that throws is a sentence in its place; whoever looks at the page counts them. */
class Caught extends Component<{ children: ReactNode }, { said?: string }> {
  state: { said?: string } = {};

  static getDerivedStateFromError(error: Error): { said: string } {
    return { said: error.message };
  }

  render(): ReactNode {
    return this.state.said === undefined ? this.props.children : <div data-thrown>{this.state.said}</div>;
  }
}
