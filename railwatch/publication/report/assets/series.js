/* ---- the facility over time, and how small a change would be seen ---- */
const charts = [];
let syncing = false;

function plotted(values, group) {
  return series.map((row) => (rows.g[row] === group && shown.has(group) ? values[row] : null));
}
function chartData(spec) {
  return [times, ...classes.map((group) => plotted(spec.mid, group))];
}
// Until the first zoom a chart has no x range yet; then everything counts.
function top(spec, scale) {
  const min = scale.min ?? -Infinity, max = scale.max ?? Infinity;
  let high = spec.counted ? Math.max(0, ...seenByEye().filter((r) => r.t >= min && r.t <= max).map((r) => r.c)) : 0;
  for (let at = 0; at < series.length; at++) {
    if (times[at] < min || times[at] > max) continue;
    const row = series[at];
    if (shown.has(rows.g[row]) && spec.high[row] !== null && spec.high[row] > high) high = spec.high[row];
  }
  return high > 0 ? high * 1.06 : 1;
}
// Refused scenes are marked below zero, where no count can be: never read as "nothing there".
const REFUSED_SHARE = 0.07;
const below = (high) => [-high * REFUSED_SHARE, high];
// The interval of the scene that is open, across all time: which bars reach into it is seen at once.
function drawBand(u, spec, ctx, ratio) {
  const at = chartIndex.get(current), row = at === undefined ? undefined : series[at];
  if (row === undefined || !shown.has(rows.g[row]) || spec.low[row] === null) return;
  const high = u.valToPos(spec.high[row], "y", true), low = u.valToPos(spec.low[row], "y", true);
  ctx.fillStyle = ctx.strokeStyle = colour(rows.g[row]);
  ctx.globalAlpha = 0.09;
  ctx.fillRect(u.bbox.left, high, u.bbox.width, low - high);
  ctx.globalAlpha = 0.6;
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(u.bbox.left, low);
  ctx.lineTo(u.bbox.left + u.bbox.width, low);
  ctx.stroke();
  ctx.setLineDash([]);
}
function drawIntervals(spec) {
  return (u) => {
    const ctx = u.ctx, ratio = devicePixelRatio, scale = u.scales.x;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    drawBand(u, spec, ctx, ratio);
    const visible = times.filter((t) => t >= scale.min && t <= scale.max).length || 1;
    ctx.lineWidth = Math.max(1.5 * ratio, Math.min(5 * ratio, u.bbox.width / visible / 3));
    for (let at = 0; at < series.length; at++) {
      const row = series[at];
      if (times[at] < scale.min || times[at] > scale.max) continue;
      const x = Math.round(u.valToPos(times[at], "x", true));
      if (rows.r[row] !== null) {
        const zero = u.valToPos(0, "y", true), tall = (u.bbox.top + u.bbox.height - zero) * 0.7;
        ctx.globalAlpha = rows.m[row] === null ? 0.9 : 0.45;
        ctx.fillStyle = colour("refused");
        ctx.fillRect(x - ratio / 2, u.bbox.top + u.bbox.height - tall, Math.max(1, ratio), tall);
      }
      if (!shown.has(rows.g[row]) || spec.low[row] === null) continue;
      ctx.globalAlpha = rows.m[row] !== null && rows.r[row] !== null ? 0.3 : 0.6;
      ctx.strokeStyle = colour(rows.g[row]);
      ctx.beginPath();
      ctx.moveTo(x, u.valToPos(spec.low[row], "y", true));
      ctx.lineTo(x, u.valToPos(spec.high[row], "y", true));
      ctx.stroke();
    }
    ctx.restore();
  };
}
function drawMarks(spec) {
  return (u) => {
    const ctx = u.ctx, ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.font = 11 * ratio + "px system-ui, sans-serif";
    for (const said of data.statements) {
      if (said.kind !== "surge" || charted !== "*") continue;
      const x = u.valToPos(said.t, "x", true);
      ctx.strokeStyle = ctx.fillStyle = colour("full");
      ctx.setLineDash([5 * ratio, 4 * ratio]);
      ctx.lineWidth = 1.3 * ratio;
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
      const text = "surge from " + day(said.t);
      const right = x + 8 * ratio + ctx.measureText(text).width > u.bbox.left + u.bbox.width;
      ctx.textAlign = right ? "right" : "left";
      ctx.fillText(text, x + (right ? -6 : 6) * ratio, u.bbox.top + 14 * ratio);
    }
    ctx.setLineDash([]);
    if (spec.counted) drawReferences(u, ctx, ratio);
    for (const said of data.statements) {
      if (said.kind !== "record" || charted !== "*" || !chartIndex.has(said.scene)) continue;
      const row = series[chartIndex.get(said.scene)];
      if (spec.mid[row] === null || !shown.has(rows.g[row])) continue;
      ctx.strokeStyle = colour("ink");
      ctx.lineWidth = 1.4 * ratio;
      ctx.beginPath();
      ctx.arc(u.valToPos(rows.s.length ? times[chartIndex.get(said.scene)] : 0, "x", true), u.valToPos(spec.mid[row], "y", true), 6.5 * ratio, 0, 7);
      ctx.stroke();
    }
    ctx.restore();
  };
}
// What analysts counted by eye, as diamonds: the truth the intervals are held against.
const seenByEye = () => data.references.filter((reference) => reference.k === charted);
function drawReferences(u, ctx, ratio) {
  ctx.strokeStyle = ctx.fillStyle = colour("eye");
  ctx.lineWidth = 1.6 * ratio;
  for (const reference of seenByEye()) {
    const x = u.valToPos(reference.t, "x", true), y = u.valToPos(reference.c, "y", true), r = 5 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
    ctx.stroke();
  }
}
const eyeLines = (t) => seenByEye().filter((reference) => Math.abs(reference.t - t) <= 1.5 * 86400)
  .map((reference) => "By eye " + reference.day + ": " + reference.c + " railcars (" + reference.by + ")");
