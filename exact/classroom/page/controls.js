// The two sliders, the menu, the buttons and the keys: they change the state, and the views are drawn again.

function setIteration(k) {
  const wanted = sweep()?.delta[state.index];
  state.k = Math.max(0, Math.min(k, state.scene.eta.length - 1));
  const now = sweep();
  if (now && !state.follow && wanted) state.index = now.delta.findLastIndex((delta) => delta <= wanted * (1 + 1e-6));
  else if (now) state.index = now.own;
  draw();
  remember();
}

function setRadius(index) {
  const now = sweep();
  if (!now) return;
  state.index = Math.max(0, Math.min(index, now.delta.length - 1));
  state.follow = false;
  drawRadius();
  remember();
}

// Show problem i, at iteration k and at the radius nearest to delta; without one at the run's own.
function choose(i, k = 0, delta = null) {
  const { name, states, actions, discount, optimum } = (state.scene = DATA.scenes[i]);
  byId("about").textContent = `Shown: ${name}, states ${states}, actions ${actions}, discount γ = ${discount}, optimum η* = ${show(optimum)}.`;
  state.follow = true;
  byId("mdp").value = i;
  state.mine = null;
  setIteration(k);
  const now = sweep();
  if (delta === null || !now) return;
  const off = now.delta.map((d) => Math.abs(Math.log(d / delta)));
  setRadius(off.indexOf(Math.min(...off)));
}

function play(on = state.timer === null) {
  clearInterval(state.timer);
  state.timer = on ? setInterval(step, 900) : null;
  byId("play").textContent = on ? "Pause" : "Play";
  if (on && state.k === state.scene.eta.length - 1) setIteration(0);
}

function step() {
  setIteration(state.k + 1);
  if (state.k === state.scene.eta.length - 1) play(false);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
  const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === " " && !event.target.matches("button")) play();
  else if (direction && event.shiftKey) setRadius(state.index + direction);
  else if (direction && event.target.id !== "radius") setIteration(state.k + direction);
  else return;
  event.preventDefault();
}

DATA.scenes.forEach((scene, i) => byId("mdp").append(new Option(scene.name, i)));
byId("mdp").addEventListener("change", (event) => choose(Number(event.target.value)));
byId("k").addEventListener("input", (event) => setIteration(Number(event.target.value)));
byId("radius").addEventListener("input", (event) => setRadius(Number(event.target.value)));
byId("own").addEventListener("click", () => { state.follow = true; setIteration(state.k); });
byId("play").addEventListener("click", () => play());
byId("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches, root = document.documentElement.style;
  root.colorScheme = root.colorScheme === (dark ? "light" : "dark") ? "" : dark ? "light" : "dark";
});
document.addEventListener("keydown", onKey);
addEventListener("resize", () => draw());
for (const id of ["square", "polytope"]) legend(byId(id).querySelector(".legend"), MARKS);
