// Charts that answer to the pointer, drawn with ECharts over the server's drawing, from the JSON beside it.
// The server's drawing stays for print and for readers without JavaScript.
import { BarChart, CustomChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, BarChart, CustomChart, GridComponent, MarkLineComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

interface Point {
  day: number;
  value: number;
  low: number | null;
  high: number | null;
  figure: string;
  period: string;
  status: string;
  known: string;
  written: string;
  claim: string;
  link: string;
  inForce: boolean;
}

/** A reconciled figure; its ends run from the lowest of 95 % to the highest. */
interface BandPoint {
  day: number;
  value: number;
  ends: [number, number, number, number, number, number];
  period: string;
  figure: string;
  reason: string;
  link: string;
}

interface LinesData {
  metric: string;
  title: string;
  unit: string;
  language: string;
  lowerIsBetter: boolean;
  isLog: boolean;
  lines: { label: string; points: Point[] }[];
  band: BandPoint[];
  words: { known: string; restated: string; written: string; open: string; reconciled: string };
}

interface StackData {
  metric: string;
  title: string;
  unit: string;
  language: string;
  months: string[];
  series: { name: string; values: (number | null)[]; figures: string[] }[];
}

declare global {
  interface Window {
    /** The charts of this page by metric, for tests and for the curious. */
    crowsnestCharts: Record<string, EChartsType>;
  }
}

const DAY_MS = 86_400_000;
const HEIGHT_PX = 280;
const N_STYLES = 8;
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "pin", "roundRect", "arrow", "rect"];
const DASHES: (string | number[])[] = ["solid", [7, 4], [2, 4], [9, 3, 2, 3], "solid", [7, 4], [2, 4], [9, 3, 2, 3]];

/** Draws every chart of the page. */
export function drawAll(): void {
  window.crowsnestCharts = {};
  for (const figure of document.querySelectorAll<HTMLElement>("[data-chart]")) draw(figure);
}

