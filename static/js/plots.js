// Draws each <figure data-plot> from the table inside it; without this script, and for screen readers, only
// the table is shown. Columns to draw name a colour (th[data-ink]); rows have a place (tr[data-at]), cells a
// value. A click leads where the nearest cell's link leads. What a row stands for is a day, an hour or a week
// (data-step).
import { gettext } from "./texts.js";

const HEIGHT = 220;
// By language: a day, a day without its year. The decimal sign is the browser's for the language.
const DATES = { en: ["{YYYY}-{MM}-{DD}", "{MM}-{DD}"], de: ["{DD}.{MM}.{YYYY}", "{DD}.{MM}."] };
const LANGUAGE = document.documentElement.lang in DATES ? document.documentElement.lang : "en";
const [LONG, SHORT] = DATES[LANGUAGE];
const STEPS = { hour: [3600, `${LONG} {HH}:{mm}`], day: [86400, LONG], week: [604800, LONG] };

function stepOf(figure) {
  return STEPS[figure.dataset.step ?? (figure.dataset.plot === "bars" ? "hour" : "day")];
}

function ink(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function read(figure) {
  const heads = [...figure.querySelectorAll("th[data-ink]")];
  const rows = [...figure.querySelectorAll("tr[data-at]")];
  const cells = heads.map((head) => rows.map((row) => row.children[head.cellIndex]));
  const values = cells.map((column) => column.map((cell) => (cell.dataset.value === "" ? null : Number(cell.dataset.value))));
  return { heads, rows, cells, data: [rows.map((row) => Number(row.dataset.at)), ...values] };
}

function paths(shape, place, count) {
  if (shape === "lines") return undefined;
  if (shape === "bars") return uPlot.paths.bars({ size: [0.7, 26, 2] });
  return uPlot.paths.bars({ size: [0.7 / count, 40], align: place === 0 ? -1 : 1 });
}

// Labels only existing days and weeks: 11-21. Hours are labelled 14:00, and by their day at midnight.
const DAY = uPlot.fmtDate(SHORT);
const HOUR = uPlot.fmtDate("{HH}:{mm}");
const NAME_PX = 56;
function timeAxis(rows, step_s, tzDate = (seconds) => new Date(seconds * 1000)) {
  const isMidnight = (date) => date.getHours() === 0 && date.getMinutes() === 0;
  if (step_s < 86400) return { incrs: [1, 2, 3, 6, 12, 24, 48, 168, 336].map((hours) => hours * 3600), values: (_plot, marks, _axis, _space, step) => marks.map(tzDate).map((date) => (step >= 86400 || isMidnight(date) ? DAY(date) : HOUR(date))) };
  return {
    splits: (plot, _axis, low, high) => spaced(rows.map((row) => Number(row.dataset.at)), (NAME_PX * (high - low)) / plot.width),
    values: (_plot, marks) => marks.map((mark) => DAY(tzDate(mark))),
  };
}

// Of rising values, the first and each that is far enough from the one taken before.
function spaced(values, apart) {
  return values.reduce((taken, value) => (taken.length && value - taken.at(-1) < apart ? taken : [...taken, value]), []);
}

// "CET": which of two equal hours it is, when the clocks are set back.
function zoneName(seconds, timeZone) {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: timeZone || undefined, timeZoneName: "short" }).formatToParts(new Date(seconds * 1000));
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

