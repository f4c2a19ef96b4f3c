/**
 * The part of Grafana's dashboard JSON that the dashboard is made of. Types only.
 * Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
 */

export interface DataSourceReference {
  readonly type: 'prometheus'
  /** `$datasource`: whatever the variable holds. */
  readonly uid: string
}

export interface Target {
  readonly refId: string
  readonly datasource: DataSourceReference
  readonly editorMode: 'code'
  readonly expr: string
  readonly legendFormat: string
  /** One value at the end of the time range, or one for every step; exactly one of the two. */
  readonly instant: boolean
  readonly range: boolean
}

/** Columns (24 of them) and lines of about 30 pixels. */
export interface GridPosition {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export interface Link {
  readonly title: string
  readonly url: string
  readonly targetBlank: boolean
}

export interface ThresholdStep {
  readonly color: string
  /** From here on; null is minus infinity. */
  readonly value: number | null
}

export interface FieldDefaults {
  readonly unit: string
  readonly min: number
  readonly max?: number
  readonly noValue?: string
  readonly color: { readonly mode: string; readonly fixedColor?: string }
  readonly thresholds: { readonly mode: 'absolute'; readonly steps: readonly ThresholdStep[] }
  readonly mappings?: readonly object[]
  readonly custom?: object
}

export interface FieldOverride {
  readonly matcher: { readonly id: string; readonly options: string }
  readonly properties: readonly { readonly id: string; readonly value: unknown }[]
}

export interface Panel {
  readonly id: number
  readonly type: 'timeseries' | 'stat' | 'bargauge'
  readonly title: string
  readonly description: string
  readonly gridPos: GridPosition
  readonly datasource: DataSourceReference
  readonly targets: readonly Target[]
  readonly links: readonly Link[]
  readonly fieldConfig: { readonly defaults: FieldDefaults; readonly overrides: readonly FieldOverride[] }
  readonly options: object
}

/** The heading of the panels after it, up to the next one. */
export interface Row {
  readonly id: number
  readonly type: 'row'
  readonly title: string
  readonly gridPos: GridPosition
  readonly collapsed: false
  readonly panels: readonly never[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  readonly type: 'datasource' | 'query'
  readonly query: string | { readonly query: string; readonly refId: string }
  readonly datasource?: DataSourceReference
  readonly current: { readonly text: string | readonly string[]; readonly value: string | readonly string[] }
  readonly multi: boolean
  readonly includeAll: boolean
  /** What `$name` stands for while All is chosen. */
  readonly allValue?: string
  /** 1 when the dashboard is opened, 2 also when the time range changes. */
  readonly refresh: 1 | 2
  readonly regex: string
  readonly sort?: number
  readonly hide: 0
  readonly options: readonly never[]
}

export interface Annotation {
  readonly name: string
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly enable: boolean
  readonly hide: boolean
  readonly iconColor: string
  readonly [more: string]: unknown
}

export interface Dashboard {
  /** What Grafana's import page asks for; absent where the data source is fixed. */
  readonly __inputs?: readonly object[]
  readonly __requires: readonly object[]
  readonly id: null
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly editable: boolean
  readonly version: number
  readonly schemaVersion: number
  readonly timezone: string
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: string }
  readonly timepicker: object
  /** 1: the crosshair is common to all panels. */
  readonly graphTooltip: 1
  readonly fiscalYearStartMonth: number
  readonly liveNow: boolean
  readonly weekStart: string
  readonly annotations: { readonly list: readonly Annotation[] }
  readonly templating: { readonly list: readonly Variable[] }
  readonly links: readonly (Link & { readonly type: 'link'; readonly icon: string; readonly tooltip: string })[]
  readonly panels: readonly (Row | Panel)[]
}