function draw(figure: HTMLElement): void {
  const plot = figure.querySelector<HTMLElement>(".plot");
  const json = figure.querySelector('script[type="application/json"]')?.textContent;
  if (!plot || !json) return;
  const data: unknown = JSON.parse(json);
  const options = () =>
    figure.dataset["chart"] === "stack" ? stackOptions(data as StackData) : linesOptions(data as LinesData, marked(figure));
  const drawing = plot.querySelector("svg");
  plot.classList.add("live");
  drawing?.setAttribute("hidden", "");
  drawing?.classList.add("sr");
  const canvas = document.createElement("div");
  canvas.style.height = `${HEIGHT_PX}px`;
  plot.append(canvas);
  const chart = init(canvas, null, { renderer: "canvas" });
  chart.setOption(options());
  chart.on("click", (event) => {
    const link = (event.data as { link?: string } | undefined)?.link;
    if (link) location.assign(link);
  });
  new ResizeObserver(() => chart.resize()).observe(plot);
  document.addEventListener("colours", () => chart.setOption(options()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.setOption(options()));
  window.crowsnestCharts[figure.dataset["metric"] ?? ""] = chart;
  figure.dataset["drawn"] = "true";
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function font(): string {
  return getComputedStyle(document.body).fontFamily;
}

/** Numbers on axes, as the server writes them: 7116万, 71.2M. */
function short(value: number, unit: string, language: string): string {
  if (unit === "ratio") return `${+(value * 100).toFixed(2)}%`;
  const locale = language === "en" ? "en" : language === "zh-Hant" ? "zh-Hant-TW" : "zh-Hans-CN";
  const notation = Math.abs(value) >= 10_000 ? "compact" : "standard";
  return new Intl.NumberFormat(locale, { notation, maximumSignificantDigits: 4 }).format(value);
}

function axisStyle() {
  return {
    axisLine: { lineStyle: { color: colour("line-strong") } },
    axisLabel: { color: colour("soft"), fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: colour("line") } },
  };
}

function tooltipStyle() {
  return {
    backgroundColor: colour("ground"),
    borderColor: colour("line-strong"),
    textStyle: { color: colour("ink"), fontSize: 12.5, fontFamily: font() },
    confine: true,
  };
}

function linesOptions(data: LinesData, marks: ReturnType<typeof marked>) {
  const sources = data.lines.flatMap((line, index) => lineSeries(line, index % N_STYLES)).map((one, index) => (index === 0 ? { ...one, ...marks } : one));
  const series = [...bandSeries(data), ...sources];
  const values = [...data.lines.flatMap((line) => line.points.map((point) => point.value)), ...data.band.map((point) => point.value)];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const isFarFromZero = least > 0 && most > least && most - least < least * 0.5;
  return {
    animation: false,
    aria: { enabled: true },
    textStyle: { fontFamily: font() },
    grid: { left: 8, right: 16, top: 12, bottom: 4, outerBoundsMode: "same" as const, outerBoundsContain: "axisLabel" as const },
    tooltip: { trigger: "item" as const, ...tooltipStyle(), formatter: (hit: unknown) => pointTip(hit as Hit, data) },
    xAxis: { type: "time" as const, ...axisStyle(), splitLine: { show: false }, minInterval: 28 * DAY_MS, axisLabel: { ...axisStyle().axisLabel, formatter: monthLabel(data.language) } },
    yAxis: {
      type: data.isLog && least > 0 ? ("log" as const) : ("value" as const),
      inverse: data.lowerIsBetter,
      scale: isFarFromZero,
      ...axisStyle(),
      axisLabel: { ...axisStyle().axisLabel, formatter: (value: number) => short(value, data.unit, data.language) },
    },
    series,
  };
}

/** What detection said of some days, as upright lines with a title. */
function marked(figure: HTMLElement) {
  const marks = JSON.parse(figure.dataset["marks"] ?? "[]") as { day: number; title: string }[];
  if (marks.length === 0) return {};
  const lines = marks.map((mark) => ({ xAxis: mark.day * DAY_MS, name: mark.title, label: { show: false } }));
  return { markLine: { symbol: ["none", "triangle"], symbolSize: 7, data: lines, lineStyle: { color: colour("soft"), type: "dotted" as const }, tooltip: { formatter: (hit: { name: string }) => tip([["", hit.name]]) } } };
}

function monthLabel(language: string) {
  const locale = language === "en" ? "en-GB" : "zh-CN";
  const month = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", timeZone: "UTC" });
  return (at: number) => month.format(at);
}

/** The reconciled figures: areas of 95, 80 and 50 %, each a polygon, and the line through them. */
function bandSeries(data: LinesData) {
  const { band } = data;
  if (band.length === 0) return [];
  const stroke = colour("reconciled");
  const most = Math.max(...data.lines.flatMap((line) => line.points.map((point) => point.value)), ...band.map((point) => point.value));
  // Ends beyond twice the largest value would flatten everything else.
  const within = (value: number) => Math.min(value, 2 * most);
  const area = (low: number, opacity: number) => ({
    type: "custom" as const,
    silent: true,
    z: 1,
    data: [[(band[0]?.day ?? 0) * DAY_MS, band[0]?.value ?? 0]],
    renderItem: (_: unknown, api: { coord(at: number[]): number[] }) => {
      const at = (point: BandPoint, end: number) => api.coord([point.day * DAY_MS, within(point.ends[end] ?? point.value)]);
      const points = [...band.map((point) => at(point, 5 - low)), ...[...band].reverse().map((point) => at(point, low))];
      return { type: "polygon", shape: { points }, style: { fill: stroke, opacity } };
    },
  });
  const place = (point: BandPoint) => ({ value: [point.day * DAY_MS, point.value], link: point.link, band: point });
  const line = {
    type: "line" as const,
    name: data.words.reconciled,
    symbol: "diamond",
    symbolSize: 5,
    color: stroke,
    cursor: "pointer",
    z: 2,
    lineStyle: { width: 1.5, color: stroke },
    data: band.map(place),
  };
  return [area(0, 0.1), area(1, 0.14), area(2, 0.18), line];
}

/** The line through the claims in force, the restated ones as hollow points beside it, and ranges as bars. */
function lineSeries(line: LinesData["lines"][number], style: number) {
  const stroke = colour(`s${style}`);
  const place = (point: Point) => ({ value: [point.day * DAY_MS, point.value], claim: point.claim, link: point.link, point, line: line.label });
  const base = { type: "line" as const, symbol: SYMBOLS[style] ?? "circle", cursor: "pointer", color: stroke };
  const inForce = line.points.filter((point) => point.inForce).map(place);
  const restated = line.points.filter((point) => !point.inForce).map(place);
  const ranges = line.points.filter((point) => point.low !== null && point.high !== null);
  return [
    { ...base, name: line.label, data: inForce, symbolSize: 8, showAllSymbol: true, lineStyle: { width: 2, color: stroke, type: DASHES[style] ?? "solid" } },
    ...(restated.length === 0 ? [] : [{ ...base, name: line.label, id: `${line.label} restated`, data: restated, symbolSize: 9, lineStyle: { opacity: 0 }, itemStyle: { color: colour("ground"), borderColor: stroke, borderWidth: 1.5 }, z: 3 }]),
    ...(ranges.length === 0 ? [] : [rangeSeries(ranges, stroke)]),
  ];
}

function rangeSeries(points: Point[], stroke: string) {
  return {
    type: "custom" as const,
    silent: true,
    data: points.map((point) => [point.day * DAY_MS, point.low ?? 0, point.high ?? 0]),
    renderItem: (_: unknown, api: { value(index: number): number; coord(at: number[]): number[] }) => {
      const [x = 0, top = 0] = api.coord([api.value(0), api.value(2)]);
      const bottom = api.coord([api.value(0), api.value(1)])[1] ?? 0;
      return { type: "line", shape: { x1: x, x2: x, y1: top, y2: bottom }, style: { stroke, lineWidth: 6, opacity: 0.25 } };
    },
  };
}

interface Hit {
  data: { point: Point; line: string; band?: BandPoint };
}

/** Built from elements, never from markup: names in it come from strangers. */
function pointTip(hit: Hit, data: LinesData): HTMLElement {
  const { point, line, band } = hit.data;
  if (band) return tip([["b", `${band.period}: ${band.figure}`], ["", data.words.reconciled], ["muted", band.reason]]);
  const rows: [string, string][] = [["b", `${point.period}: ${point.figure}`], ["", `${line} · ${point.status}`]];
  if (point.written) rows.push(["", `${data.words.written}: ${point.written}`]);
  rows.push(["muted", `${data.words.known} ${point.known}${point.inForce ? "" : ` · ${data.words.restated}`}`]);
  return tip(rows);
}

function tip(rows: [string, string][]): HTMLElement {
  const box = document.createElement("div");
  box.className = "tip";
  for (const [kind, text] of rows) {
    const row = document.createElement("div");
    const inner = kind === "b" ? document.createElement("b") : row;
    if (inner !== row) row.append(inner);
    if (kind === "muted") row.className = "muted";
    inner.textContent = text;
    box.append(row);
  }
  return box;
}

interface BarHit {
  seriesIndex: number;
  dataIndex: number;
}

function stackOptions(data: StackData) {
  return {
    animation: false,
    aria: { enabled: true },
    textStyle: { fontFamily: font() },
    grid: { left: 8, right: 8, top: 12, bottom: 4, outerBoundsMode: "same" as const, outerBoundsContain: "axisLabel" as const },
    tooltip: {
      trigger: "item" as const,
      ...tooltipStyle(),
      formatter: (found: unknown) => {
        const hit = found as BarHit;
        const series = data.series[hit.seriesIndex];
        return tip([["b", series?.name ?? ""], ["", `${data.months[hit.dataIndex] ?? ""}: ${series?.figures[hit.dataIndex] ?? ""}`]]);
      },
    },
    xAxis: { type: "category" as const, data: data.months, ...axisStyle() },
    yAxis: { type: "value" as const, ...axisStyle(), axisLabel: { ...axisStyle().axisLabel, formatter: (value: number) => short(value, data.unit, data.language) } },
    series: data.series.map((series, index) => ({
      type: "bar" as const,
      name: series.name,
      stack: "all",
      barMaxWidth: 48,
      data: series.values,
      itemStyle: { color: colour(`s${index % N_STYLES}`) },
    })),
  };
}
