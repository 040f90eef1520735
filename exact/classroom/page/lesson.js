// The lesson: its steps set the views up, ask before they show, and can be linked to, presented and printed.

const STEPS = [...document.querySelectorAll(".step")];
const HAS_LESSON = STEPS.every((step) => !step.dataset.mdp || sceneNamed(step.dataset.mdp) >= 0);
const answered = new Set();
const SETTLE = 800;
let quiet = 0; // until then scrolling is the page's own and chooses no step

function sceneNamed(name) {
  return DATA.scenes.findIndex((scene) => scene.name === name);
}

function setMode(mode) {
  document.body.classList.toggle("lesson", mode === "lesson");
  document.body.classList.toggle("exercising", mode === "exercises");
  for (const name of ["lesson", "play", "exercises"]) byId(`to-${name}`).setAttribute("aria-pressed", mode === name);
  if (mode !== "lesson") {
    state.step = undefined;
    document.body.classList.remove("awaiting");
    if (mode === "play") draw();
  } else activate(state.last ?? 0, true);
  remember();
}

// Make step i the one that is looked at: its views, its problem, iteration and radius.
function activate(i, scroll = false) {
  const step = STEPS[(state.step = state.last = Math.max(0, Math.min(i, STEPS.length - 1)))], { view, mdp, k, radius } = step.dataset;
  STEPS.forEach((other) => other.classList.toggle("now-read", other === step));
  const views = view.split(" ");
  for (const section of document.querySelectorAll("main > section")) section.classList.toggle("on", views.includes(section.id));
  byId("where").textContent = `Step ${state.step + 1} of ${STEPS.length}`;
  byId("previous").disabled = state.step === 0;
  byId("next").disabled = state.step === STEPS.length - 1;
  state.awaiting = Boolean(step.querySelector(".predict")) && !answered.has(step);
  document.body.classList.toggle("awaiting", state.awaiting);
  state.mine = null;
  if (mdp) choose(sceneNamed(mdp), Number(k), radius === "own" ? null : Number(radius));
  document.body.classList.toggle("no-run", ["noise", "deep", "play"].includes(views[0]));
  if (scroll) {
    quiet = performance.now() + SETTLE;
    step.scrollIntoView({ block: "center" });
  }
  remember();
}

// What the numbers in the text are, from the views' data.
function fillFacts() {
  const step = STEPS[state.step], now = sweep(), { scene, index } = state;
  if (!step) return;
  const ladder = now && now.ladder.map((row) => row[index]);
  const facts = {
    optimum: show(scene.optimum), trials: scene.steps.length, rejected: scene.accepted.filter((a) => !a).length,
    pi: scene.grid ? scene.grid.methods[1].eta.length - 1 : "–",
    ...(now && { predicted: show(now.predicted[index]), actual: show(now.actual[index]), ratio: show(now.ratio[index]), loss: show(ladder[0], 3), promised: show(ladder.at(-1), 3) }),
  };
  for (const output of step.querySelectorAll("[data-fact]")) output.textContent = facts[output.dataset.fact] ?? "–";
}

function reveal(step, button) {
  answered.add(step);
  step.classList.add("shown");
  for (const other of step.querySelectorAll(".predict button")) {
    other.disabled = true;
    if ("right" in other.dataset) other.classList.add("right");
    else if (other === button) other.classList.add("wrong");
  }
  if (STEPS[state.step] === step) {
    state.awaiting = false;
    document.body.classList.remove("awaiting");
    draw();
  }
}

// The address: #step=4&mdp=cash-in&k=0&delta=0.5, or #play&mdp=...
function remember() {
  if (!location.protocol.startsWith("http") && location.protocol !== "file:") return;
  const now = sweep(), place = state.step === undefined ? (document.body.classList.contains("exercising") ? "exercises" : "play") : `step=${state.step + 1}`;
  const delta = now ? `&delta=${now.delta[state.index]}` : "";
  history.replaceState(null, "", `#${place}&mdp=${encodeURIComponent(state.scene.name)}&k=${state.k}${delta}`);
}

