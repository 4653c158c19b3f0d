"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement.dataset.root;
  const scenes = data.scenes, rows = data.rows;
  const $ = (id) => document.getElementById(id);
  const CLASS_NAMES = { A: "A: up to 1 m, single cars", B: "B: 3-5 m", C: "C: 10 m, occupied metres", D: "D: radar, presence" };

  // Text from outside reaches the page only as text nodes and attributes, never as markup.
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "class") node.className = value;
      else if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }
  function svg(tag, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const iso = (t) => (t === null ? "no date" : new Date(t * 1000).toISOString().slice(0, 16).replace("T", " "));
  const day = (t) => (t === null ? "no date" : iso(t).slice(0, 10));
  const metres = (v) => (v === null ? "" : Math.round(v).toLocaleString("en"));
  const cars = (v) => (v === null ? "" : v < 10 ? v.toFixed(1) : Math.round(v).toString());
  const range = (low, high, spell) => (low === null || high === null ? "" : spell(low) + "–" + spell(high));
  const naming = (key) => (data.names[key] ? data.names[key] : key === "*" ? "Facility" : (data.members[key] || [key]).map((id) => data.names[id] || id).join(" + "));
  const refusal = (i) => (rows.r[i] === null ? null : data.refusals[rows.r[i]].replaceAll("_", " "));

  for (const link of document.querySelectorAll("[data-href]")) link.href = root + link.dataset.href;

  // Rows of the facility in time order: what both charts draw. Index into it is a chart's index.
  const facility = [];
  const rowsOfScene = new Map();
  for (let i = 0; i < rows.s.length; i++) {
    const scene = rows.s[i];
    if (!rowsOfScene.has(scene)) rowsOfScene.set(scene, []);
    rowsOfScene.get(scene).push(i);
    if (data.sidings[rows.k[i]] === "*" && scenes.t[scene] !== null) facility.push(i);
  }
  const times = facility.map((i) => scenes.t[rows.s[i]]);
  const chartIndex = new Map(facility.map((row, at) => [rows.s[row], at]));
  const sceneById = new Map(scenes.id.map((id, at) => [id, at]));
  const classes = [...new Set(facility.map((i) => rows.g[i]).filter(Boolean))].sort();
  const shown = new Set(classes);

  function describe(i) {
    const scene = rows.s[i];
    const head = iso(scenes.t[scene]) + " UTC, " + (scenes.sensors[scenes.sensor[scene]] || "sensor not named") + (scenes.gsd[scene] ? ", " + scenes.gsd[scene] + " m" : "");
    if (refusal(i) !== null) {
      const clear = rows.clear[i] === null ? "" : " (" + Math.round(rows.clear[i] * 100) + " % clear)";
      return [head, "No count: " + refusal(i) + clear, scenes.id[scene]];
    }
    const lines = [head];
    if (rows.m[i] !== null) lines.push(metres(rows.m[i]) + " m occupied (" + range(rows.ml[i], rows.mh[i], metres) + " m)");
    if (rows.c[i] !== null) lines.push(cars(rows.c[i]) + " railcars (" + range(rows.cl[i], rows.ch[i], cars) + ")");
    lines.push(scenes.id[scene]);
    return lines;
  }

  /* ---- charts ---- */
  const charts = [];
  let syncing = false;

  function series(values, group) {
    return facility.map((row) => (rows.g[row] === group && shown.has(group) ? values[row] : null));
  }
  function chartData(spec) {
    return [times, ...classes.map((group) => series(spec.mid, group))];
  }
  // Until the first zoom a chart has no x range yet; then everything counts.
  function top(spec, scale) {
    const min = scale.min ?? -Infinity, max = scale.max ?? Infinity;
    let high = 0;
    for (let at = 0; at < facility.length; at++) {
      if (times[at] < min || times[at] > max) continue;
      const row = facility[at];
      if (shown.has(rows.g[row]) && spec.high[row] !== null && spec.high[row] > high) high = spec.high[row];
    }
    return high > 0 ? high * 1.06 : 1;
  }
  // Refused scenes are marked below zero, where no count can be: never read as "nothing there".
  const REFUSED_SHARE = 0.07;
  const below = (high) => [-high * REFUSED_SHARE, high];
  function drawIntervals(spec) {
    return (u) => {
      const ctx = u.ctx, ratio = devicePixelRatio, scale = u.scales.x;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      const visible = times.filter((t) => t >= scale.min && t <= scale.max).length || 1;
      ctx.lineWidth = Math.max(1, Math.min(5, u.bbox.width / visible / 4)) * (ratio > 1 ? 1.2 : 1);
      for (let at = 0; at < facility.length; at++) {
        const row = facility[at];
        if (times[at] < scale.min || times[at] > scale.max) continue;
        const x = Math.round(u.valToPos(times[at], "x", true));
        if (rows.r[row] !== null) {
          const zero = u.valToPos(0, "y", true), tall = (u.bbox.top + u.bbox.height - zero) * 0.7;
          ctx.globalAlpha = rows.m[row] === null ? 0.9 : 0.45;
          ctx.fillStyle = colour("refused");
          ctx.fillRect(x - ratio / 2, u.bbox.top + u.bbox.height - tall, Math.max(1, ratio), tall);
        }
        if (!shown.has(rows.g[row]) || spec.low[row] === null) continue;
        ctx.globalAlpha = 0.34;
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
        if (said.kind !== "surge") continue;
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
      for (const said of data.statements) {
        if (said.kind !== "record" || !chartIndex.has(said.scene)) continue;
        const row = facility[chartIndex.get(said.scene)];
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
      axes: [{ ...axis, values: timeLabels, space: 70 }, { ...axis, size: 58, filter: (u, splits) => splits.map((v) => (v < 0 ? null : v)), label: spec.unit, labelSize: 16, labelFont: "12px system-ui, sans-serif" }],
      series: [{}, ...classes.map((group) => ({
        label: group,
        paths: () => null,
        points: { show: true, size: group === "A" ? 7 : 4.5, width: 0, stroke: () => colour(group), fill: () => colour(group), space: 0 },
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
      if (chart.cursor.idx !== null && chart.cursor.idx !== undefined) openScene(rows.s[facility[chart.cursor.idx]]);
    });
    holder.addEventListener("keydown", (event) => stepChart(event, chart));
    new ResizeObserver(() => chart.setSize({ width: Math.max(200, holder.clientWidth - 4), height: height() })).observe(holder);
    chart.spec = spec;
    charts.push(chart);
  }
  function timeLabels(u, splits, at, space, increment) {
    let year = null;
    return splits.map((t) => {
      const when = new Date(t * 1000).toISOString();
      const fresh = when.slice(0, 4) !== year;
      year = when.slice(0, 4);
      if (increment >= 360 * 86400) return year;
      if (increment >= 27 * 86400) return fresh ? when.slice(0, 7) : when.slice(5, 7);
      return fresh ? when.slice(0, 10) : when.slice(5, 10);
    });
  }
  function showTip(u, tip) {
    const at = u.cursor.idx;
    if (at === null || at === undefined || u.cursor.left < 0) {
      tip.hidden = true;
      return;
    }
    const lines = describe(facility[at]);
    tip.replaceChildren(make("b", {}, lines[0]), ...lines.slice(1).map((line) => make("div", {}, line)));
    tip.hidden = false;
    const x = u.valToPos(times[at], "x"), width = tip.offsetWidth;
    tip.style.left = (x + 14 + width > u.over.clientWidth ? Math.max(0, x - width - 14) : x + 14) + "px";
    tip.style.top = "6px";
  }
  function stepChart(event, chart) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    const now = chart.at === undefined ? facility.length - 1 : chart.at;
    if (event.key === "Enter") openScene(rows.s[facility[now]]);
    if (!(event.key in steps)) return;
    event.preventDefault();
    const at = Math.min(facility.length - 1, Math.max(0, chart.at === undefined ? now : now + steps[event.key]));
    chart.at = at;
    const scale = chart.scales.x;
    if (times[at] < scale.min || times[at] > scale.max) zoom(0);
    const row = facility[at], value = chart.spec.mid[row];
    chart.setCursor({ left: chart.valToPos(times[at], "x"), top: chart.valToPos(value === null ? 0 : value, "y") });
    $("readout").textContent = describe(row).join(". ");
  }
  function zoom(months) {
    if (!times.length) return;
    const end = times[times.length - 1], pad = Math.max(86400, (end - times[0]) * 0.01);
    const start = months ? end - months * 30.44 * 86400 : times[0];
    for (const chart of charts) chart.setScale("x", { min: start - pad, max: end + pad });
  }
  function redraw() {
    for (const chart of charts) chart.setData(chartData(chart.spec), false), chart.redraw();
    drawSensitivity();
  }
  function buildCharts() {
    if (!facility.length) {
      for (const id of ["chart-m", "chart-c"]) $(id).replaceWith(make("p", { class: "note" }, "No scene has been counted yet."));
      return;
    }
    buildChart({ id: "chart-m", unit: "metres", mid: rows.m, low: rows.ml, high: rows.mh, height: 300 });
    buildChart({ id: "chart-c", unit: "railcars", mid: rows.c, low: rows.cl, high: rows.ch, height: 210 });
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
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
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

  /* ---- map and evidence ---- */
  const CHIP = 0, OVERLAY = 1, STRIPS = 2;
  const evidence = (scene, kind) => (data.evidence[scene] && data.evidence[scene][kind] ? root + "evidence/" + data.evidence[scene][kind] : null);
  const ramp = (share) => {
    if (share === null) return "#9aa0a8";
    const [a, b, f] = share < 0.5 ? [[76, 159, 216], [242, 211, 75], share * 2] : [[242, 211, 75], [214, 48, 29], share * 2 - 1];
    return "rgb(" + a.map((v, i) => Math.round(v + (b[i] - v) * Math.min(1, f))).join(",") + ")";
  };
  function sidingLines(frame, style) {
    const group = svg("g", { fill: "none", "stroke-linecap": "round" });
    for (const [id, line] of Object.entries(frame.lines)) {
      const drawn = svg("polyline", { points: line.map((p) => p.join(",")).join(" "), "vector-effect": "non-scaling-stroke", ...style(id) });
      drawn.append(svg("title", {}, document.createTextNode(naming(id))));
      group.append(drawn);
    }
    return group;
  }
  function drawMap() {
    const latest = new Map(data.latest.map((state) => [state.id, state]));
    const frame = data.frames[data.map.frame];
    if (frame) {
      const picture = svg("svg", { viewBox: "0 0 " + frame.width + " " + frame.height, role: "img", "aria-label": "Sidings coloured by latest occupancy" });
      if (data.map.image) picture.append(svg("image", { href: data.map.image, width: frame.width, height: frame.height, style: "image-rendering:pixelated" }));
      picture.append(sidingLines(frame, () => ({ stroke: "#000", "stroke-width": 6, "stroke-opacity": 0.55 })));
      picture.append(sidingLines(frame, (id) => ({ stroke: ramp(latest.has(id) ? latest.get(id).share : null), "stroke-width": 3.5 })));
      $("map").append(picture, make("p", { class: "key" }, "empty", make("span", { class: "ramp" }), "full", make("span", {}, " · grey: no count yet · " + data.map.caption)));
    }
    const seen = new Set();
    for (const state of data.latest) {
      const key = state.counted_as || state.id;
      if (seen.has(key)) continue;
      seen.add(key);
      const none = state.m === null;
      $("sidings").tBodies[0].append(make("tr", {},
        make("th", { scope: "row" }, naming(key)),
        make("td", { class: "day" }, none ? "no count yet" : day(state.t), state.refusal ? make("div", { class: "note" }, "later scene refused: " + state.refusal.replaceAll("_", " ")) : null),
        make("td", { class: "n" }, none ? "" : metres(state.m) + " (" + range(state.ml, state.mh, metres) + ")"),
        make("td", { class: "n" }, metres(state.visible)),
        make("td", { class: "n" }, state.c === null ? "" : cars(state.c) + " (" + range(state.cl, state.ch, cars) + ")")));
    }
  }
  let current = null;
  const drawable = (scene) => data.evidence[scene] !== null && data.evidence[scene] !== undefined;
  function before(scene) {
    for (let at = scene - 1; at >= 0; at--) {
      if (!drawable(at) || scenes.cube[at] !== scenes.cube[scene] || !chartIndex.has(at)) continue;
      const row = facility[chartIndex.get(at)];
      if (rows.r[row] === null) return at;
    }
    return null;
  }
  function chip(scene, title) {
    const frame = data.frames[scenes.cube[scene]];
    const layers = make("div", { class: "layers", style: "aspect-ratio:" + frame.width + "/" + frame.height });
    layers.append(make("img", { src: evidence(scene, CHIP), alt: title + ": scene " + scenes.id[scene], loading: "lazy" }));
    if ($("overlay").checked) {
      const picture = svg("svg", { viewBox: "0 0 " + frame.width + " " + frame.height, "aria-hidden": "true" });
      picture.append(sidingLines(frame, () => ({ stroke: "#fff", "stroke-width": 1, "stroke-opacity": 0.4, "stroke-dasharray": "2 5" })));
      if (evidence(scene, OVERLAY)) layers.append(make("img", { src: evidence(scene, OVERLAY), alt: "Occupied track" + (scenes.gsd[scene] <= 1 ? " and single cars" : "") + " as detected" }));
      layers.append(picture);
    }
    return make("figure", {}, layers, make("figcaption", {}, title + ", " + iso(scenes.t[scene]) + " UTC, " + scenes.id[scene] + ". ", make("a", { href: evidence(scene, CHIP), target: "_blank", rel: "noopener" }, "Full size")));
  }
  function openScene(scene, stay) {
    current = scene;
    const box = $("scene"), own = rowsOfScene.get(scene) || [];
    const main = own.find((i) => data.sidings[rows.k[i]] === "*");
    const lines = main === undefined ? [scenes.id[scene]] : describe(main);
    const parts = [make("h3", {}, lines[0]), make("p", { class: "facts" }, ...lines.slice(1).map((line) => make("span", {}, line)))];
    if (scenes.rendered[scene]) parts.push(make("p", { class: "note" }, make("b", {}, "Rendered imagery"), ", not taken by a satellite."));
    if (drawable(scene)) {
      const earlier = before(scene);
      parts.push(make("div", { class: "chips" }, earlier === null ? null : chip(earlier, "Before"), chip(scene, "This scene")));
      if (evidence(scene, STRIPS)) parts.push(make("div", { class: "strips" }, make("img", { src: evidence(scene, STRIPS), alt: "Image strips along each siding by chainage in metres, with the probability that the track is occupied", loading: "lazy" })));
    } else parts.push(make("p", { class: "note" }, "No imagery of this scene is published."));
    box.replaceChildren(...parts);
    for (const line of $("table").tBodies[0].rows) line.classList.toggle("picked", Number(line.dataset.scene) === scene);
    if (!stay) $("evidence").scrollIntoView({ block: "start" }), $("evidence").focus({ preventScroll: true });
  }
  function stepScene(by) {
    for (let at = current + by; at >= 0 && at < scenes.id.length; at += by) if (drawable(at)) return openScene(at, true);
    return undefined;
  }
  function buildEvidence() {
    $("older").addEventListener("click", () => stepScene(-1));
    $("newer").addEventListener("click", () => stepScene(1));
    $("overlay").addEventListener("change", () => openScene(current, true));
    for (const button of document.querySelectorAll("[data-scene]")) button.addEventListener("click", () => {
      if (sceneById.has(button.dataset.scene)) openScene(sceneById.get(button.dataset.scene));
    });
    for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));
    // Nothing is loaded before somebody comes here: the page is read first, pixels on demand.
    const first = data.open;
    if (first === null) return $("scene").append(make("p", { class: "note" }, "No scene with a count yet."));
    current = first;
    new IntersectionObserver((seen, watcher) => {
      if (!seen.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      if (!$("scene").hasChildNodes()) openScene(current, true);
    }, { rootMargin: "200px" }).observe($("evidence"));
    return undefined;
  }
  function copy(button) {
    const text = button.dataset.copy, said = button.textContent;
    const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = said; }, 1500); };
    if (navigator.clipboard && isSecureContext) navigator.clipboard.writeText(text).then(done, () => select(button));
    else select(button);
  }
  function select(button) {
    const quote = button.closest("li").querySelector("blockquote");
    getSelection().selectAllChildren(quote);
    button.textContent = "Selected, press Ctrl+C";
  }

  /* ---- table ---- */
  const PAGE = 50;
  const COLUMNS = [
    ["Date, UTC", (i) => iso(scenes.t[rows.s[i]]), "", (i) => scenes.t[rows.s[i]] ?? 1e12],
    ["Siding", (i) => naming(data.sidings[rows.k[i]]), ""],
    ["Scene", (i) => scenes.id[rows.s[i]], "id"],
    ["Class", (i) => rows.g[i] || "", ""],
    ["Occupied m", (i) => (rows.m[i] === null ? "" : metres(rows.m[i]) + " (" + range(rows.ml[i], rows.mh[i], metres) + ")"), "n", (i) => rows.m[i] ?? -1],
    ["Railcars", (i) => (rows.c[i] === null ? "" : cars(rows.c[i]) + " (" + range(rows.cl[i], rows.ch[i], cars) + ")"), "n", (i) => rows.c[i] ?? -1],
    ["Clear", (i) => (rows.clear[i] === null ? "" : Math.round(rows.clear[i] * 100) + " %"), "n"],
    ["Result", (i) => (refusal(i) === null ? "count" : refusal(i)), ""],
  ];
  const table = { found: [], page: 0, sort: 0, down: true };
  function options(select, pairs) {
    select.append(...pairs.map(([value, text]) => make("option", { value }, text)));
  }
  function filterRows() {
    const form = $("filters").elements;
    const siding = form.siding.value, group = form.class.value, result = form.result.value;
    const from = form.from.value ? Date.parse(form.from.value) / 1000 : -Infinity;
    const to = form.to.value ? Date.parse(form.to.value) / 1000 + 86400 : Infinity;
    const text = form.scene.value.trim().toLowerCase();
    table.found = [];
    for (let i = 0; i < rows.s.length; i++) {
      const t = scenes.t[rows.s[i]];
      if (siding && data.sidings[rows.k[i]] !== siding) continue;
      if (group && rows.g[i] !== group) continue;
      if (result === "count" && rows.r[i] !== null) continue;
      if (result === "refused" && rows.r[i] === null) continue;
      if (result.startsWith("r:") && (rows.r[i] === null || data.refusals[rows.r[i]] !== result.slice(2))) continue;
      if (t !== null && (t < from || t >= to)) continue;
      if (text && !scenes.id[rows.s[i]].toLowerCase().includes(text)) continue;
      table.found.push(i);
    }
    const key = COLUMNS[table.sort][3], sign = table.down ? -1 : 1;
    if (key) table.found.sort((a, b) => sign * (key(a) - key(b)) || a - b);
    table.page = 0;
    showPage();
  }
  function showPage() {
    const pages = Math.max(1, Math.ceil(table.found.length / PAGE));
    const body = table.found.slice(table.page * PAGE, (table.page + 1) * PAGE).map((i) => {
      const scene = rows.s[i];
      const cells = COLUMNS.map(([name, text, kind]) => make("td", { class: kind || null }, name === "Date, UTC"
        ? make("button", { type: "button", class: "plain", title: "Show the evidence", on: { click: () => openScene(scene) } }, text(i)) : text(i)));
      const classes = [rows.r[i] === null ? "" : "refused", scene === current ? "picked" : ""].join(" ").trim();
      return make("tr", { class: classes || null, "data-scene": String(scene) }, ...cells);
    });
    $("table").tBodies[0].replaceChildren(...body);
    $("matches").textContent = table.found.length.toLocaleString("en") + " rows";
    $("page").textContent = "Page " + (table.page + 1) + " of " + pages;
    $("before").disabled = table.page === 0;
    $("after").disabled = table.page >= pages - 1;
  }
  function csv() {
    const field = (v) => {
      const text = v === null || v === undefined ? "" : String(v);
      // A leading =, + , - or @ would be run as a formula by a spreadsheet.
      const safe = /^[=+\-@\t\r]/.test(text) && typeof v === "string" ? "'" + text : text;
      return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
    };
    const head = ["acquired", "siding_id", "scene_id", "sensor", "gsd_m", "resolution_class", "occupied_m", "occupied_m_low", "occupied_m_high", "cars", "cars_low", "cars_high", "clear_fraction", "refusal"];
    const lines = table.found.map((i) => {
      const s = rows.s[i], t = scenes.t[s];
      return [t === null ? "" : new Date(t * 1000).toISOString(), data.sidings[rows.k[i]], scenes.id[s], scenes.sensors[scenes.sensor[s]], scenes.gsd[s], rows.g[i], rows.m[i], rows.ml[i], rows.mh[i], rows.c[i], rows.cl[i], rows.ch[i], rows.clear[i], rows.r[i] === null ? "" : data.refusals[rows.r[i]]].map(field).join(",");
    });
    return head.join(",") + "\n" + lines.join("\n") + "\n";
  }
  function buildTable() {
    const form = $("filters").elements;
    options(form.siding, [["*", "Facility"], ["", "Every row"], ...data.sidings.filter((key) => key !== "*").map((key) => [key, naming(key)])]);
    options(form.class, [["", "All"], ...[...new Set(rows.g.filter(Boolean))].sort().map((group) => [group, group])]);
    options(form.result, [["", "All"], ["count", "Counts"], ["refused", "Refused"], ...data.refusals.map((code) => ["r:" + code, code.replaceAll("_", " ")])]);
    const head = $("table").tHead.rows[0];
    COLUMNS.forEach(([name, , kind, key], at) => {
      const cell = make("th", { scope: "col", class: kind === "n" ? "n" : null });
      if (key) cell.append(make("button", { type: "button", on: { click: () => {
        table.down = table.sort === at ? !table.down : true;
        table.sort = at;
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", table.down ? "descending" : "ascending");
        filterRows();
      } } }, name));
      else cell.textContent = name;
      head.append(cell);
    });
    head.cells[0].setAttribute("aria-sort", "descending");
    $("filters").addEventListener("input", filterRows);
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("before").addEventListener("click", () => { table.page--; showPage(); });
    $("after").addEventListener("click", () => { table.page++; showPage(); });
    $("csv").addEventListener("click", () => {
      const link = make("a", { download: data.area + "-counts.csv", href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })) });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    filterRows();
  }

  buildCharts();
  drawMap();
  buildTable();
  buildEvidence();
  drawSensitivity();
})();
