/** The properties of fields that panels set, how each is taken over, and what a panel has where its file says nothing. */
import {
  type DataFrame,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  type FieldConfigPropertyItem,
  FieldConfigOptionsRegistry,
  applyFieldOverrides,
  type GrafanaTheme2,
  identityOverrideProcessor,
  locationUtil,
  numberOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  thresholdsOverrideProcessor,
  transformDataFrame,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import type { Panel } from './dashboard';

type Processor = FieldConfigPropertyItem['process'];

const STANDARD: Record<string, Processor> = {
  unit: unitOverrideProcessor as Processor,
  decimals: numberOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  noValue: identityOverrideProcessor,
  color: identityOverrideProcessor,
  links: dataLinksOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
};
// By kind of panel: what Grafana fills in, and with what.
const OF_ITS_OWN: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineStyle: { fill: 'solid' },
    lineWidth: 1,
    fillOpacity: 0,
    gradientMode: 'none',
    spanNulls: false,
    insertNulls: false,
    showPoints: 'auto',
    pointSize: 5,
    stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto',
    axisLabel: '',
    axisColorMode: 'text',
    axisBorderShow: false,
    axisSoftMin: undefined,
    axisSoftMax: undefined,
    axisWidth: undefined,
    axisGridShow: undefined,
    axisCenteredZero: false,
    scaleDistribution: { type: 'linear' },
    hideFrom: { tooltip: false, viz: false, legend: false },
    thresholdsStyle: { mode: 'off' },
  },
  table: {
    align: 'auto',
    cellOptions: { type: 'auto' },
    inspect: false,
    filterable: false,
    width: undefined,
    minWidth: undefined,
  },
};

function property(id: string, process: Processor, isCustom: boolean): FieldConfigPropertyItem {
  const nothing = () => null;
  return {
    id: isCustom ? `custom.${id}` : id,
    path: id,
    name: id,
    isCustom,
    process,
    shouldApply: () => true,
    editor: nothing,
    override: nothing,
  };
}

function registryOf(kind: string): FieldConfigOptionsRegistry {
  return new FieldConfigOptionsRegistry(() => [
    ...Object.entries(STANDARD).map(([id, process]) => property(id, process, false)),
    ...Object.keys(OF_ITS_OWN[kind] ?? {}).map((id) => property(id, identityOverrideProcessor, true)),
  ]);
}

/** Once, before anything is drawn. */
export function prepare(): void {
  standardTransformersRegistry.setInit(() =>
    [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      transformation,
      editor: () => null,
      help: '',
    }))
  );
  locationUtil.initialize({
    config: { appSubUrl: '' } as Parameters<typeof locationUtil.initialize>[0]['config'],
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: 'now-6h', to: 'now' }),
  });
}

/** With the panel's transformations, its defaults and its overrides. */
export async function dressed(
  panel: Panel,
  frames: DataFrame[],
  theme: GrafanaTheme2,
  timeZone: string
): Promise<DataFrame[]> {
  const arranged = await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames));
  const { defaults, overrides } = panel.fieldConfig;
  const color = { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' };
  const custom = { ...OF_ITS_OWN[panel.type], ...defaults.custom };
  return applyFieldOverrides({
    data: arranged,
    fieldConfig: { defaults: { color, ...defaults, custom }, overrides },
    fieldConfigRegistry: registryOf(panel.type),
    replaceVariables: (text) => text,
    theme,
    timeZone,
  });
}
