/* ---- sidings on the ground, coloured by what stood on them ---- */
const ramp = (share) => {
  if (share === null || share === undefined) return "#9aa0a8";
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
// States of single sidings: the latest of each, or what one scene said; a group's state is that of
// all its members, because its sensor could not tell them apart.
const latestStates = data.latest.map((state) => ({ ...state, key: state.counted_as || state.id }));
function statesOf(scene) {
  const states = [];
  for (const i of rowsOfScene.get(scene) || []) {
    const key = data.sidings[rows.k[i]];
    if (key === "*") continue;
    const share = rows.m[i] === null || !rows.v[i] ? null : rows.m[i] / rows.v[i];
    const said = { key, t: scenes.t[scene], m: rows.m[i], ml: rows.ml[i], mh: rows.mh[i], visible: rows.v[i], share, c: rows.c[i], cl: rows.cl[i], ch: rows.ch[i], refusal: rows.r[i] === null ? null : data.refusals[rows.r[i]] };
    for (const id of data.members[key] || [key]) states.push({ ...said, id });
  }
  return states;
}
// How full a siding is, with the interval of it, as a bar.
function filled(state) {
  const part = (v) => (Math.min(1, v / state.visible) * 100).toFixed(1);
  const bar = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", role: "img", "aria-label": Math.round(state.share * 100) + " % of the visible track" });
  bar.append(svg("rect", { width: part(state.m), height: 10, fill: ramp(state.share) }));
  if (state.ml !== null && state.mh !== null) bar.append(svg("rect", { x: part(state.ml), y: 4, width: Math.max(0.5, part(state.mh) - part(state.ml)), height: 2, fill: "currentColor" }));
  return bar;
}
// A line keeps its width on the screen when one looks closer, so that tracks come apart.
const thin = (px) => "stroke-width:calc(" + px + "px / var(--closer, 1))";
let mapLines = null;
function buildMap() {
  const frame = data.frames[data.map.frame];
  if (frame) {
    const picture = svg("svg", { viewBox: "0 0 " + frame.width + " " + frame.height, role: "img", "aria-labelledby": "map-h" });
    for (const [image, x, y, width, height] of data.map.images) picture.append(svg("image", { href: image, x, y, width, height, preserveAspectRatio: "none", style: "image-rendering:pixelated" }));
    picture.append(sidingLines(frame, () => ({ stroke: "#000", style: thin(4.5), "stroke-opacity": 0.6 })));
    mapLines = sidingLines(frame, (id) => ({ style: thin(2.6), "data-id": id, class: "siding" }));
    picture.append(mapLines);
    const view = make("div", { class: "view" }, make("div", { class: "inner" }, picture)), through = lens();
    zoomable(view, through);
    $("map-tools").append(zoomButtons(through));
    $("map").append(view, make("p", { class: "key" }, "empty", make("span", { class: "ramp" }), "full", make("span", {}, " · grey: no number · " + data.map.caption)));
  }
  $("map-latest").addEventListener("click", () => showStates(null));
  showStates(null);
}
function showStates(scene) {
  const states = scene === null ? latestStates : statesOf(scene);
  $("map-h").textContent = scene === null ? "Sidings, latest state" : "Sidings on " + iso(scenes.t[scene]) + " UTC";
  $("map-latest").hidden = scene === null;
  const byId = new Map(states.map((state) => [state.id, state]));
  if (mapLines) for (const line of mapLines.children) {
    const state = byId.get(line.dataset.id), known = state && state.share !== null && state.share !== undefined;
    line.setAttribute("stroke", ramp(known ? state.share : null));
    line.firstChild.textContent = naming(line.dataset.id) + (known ? ": " + metres(state.m) + " m of " + metres(state.visible) + " m" + (state.key === state.id ? "" : " with " + naming(state.key)) : ": no number");
  }
  const seen = new Set(), lines = [];
  for (const state of states) {
    if (seen.has(state.key)) continue;
    seen.add(state.key);
    const none = state.m === null, later = state.refusal && !none ? "later scene refused: " : "refused: ";
    lines.push(make("tr", {},
      make("th", { scope: "row" }, make("button", { type: "button", title: "Show its series", on: { click: () => showSiding(state.key) } }, naming(state.key))),
      make("td", { class: "day" }, none && scene === null ? "no count yet" : day(state.t), state.refusal ? make("div", { class: "note" }, later + state.refusal.replaceAll("_", " ")) : null),
      make("td", { class: "n" }, none ? "" : metres(state.m) + " (" + range(state.ml, state.mh, metres) + ")"),
      make("td", { class: "fill" }, none || !state.visible ? null : filled(state)),
      make("td", { class: "n" }, metres(state.visible)),
      make("td", { class: "n" }, state.c === null ? "" : cars(state.c) + " (" + range(state.cl, state.ch, cars) + ")")));
  }
  $("sidings").tBodies[0].replaceChildren(...lines);
}