function buildChart(spec) {
  const holder = $(spec.id);
  const tip = make("div", { class: "tip", hidden: true });
  const height = () => (innerWidth < 560 ? Math.round(spec.height * 0.8) : spec.height);
  const axis = { stroke: () => colour("soft"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { stroke: () => colour("line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const chart = new uPlot({
    width: holder.clientWidth - 4,
    height: height(),
    tzDate: (t) => uPlot.tzDate(new Date(t * 1000), "UTC"),
    padding: [10, 14, 0, 4],
    legend: { show: false },
    cursor: { sync: { key: "series" }, drag: { x: true, y: false }, focus: { prox: 1e6 }, points: { show: false } },
    scales: { x: { time: true }, y: { range: (u) => below(top(spec, u.scales.x)) } },
    axes: [{ ...axis, values: timeLabels, space: 62, size: 46 }, { ...axis, size: 58, filter: (u, splits) => splits.map((v) => (v < 0 ? null : v)), label: spec.unit, labelSize: 16, labelFont: "12px system-ui, sans-serif" }],
    series: [{}, ...classes.map((group) => ({
      label: group,
      paths: () => null,
      points: { show: true, size: group === "A" ? 7 : 4, width: 0, stroke: () => colour(group), fill: () => colour(group), space: 0 },
    }))],
    hooks: {
      drawAxes: [drawIntervals(spec)],
      draw: [drawMarks(spec)],
      setCursor: [(u) => showTip(u, tip)],
      setScale: [(u, key) => {
        if (key !== "x" || syncing) return;
        syncing = true;
        for (const other of charts) if (other !== u) other.setScale("x", { min: u.scales.x.min, max: u.scales.x.max });
        syncing = false;
      }],
    },
  }, chartData(spec), holder);
  chart.over.append(tip);
  chart.over.addEventListener("click", () => {
    if (chart.cursor.idx !== null && chart.cursor.idx !== undefined) openScene(rows.s[series[chart.cursor.idx]]);
  });
  holder.addEventListener("keydown", (event) => stepChart(event, chart));
  new ResizeObserver(() => chart.setSize({ width: Math.max(200, holder.clientWidth - 4), height: height() })).observe(holder);
  chart.spec = spec;
  charts.push(chart);
}
function timeLabels(u, splits, at, space, increment) {
  let year = null;
  return splits.map((t) => {
    const when = new Date(t * 1000), month = MONTHS[when.getUTCMonth()];
    const fresh = when.getUTCFullYear() !== year;
    year = when.getUTCFullYear();
    if (increment >= 360 * 86400) return String(year);
    const label = increment >= 27 * 86400 ? month : when.getUTCDate() + " " + month;
    return fresh ? label + "\n" + year : label;
  });
}
function showTip(u, tip) {
  const at = u.cursor.idx;
  if (at === null || at === undefined || u.cursor.left < 0) {
    tip.hidden = true;
    return;
  }
  const lines = [...describe(series[at]), ...eyeLines(times[at])];
  tip.replaceChildren(make("b", {}, lines[0]), ...lines.slice(1).map((line) => make("div", {}, line)));
  tip.hidden = false;
  const x = u.valToPos(times[at], "x"), width = tip.offsetWidth;
  tip.style.left = (x + 14 + width > u.over.clientWidth ? Math.max(0, x - width - 14) : x + 14) + "px";
  tip.style.top = "6px";
}
function stepChart(event, chart) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
  const now = chart.at === undefined ? series.length - 1 : chart.at;
  if (event.key === "Enter") openScene(rows.s[series[now]]);
  if (!(event.key in steps)) return;
  event.preventDefault();
  const at = Math.min(series.length - 1, Math.max(0, chart.at === undefined ? now : now + steps[event.key]));
  chart.at = at;
  const scale = chart.scales.x;
  if (times[at] < scale.min || times[at] > scale.max) zoom(0);
  const row = series[at], value = chart.spec.mid[row];
  chart.setCursor({ left: chart.valToPos(times[at], "x"), top: chart.valToPos(value === null ? 0 : value, "y") });
  $("readout").textContent = [...describe(row), ...eyeLines(times[at])].join(". ");
}
function zoom(months) {
  if (!times.length) return;
  const end = times[times.length - 1], pad = Math.max(86400, (end - times[0]) * 0.01);
  const start = months ? end - months * 30.44 * 86400 : times[0];
  for (const chart of charts) chart.setScale("x", { min: start - pad, max: end + pad });
}
function showSiding(key) {
  chart(key);
  $("charted").value = key;
  for (const one of charts) one.at = undefined, one.setData(chartData(one.spec), false), one.setScale("x", { min: one.scales.x.min, max: one.scales.x.max });
  $("readout").textContent = naming(key) + ": " + series.filter((i) => rows.r[i] === null).length + " of " + series.length + " scenes gave a number.";
  $("series").scrollIntoView({ block: "nearest" });
}
function redraw() {
  for (const chart of charts) chart.setData(chartData(chart.spec), false), chart.redraw();
  drawSensitivity();
}
function buildCharts() {
  if (!series.length) {
    for (const id of ["chart-m", "chart-c"]) $(id).replaceWith(make("p", { class: "note" }, "No scene has been counted yet."));
    return;
  }
  buildChart({ id: "chart-m", unit: "metres", mid: rows.m, low: rows.ml, high: rows.mh, height: 300 });
  buildChart({ id: "chart-c", unit: "railcars", mid: rows.c, low: rows.cl, high: rows.ch, height: 210, counted: true });
  zoom(0);
  for (const group of classes) {
    const box = make("input", { type: "checkbox", checked: true, on: { change: () => {
      if (box.checked) shown.add(group); else shown.delete(group);
      redraw();
    } } });
    $("legend").append(make("label", {}, box, make("i", { style: "background:var(--" + group + ")" }), CLASS_NAMES[group]));
  }
  for (const button of document.querySelectorAll("[data-months]")) button.addEventListener("click", () => {
    for (const other of document.querySelectorAll("[data-months]")) other.setAttribute("aria-pressed", other === button);
    zoom(Number(button.dataset.months));
  });
  if (data.references.length) $("legend").append(make("span", { class: "eye" }, make("i", {}), "counted by eye"));
  for (const key of data.sidings) $("charted").append(make("option", { value: key }, key === "*" ? "Whole facility" : naming(key)));
  $("charted").addEventListener("change", () => showSiding($("charted").value));
  // A canvas keeps the colours it was drawn with, so paper would get those of a dark screen.
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);
}
let sensitivityChart = null;
function drawSensitivity() {
  const holder = $("chart-s"), curve = data.sensitivity;
  if (!holder || !curve) return;
  if (sensitivityChart) sensitivityChart.destroy();
  const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const bounds = curve.low.length > 0;
  sensitivityChart = new uPlot({
    width: Math.min(640, holder.clientWidth - 4), height: 220, legend: { show: false }, cursor: { drag: { x: false } },
    scales: { x: { time: false }, y: { range: [0, 1] } },
    axes: [{ ...axis, label: "cars added", labelSize: 18 }, { ...axis, label: "probability of being seen", labelSize: 18, size: 48 }],
    series: [{}, { stroke: colour("C"), width: 2, points: { show: true, fill: colour("C") } }, ...(bounds ? [{ stroke: colour("C"), width: 0 }, { stroke: colour("C"), width: 0 }] : [])],
    bands: bounds ? [{ series: [3, 2], fill: colour("C") + "33" }] : [],
  }, [curve.cars, curve.probability, ...(bounds ? [curve.low, curve.high] : [])], holder);
}
