// What every part of the page uses: the figures, how they are spelled, and the facility's rows.
const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement.dataset.root;
const folder = root + document.documentElement.dataset.folder;
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
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const day = (t) => (t === null ? "no date" : iso(t).slice(0, 10));
const metres = (v) => (v === null ? "" : Math.round(v).toLocaleString("en"));
const cars = (v) => (v === null ? "" : v < 0.05 ? "0" : v < 10 ? v.toFixed(1) : Math.round(v).toString());
const range = (low, high, spell) => (low === null || high === null ? "" : spell(low) + "–" + spell(high));
const naming = (key) => (data.names[key] ? data.names[key] : key === "*" ? "Facility" : (data.members[key] || [key]).map((id) => data.names[id] || id).join(" + "));
const refusal = (i) => (rows.r[i] === null ? null : data.refusals[rows.r[i]].replaceAll("_", " "));

for (const link of document.querySelectorAll("[data-href]")) link.href = root + link.dataset.href;

const rowsOfScene = new Map(), facilityRow = new Map();
for (let i = 0; i < rows.s.length; i++) {
  const scene = rows.s[i];
  if (!rowsOfScene.has(scene)) rowsOfScene.set(scene, []);
  rowsOfScene.get(scene).push(i);
  if (data.sidings[rows.k[i]] === "*") facilityRow.set(scene, i);
}
const sceneById = new Map(scenes.id.map((id, at) => [id, at]));
const classes = [...new Set([...facilityRow.values()].map((i) => rows.g[i]).filter(Boolean))].sort();
const shown = new Set(classes);

// Rows of what both charts show, in time order; an index into them is a chart's index.
let charted = "*", series = [], times = [], chartIndex = new Map();
function chart(key) {
  charted = key;
  series = [];
  for (let i = 0; i < rows.s.length; i++) if (data.sidings[rows.k[i]] === key && scenes.t[rows.s[i]] !== null) series.push(i);
  times = series.map((i) => scenes.t[rows.s[i]]);
  chartIndex = new Map(series.map((row, at) => [rows.s[row], at]));
}
chart("*");

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
