// What the dashboard's charts offer to other screens (ionflux_ui/components/charts.js).
declare module "*/components/charts.js" {
  export function legendOf(series: unknown): HTMLElement;
  export function rowsOf(chart: unknown, open: () => void): HTMLElement;
  export function plotOf(chart: unknown, open: () => void): HTMLElement;
  export function tableOf(chart: unknown, open: () => void): HTMLElement;
}
