/* ---- all rows, filtered ---- */
const PAGE = 30;
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