function options(figure, { heads, rows }) {
  const { plot: shape, unit = "", timezone } = figure.dataset;
  const says = (value) => (value === null || value === undefined ? "–" : `${value.toLocaleString(LANGUAGE, { maximumFractionDigits: 1, useGrouping: false })}${unit && ` ${unit}`}`);
  const tzDate = timezone ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), timezone) : undefined;
  const [step_s, form] = stepOf(figure);
  const firstHead = figure.querySelector("thead th")?.textContent ?? "";
  const date = uPlot.fmtDate(form);
  const zone = (at) => (step_s < 86400 ? zoneName(at, timezone) : "");
  const moment = (at, row) => (at === null || at === undefined ? "–" : [date(tzDate ? tzDate(at) : new Date(at * 1000)), zone(at), row?.dataset.name].filter(Boolean).join(" "));
  const axis = { stroke: ink("--ink-soft"), font: `12px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
  const named = shape === "groups" && {
    splits: () => rows.map((row) => Number(row.dataset.at)),
    values: () => rows.map((row) => row.dataset.name),
  };
  return {
    width: figure.clientWidth - 28,
    height: HEIGHT,
    tzDate,
    hooks: { draw: shape === "lines" ? [(plot) => name(plot, rows, `${12 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`)] : [] },
    cursor: { drag: { x: false, y: false }, points: { show: shape === "lines" } },
    scales: {
      x: named ? { time: false, range: [0.4, rows.length + 0.6] } : { time: true, range: (_, low, high) => beyond(low, rows.length > 1 ? high : low, step_s) },
      y: { range: (_, low, high) => [0, Math.max(high * 1.08, unit ? 5 : 4)] },
    },
    axes: [
      { ...axis, grid: { show: false }, ...(named || timeAxis(rows, step_s, tzDate)) },
      { ...axis, size: 52, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 5000, 10000], grid: { stroke: ink("--line"), width: 1 }, values: (_, marks) => marks.map(says) },
    ],
    series: [
      named ? { label: firstHead, value: (_, place) => rows[place - 1]?.dataset.name ?? "–" } : { label: firstHead, value: (_, at, _series, place) => moment(at, rows[place]) },
      ...heads.map((head, place) => ({
        label: head.textContent,
        stroke: ink(head.dataset.ink),
        fill: shape === "lines" ? undefined : ink(head.dataset.ink),
        width: shape === "lines" ? 2 : 0,
        points: { show: shape === "lines", size: 6 },
        paths: paths(shape, place, heads.length),
        value: (_, value) => says(value),
      })),
    ],
  };
}

// Rows that carry a name (a version) in turn: a dashed line where the next one begins, with its name, above
// the one before where they would meet.
function name(plot, rows, font) {
  const { ctx, bbox } = plot;
  const line_px = 16 * devicePixelRatio;
  let end = -Infinity;
  let raised = 0;
  ctx.save();
  ctx.setLineDash([4, 4]);
  ctx.font = font;
  ctx.strokeStyle = ctx.fillStyle = ink("--ink-soft");
  rows.forEach((row, place) => {
    if (!row.dataset.name || row.dataset.name === rows[place - 1]?.dataset.name) return;
    const x = plot.valToPos(Number(row.dataset.at), "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText(row.dataset.name).width + 6;
    const fits = x + width < bbox.left + bbox.width;
    const start = fits ? x : x - width;
    raised = start < end ? raised + line_px : 0;
    end = start + width;
    ctx.textAlign = fits ? "left" : "right";
    ctx.fillText(row.dataset.name, x + (fits ? 6 : -6), bbox.top + bbox.height - 8 - raised);
  });
  ctx.restore();
}

// Half a step of space at both ends, so that the first and last bar, or a single point, are inside.
function beyond(low, high, step_s) {
  return [low - step_s / 2, high + step_s / 2];
}

function follow(plot, { cells }) {
  plot.over.addEventListener("click", () => {
    const { idx, top, left } = plot.cursor;
    if (idx === null || idx === undefined) return;
    const isLeft = plot.posToVal(left, "x") < plot.data[0][idx];
    const distance = (values) => Math.abs(plot.valToPos(values[idx] ?? 0, "y") - top);
    const nearest = plot.scales.x.time
      ? cells.map((_, place) => place).sort((a, b) => distance(plot.data[a + 1]) - distance(plot.data[b + 1]))[0]
      : Number(!isLeft);
    const cell = cells[nearest][idx];
    (cell.querySelector("a") ?? cell.parentElement.querySelector("a"))?.click();
  });
}

function draw(figure) {
  const found = read(figure);
  if (!found.rows.length) return undefined;
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", gettext("%(title)s; the table below has the numbers", { title: figure.querySelector("figcaption").textContent.trim() }));
  figure.querySelector("figcaption").after(place);
  const plot = new uPlot(options(figure, found), found.data, place);
  follow(plot, found);
  const watch = new ResizeObserver(() => plot.setSize({ width: figure.clientWidth - 28, height: HEIGHT }));
  watch.observe(figure);
  return () => { watch.disconnect(); plot.destroy(); place.remove(); };
}

let drawn = [];
function drawAll() {
  for (const undo of drawn) undo?.();
  drawn = [...document.querySelectorAll("figure[data-plot]")].map(draw);
}
drawAll();
// Canvases do not follow the theme by themselves.
new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
