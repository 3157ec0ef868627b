/** One panel of each kind that the dashboards have, drawn by Grafana's own components. */
import {
  applyNullInsertThreshold,
  type DataFrame,
  type DisplayValueAlignmentFactors,
  type FieldDisplay,
  FieldType,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type TimeRange,
} from '@grafana/data';
import {
  BarGauge,
  BigValue,
  Table,
  TimeSeries,
  useTheme2,
  VizRepeater,
  type VizRepeaterRenderValueProps,
} from '@grafana/ui';
import type { ReactElement } from 'react';
import type { Panel } from './dashboard';

export interface Drawing {
  panel: Panel;
  frames: DataFrame[];
  range: TimeRange;
  timeZone: string;
  width: number;
  height: number;
}

type Value = VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>;

const KINDS: Record<string, (drawing: Drawing) => ReactElement> = {
  stat: Stat,
  bargauge: Bars,
  table: Rows,
  timeseries: Course,
};

export function Drawn(drawing: Drawing): ReactElement {
  const Kind = KINDS[drawing.panel.type];
  if (!Kind) {
    throw new Error(`${drawing.panel.title}: nobody draws a ${drawing.panel.type}`);
  }
  return <Kind {...drawing} />;
}

function useValues({ panel, frames, timeZone }: Drawing, sparkline: boolean): () => FieldDisplay[] {
  const theme = useTheme2();
  const { fieldConfig, options } = panel;
  const { reduceOptions } = options;
  const asked = { data: frames, fieldConfig, reduceOptions, sparkline, theme, timeZone };
  return () => getFieldDisplayValues({ ...asked, replaceVariables: (text) => text });
}

function Stat(drawing: Drawing): ReactElement {
  const { panel, frames, width, height } = drawing;
  const theme = useTheme2();
  const { options } = panel;
  const values = useValues(drawing, options.graphMode !== 'none');
  const place = { width, height, orientation: options.orientation, itemSpacing: 3, autoGrid: true };
  return (
    <VizRepeater<FieldDisplay, DisplayValueAlignmentFactors>
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, count, alignmentFactors }: Value) => (
        <BigValue
          value={value.display}
          sparkline={value.sparkline}
          count={count}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          alignmentFactors={alignmentFactors}
          disableWideLayout={!options.wideLayout}
          text={options.text}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      source={frames}
      renderCounter={0}
      {...place}
    />
  );
}

function Bars(drawing: Drawing): ReactElement {
  const { panel, frames, width, height } = drawing;
  const theme = useTheme2();
  const { options } = panel;
  const { orientation, minVizWidth, minVizHeight, maxVizHeight } = options;
  const place = { width, height, orientation, minVizWidth, minVizHeight, maxVizHeight, itemSpacing: 10 };
  const values = useValues(drawing, false);
  return (
    <VizRepeater<FieldDisplay, DisplayValueAlignmentFactors>
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, count, alignmentFactors, orientation }: Value) => (
        <BarGauge
          value={value.display}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
          field={value.field}
          orientation={orientation}
          displayMode={options.displayMode}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          showUnfilled={options.showUnfilled}
          alignmentFactors={alignmentFactors}
          itemSpacing={10}
          lcdCellWidth={10}
          isOverflow={count * minVizHeight > drawing.height}
          text={options.text}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      source={frames}
      renderCounter={0}
      {...place}
    />
  );
}

function Rows({ panel, frames, range, width, height }: Drawing): ReactElement {
  const [data] = frames;
  if (!data?.length) {
    return <Nothing panel={panel} />;
  }
  const { sortBy, cellHeight, showTypeIcons } = panel.options;
  const place = { width, height, cellHeight };
  return <Table {...place} {...{ data, showTypeIcons, timeRange: range, initialSortBy: sortBy, resizable: true }} />;
}

function Course({ panel, frames, range, timeZone, width, height }: Drawing): ReactElement {
  const asked = frames.filter((frame) => frame.length && frame.fields.some((field) => field.type === FieldType.number));
  // Where there are no points there is no line.
  const ends = { refFieldPseudoMin: range.from.valueOf(), refFieldPseudoMax: range.to.valueOf() };
  const drawn = asked.map((frame) => applyNullInsertThreshold({ frame, ...ends }));
  if (!drawn.length) {
    return <Nothing panel={panel} />;
  }
  const { options } = panel;
  const place = { timeRange: range, timeZone, width, height };
  return <TimeSeries frames={drawn} legend={options.legend} options={options} {...place} />;
}

function Nothing({ panel }: { panel: Panel }): ReactElement {
  return <div className="nothing">{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}