function follow() {
  const asked = new URLSearchParams(location.hash.slice(1)), wanted = sceneNamed(asked.get("mdp") ?? ""), step = Number(asked.get("step"));
  if (asked.has("exercises")) setMode("exercises");
  else if (asked.has("play") || !HAS_LESSON) setMode("play");
  else {
    setMode("lesson");
    activate(Number.isInteger(step) && step > 0 ? step - 1 : 0, step > 1);
  }
  if (wanted >= 0) choose(wanted, Number(asked.get("k")) || 0, Number(asked.get("delta")) || null);
  else if (state.step === undefined) choose(DATA.scenes.indexOf(state.scene));
}

function present(on = !document.body.classList.contains("present")) {
  document.body.classList.toggle("present", on);
  byId("present").setAttribute("aria-pressed", on);
  if (on && document.fullscreenEnabled) document.documentElement.requestFullscreen().catch(() => {});
  else if (!on && document.fullscreenElement) document.exitFullscreen();
  if (on) setMode("lesson");
  draw();
}

// The handout: every step with its picture and its answer.
function layOut() {
  const { step } = state;
  STEPS.forEach((one, i) => {
    activate(i);
    state.awaiting = false;
    draw();
    const picture = document.createElement("div");
    picture.className = "handout";
    for (const section of document.querySelectorAll("main > section.on")) picture.append(section.cloneNode(true));
    for (const inner of picture.querySelectorAll("[id]:not(clipPath)")) inner.removeAttribute("id");
    for (const clip of picture.querySelectorAll("clipPath")) { // the copy's own window, not that of what is drawn next
      for (const user of picture.querySelectorAll(`[clip-path="url(#${clip.id})"]`)) user.setAttribute("clip-path", `url(#${clip.id}-${i})`);
      clip.id += `-${i}`;
    }
    one.append(picture);
  });
  activate(step ?? 0);
}

function putAway() {
  for (const picture of document.querySelectorAll(".handout")) picture.remove();
}

// A symbol explains itself when it is pointed at or focused.
function explain(event) {
  const symbol = event.target.closest?.(".symbol"), box = byId("meaning");
  box.hidden = !symbol;
  if (!symbol) return;
  box.textContent = symbol.dataset.meaning;
  symbol.setAttribute("aria-describedby", "meaning");
  const { left, bottom } = symbol.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.min(bottom + 6, innerHeight - box.offsetHeight - 8)}px`;
}

function onLessonKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || state.step === undefined || event.target.matches("select, input")) return;
  const presenting = document.body.classList.contains("present");
  const turn = { n: 1, p: -1, ...(presenting && { ArrowRight: 1, ArrowLeft: -1 }) }[event.key];
  if (turn) activate(state.step + turn, true);
  else if (event.key === "Escape" && presenting) present(false);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

for (const step of STEPS) {
  for (const button of step.querySelectorAll(".predict button")) button.addEventListener("click", () => reveal(step, button));
}
for (const button of document.querySelectorAll("[data-mode]")) button.addEventListener("click", () => setMode(button.dataset.mode));
for (const mode of ["lesson", "play", "exercises"]) byId(`to-${mode}`).addEventListener("click", () => setMode(mode));
byId("present").addEventListener("click", () => present());
byId("previous").addEventListener("click", () => activate(state.step - 1, true));
byId("next").addEventListener("click", () => activate(state.step + 1, true));
for (const name of ["pointerover", "focusin"]) document.addEventListener(name, explain);
document.addEventListener("keydown", onLessonKey, { capture: true });
addEventListener("hashchange", follow);
addEventListener("beforeprint", layOut);
addEventListener("afterprint", putAway);
const watcher = new IntersectionObserver((entries) => {
  const seen = entries.filter((entry) => entry.isIntersecting).at(-1);
  const i = seen ? STEPS.indexOf(seen.target) : -1;
  if (i >= 0 && state.step !== undefined && i !== state.step && performance.now() > quiet) activate(i);
}, { rootMargin: matchMedia("(max-width: 900px)").matches ? "-75% 0px -24% 0px" : "-49% 0px -50% 0px" });
for (const step of STEPS) watcher.observe(step);
if (!HAS_LESSON) for (const id of ["to-lesson", "to-play", "to-exercises", "present"]) byId(id).hidden = true;
document.body.classList.toggle("alone", DATA.scenes.length === 1); // nothing to choose from: the live app chooses
follow();
