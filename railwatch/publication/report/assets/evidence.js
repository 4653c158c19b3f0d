/* ---- one scene: before and after, strips, provenance ---- */
const CHIP = 0, OVERLAY = 1, STRIPS = 2;
const evidence = (scene, kind) => (data.evidence[scene] && data.evidence[scene][kind] ? root + "evidence/" + data.evidence[scene][kind] : null);

// Chips of one sensor show the same part of the ground, also from scene to scene.
const lenses = new Map();
let current = data.open;
const drawable = (scene) => data.evidence[scene] !== null && data.evidence[scene] !== undefined;
function before(scene) {
  for (let at = scene - 1; at >= 0; at--) {
    if (!drawable(at) || scenes.cube[at] !== scenes.cube[scene]) continue;
    if (facilityRow.has(at) && rows.r[facilityRow.get(at)] === null) return at;
  }
  return null;
}
function chip(scene, title) {
  const frame = data.frames[scenes.cube[scene]];
  const layers = make("div", { class: "inner layers", style: "aspect-ratio:" + frame.width + "/" + frame.height });
  layers.append(make("img", { src: evidence(scene, CHIP), alt: title + ": scene " + scenes.id[scene], loading: "lazy" }));
  if ($("overlay").checked) {
    const picture = svg("svg", { viewBox: "0 0 " + frame.width + " " + frame.height, "aria-hidden": "true" });
    picture.append(sidingLines(frame, () => ({ stroke: "#fff", style: thin(1), "stroke-opacity": 0.4, "stroke-dasharray": "2 5" })));
    if (evidence(scene, OVERLAY)) layers.append(make("img", { src: evidence(scene, OVERLAY), alt: "Occupied track" + (scenes.gsd[scene] <= 1 ? " and single cars" : "") + " as detected" }));
    layers.append(picture);
  }
  const view = make("div", { class: "view" }, layers);
  if (!lenses.has(scenes.cube[scene])) lenses.set(scenes.cube[scene], lens());
  zoomable(view, lenses.get(scenes.cube[scene]));
  return make("figure", {}, view, make("figcaption", {}, title + ", " + iso(scenes.t[scene]) + " UTC, " + scenes.id[scene] + ". ", make("a", { href: evidence(scene, CHIP), target: "_blank", rel: "noopener" }, "Full size")));
}
// Strips by chainage; of a sharp scene its tracks laid straight, and on demand those of the one before.
function straight(scene, earlier) {
  if (!evidence(scene, STRIPS)) return [];
  if (scenes.gsd[scene] > 1) return [strips(scene, "Image strips along each siding by chainage in metres, with the probability that the track is occupied")];
  const title = "Tracks laid straight, by chainage in metres, detected cars outlined";
  const found = [make("p", { class: "note" }, title + ". Count them yourself: what is outlined and is no car, or is a car and not outlined, is an error."), strips(scene, title)];
  if (earlier === null || !evidence(earlier, STRIPS)) return found;
  const past = make("details", {}, make("summary", {}, "The same tracks before, " + iso(scenes.t[earlier]) + " UTC"));
  past.addEventListener("toggle", () => { if (past.open && past.children.length === 1) past.append(strips(earlier, title)); });
  return [...found, past];
}
const strips = (scene, alt) => make("div", { class: "strips" }, make("img", { src: evidence(scene, STRIPS), alt, loading: "lazy" }));
function openScene(scene, stay, first) {
  current = scene;
  const box = $("scene"), main = facilityRow.get(scene);
  const lines = main === undefined ? [scenes.id[scene]] : describe(main);
  const parts = [make("h3", {}, lines[0]), make("p", { class: "facts" }, ...lines.slice(1).map((line) => make("span", {}, line)))];
  if (scenes.rendered[scene]) parts.push(make("p", { class: "note" }, make("b", {}, "Rendered imagery"), ", not taken by a satellite."));
  if (drawable(scene)) {
    for (const through of lenses.values()) through.views.clear();
    const earlier = before(scene), frame = data.frames[scenes.cube[scene]];
    const sharp = scenes.gsd[scene] <= 1, wide = frame.width > 2.5 * frame.height && !sharp;
    const chips = make("div", { class: wide ? "chips wide" : "chips" }, earlier === null ? null : chip(earlier, "Before"), chip(scene, "This scene"));
    // Cars are counted in the straightened tracks; the ground around them comes first only at 10 m.
    parts.push(...(sharp ? [...straight(scene, earlier), chips] : [chips, ...straight(scene, earlier)]));
  } else parts.push(make("p", { class: "note" }, "No imagery of this scene is published."));
  parts.push(origin(scene));
  const through = lenses.get(scenes.cube[scene]);
  $("chip-tools").replaceChildren(through ? zoomButtons(through) : "");
  box.replaceChildren(...parts);
  if (!first) showStates(scene);
  for (const chart of charts) chart.redraw(false);
  for (const line of $("table").tBodies[0].rows) line.classList.toggle("picked", Number(line.dataset.scene) === scene);
  if (!stay) $("evidence").scrollIntoView({ block: "start" }), $("evidence").focus({ preventScroll: true });
}
// Where a scene comes from, and what would be compared to verify it.
function origin(scene) {
  const pairs = [
    ["Scene", make("code", {}, scenes.id[scene])],
    ["Archive's collection", scenes.collections[scenes.collection[scene]] || "not known"],
    ["Pixels in the record", scenes.checksum[scene] ? make("code", {}, scenes.checksum[scene]) : "none"],
  ];
  if (drawable(scene)) {
    const item = folder + "stac/items/" + data.evidence[scene][CHIP].replace(/-[0-9a-f]+\.webp$/, "") + ".json";
    pairs.push(["STAC item", make("a", { href: item }, item.slice(root.length))]);
  }
  return make("details", {}, make("summary", {}, "Provenance of this scene"),
    make("dl", { class: "prov" }, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
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
  if (current === null) return $("scene").append(make("p", { class: "note" }, "No scene with a count yet."));
  new IntersectionObserver((seen, watcher) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    if (!$("scene").hasChildNodes()) openScene(current, true, true);
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
  const quote = button.closest("li,.answer").querySelector("blockquote");
  getSelection().selectAllChildren(quote);
  button.textContent = "Selected, press Ctrl+C";
}
