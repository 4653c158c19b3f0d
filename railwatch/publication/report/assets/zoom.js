/* ---- looking closer: views of one ground that move together ---- */
// A view shows part of what is inside it. Views given the same lens show the same part.
const lens = () => ({ scale: 1, x: 0, y: 0, views: new Set() });
function look(through, scale, x, y) {
  through.scale = Math.min(40, Math.max(1, scale));
  const most = 1 - 1 / through.scale;
  through.x = Math.min(most, Math.max(0, x));
  through.y = Math.min(most, Math.max(0, y));
  for (const view of through.views) {
    view.firstChild.style.transform = "scale(" + through.scale + ") translate(" + -through.x * 100 + "%," + -through.y * 100 + "%)";
    view.firstChild.style.setProperty("--closer", through.scale);
    view.classList.toggle("closer", through.scale > 1);
  }
}
// Zoom by a factor and keep what lies at (u, v) of the view, 0-1, where it is.
function closer(through, factor, u, v) {
  const scale = Math.min(40, Math.max(1, through.scale * factor));
  look(through, scale, through.x + u / through.scale - u / scale, through.y + v / through.scale - v / scale);
}
function zoomable(view, through) {
  through.views.add(view);
  view.classList.add("zoomable");
  view.tabIndex = 0;
  view.title = "Double-click or + to look closer, drag or arrow keys to move, 0 to see all";
  const at = (event) => {
    const box = view.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  let grip = null, moved = false;
  view.addEventListener("dblclick", (event) => (event.preventDefault(), closer(through, event.shiftKey ? 0.4 : 2.5, ...at(event))));
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    closer(through, event.deltaY < 0 ? 1.3 : 1 / 1.3, ...at(event));
  }, { passive: false });
  view.addEventListener("pointerdown", (event) => { if (through.scale > 1) grip = at(event), moved = false; });
  view.addEventListener("pointermove", (event) => {
    if (grip === null) return;
    const [u, v] = at(event);
    if (Math.abs(u - grip[0]) + Math.abs(v - grip[1]) > 0.005) moved = true, view.setPointerCapture(event.pointerId);
    look(through, through.scale, through.x + (grip[0] - u) / through.scale, through.y + (grip[1] - v) / through.scale);
    grip = [u, v];
  });
  for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, () => { grip = null; });
  view.addEventListener("click", (event) => { if (moved) event.stopPropagation(), moved = false; }, true);
  view.addEventListener("keydown", (event) => {
    const step = 0.15 / through.scale;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key === "+" || event.key === "=") closer(through, 1.6, 0.5, 0.5);
    else if (event.key === "-") closer(through, 1 / 1.6, 0.5, 0.5);
    else if (event.key === "0") look(through, 1, 0, 0);
    else if (event.key in moves && through.scale > 1) look(through, through.scale, through.x + moves[event.key][0], through.y + moves[event.key][1]);
    else return;
    event.preventDefault();
  });
  look(through, through.scale, through.x, through.y);
}
function zoomButtons(through) {
  const button = (text, name, run) => make("button", { type: "button", "aria-label": name, title: name, on: { click: run } }, text);
  return make("span", { class: "zooms" },
    button("+", "Look closer", () => closer(through, 1.8, 0.5, 0.5)),
    button("\u2212", "Step back", () => closer(through, 1 / 1.8, 0.5, 0.5)),
    button("All", "See all", () => look(through, 1, 0, 0)));
}
