// The views. Every number comes from the page's data, computed by exact/; nothing is solved or evaluated here.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG_HEIGHT = 440;
const state = { scene: DATA.scenes[0], k: 0, index: 0, follow: true, timer: null };
const byId = (id) => document.getElementById(id);
// Plots of the lesson are lower on small screens, so that nothing of the view is out of sight.
const tall = (height) => (state.step !== undefined && innerWidth <= 1100 ? 0.8 * height : height);
const plotOf = (id) => document.querySelector(`#${id} .plot`);

// The data of iteration k at every radius; undefined when the run is over.
const sweep = () => state.scene.steps[state.k];

function drawSquare() {
  const { scene, k, index } = state, { policies, contours } = scene.square, now = sweep();
  const plot = frame(plotOf("square"), {
    x: [0, 1], y: [0, 1], xName: "π(1|0), action 1 in state 0", yName: "π(1|1), action 1 in state 1", height: tall(SVG_HEIGHT), square: true,
  });
  for (const line of contours) polyline(plot, line, "level");
  const [px, py] = policies[k];
  if (now) {
    const [wx, wy] = now.rho.map((rho) => now.delta[index] / rho);
    const corners = [[px + wx, py], [px, py + wy], [px - wx, py], [px, py - wy]].map(([x, y]) => `${plot.X(x)} ${plot.Y(y)}`);
    make("path", { d: `M${corners.join("L")}Z`, class: "region" }, plot.inside);
    polyline(plot, [policies[k], ...now.trial_policies], "line orange dots answer");
  }
  drawPath(plot, policies, now && now.trial_policies[index]);
  drawMine(plot);
  touchSquare(plot);
}

// The reader's own policy: a point of the mesh on which exact/ evaluated eta and V.
function drawMine(plot) {
  const { mesh } = state.scene.square, cells = mesh.length - 1, text = byId("mine");
  text.textContent = "";
  if (!state.mine) return;
  const [i, j] = state.mine, [eta, ...V] = mesh[j][i];
  make("circle", { cx: plot.X(i / cells), cy: plot.Y(j / cells), r: 9, class: "mine" }, plot.svg);
  text.textContent = `Your policy: π(1|0) = ${show(i / cells, 3)}, π(1|1) = ${show(j / cells, 3)}. Its return η = ${show(eta)}, V = (${V.map((v) => show(v)).join(", ")}). The run’s policy has η = ${show(state.scene.eta[state.k])}.`;
  text.dataset.eta = eta;
}

// Drag a policy, or the edge of the diamond. With the keyboard: the arrows move the policy.
function touchSquare(plot) {
  const { scene, k } = state, { mesh, policies } = scene.square, cells = mesh.length - 1;
  const at = (event) => {
    const svg = plotOf("square").querySelector("svg"), box = svg.getBoundingClientRect(), { left, right, top, bottom } = plot.box;
    const scaled = svg.viewBox.baseVal.width / box.width;
    return [((event.clientX - box.left) * scaled - left) / (right - left), (bottom - (event.clientY - box.top) * scaled) / (bottom - top)];
  };
  const near = ([x, y], [a, b]) => Math.hypot(x - a, y - b) < 0.07;
  const snap = (point) => point.map((v) => Math.round(cells * Math.max(0, Math.min(1, v))));
  const own = (point) => {
    state.mine = snap(point);
    drawSquare();
  };
  const edge = ([x, y]) => {
    const now = sweep(), [px, py] = policies[k], wanted = now.rho[0] * Math.abs(x - px) + now.rho[1] * Math.abs(y - py);
    const off = now.delta.map((d) => Math.abs(d - wanted));
    setRadius(off.indexOf(Math.min(...off)));
  };
  plot.svg.setAttribute("tabindex", "0");
  plot.svg.classList.add("touch");
  plot.svg.addEventListener("pointerdown", (event) => {
    const place = at(event), free = STEPS[state.step]?.dataset.free !== undefined;
    const grabbed = near(place, policies[k]) || (state.mine && near(place, state.mine.map((c) => c / cells)));
    const move = grabbed || free || !sweep() ? own : edge;
    const onMove = (next) => move(at(next));
    const stop = () => {
      removeEventListener("pointermove", onMove);
      removeEventListener("pointerup", stop);
    };
    event.preventDefault();
    addEventListener("pointermove", onMove);
    addEventListener("pointerup", stop);
    move(place);
  });
  plot.svg.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way || event.shiftKey) return;
    const from = state.mine ?? snap(policies[k]);
    own(from.map((c, i) => (c + way[i]) / cells));
    event.preventDefault();
    event.stopPropagation();
    plotOf("square").querySelector("svg").focus();
  });
}

function drawPolytope() {
  const { scene, k, index } = state, { values, segments } = scene.polytope, now = sweep();
  const corners = segments.flat(2);
  const plot = frame(plotOf("polytope"), {
    x: extent(corners.map((v) => v[0])), y: extent(corners.map((v) => v[1])),
    xName: "V(0), value of state 0", yName: "V(1), value of state 1", height: SVG_HEIGHT,
  });
  for (const segment of segments.flat()) polyline(plot, segment, "level");
  const [x, y] = [plot.X(values[k][0]), plot.Y(values[k][1])];
  make("rect", { x, y: plot.box.top, width: plot.box.right - x, height: y - plot.box.top, class: "better" }, plot.inside);
  if (now) polyline(plot, [values[k], ...now.trial_values], "line orange dots");
  drawPath(plot, values, now && now.trial_values[index]);
}

// The policies so far, the current one, and the trial point at the radius of the slider.
function drawPath(plot, points, trial) {
  const { k } = state, at = ([x, y]) => [plot.X(x), plot.Y(y)];
  polyline(plot, points.slice(0, k + 1), "line blue");
  points.slice(0, k).forEach(([x, y]) => dot(plot, x, y, "dot", 4.5));
  if (trial) {
    arrow(plot.svg, ...at(points[k]), ...at(trial), "line orange");
    dot(plot, ...trial, "trial");
  }
  dot(plot, ...points[k], "dot", 7.5);
}

function drawWater() {
  const now = sweep();
  if (!now) return nothingLeft("water");
  const { height, width, state: s, action: a } = now.bars, used = now.distance[state.index], price = now.price[state.index];
  const ends = width.reduce((sums, w) => [...sums, sums.at(-1) + w], [0]);
  const plot = frame(plotOf("water"), {
    x: [0, ends.at(-1)], y: [0, height[0] * 1.15], xName: "width ρ(s) π(a|s), budget δ", yName: "height G(s,a)", height: tall(SVG_HEIGHT),
  });
  const block = (from, to, h, style) => make("rect", {
    x: plot.X(from), width: Math.max(plot.X(to) - plot.X(from), 0), y: plot.Y(h), height: plot.box.bottom - plot.Y(h), class: style,
  }, plot.inside);
  height.forEach((h, i) => {
    block(ends[i], ends[i + 1], h, "bar");
    if (ends[i] < used) block(ends[i], Math.min(ends[i + 1], used), h, "gain");
    if (plot.X(ends[i + 1]) - plot.X(ends[i]) < 76) return;
    const middle = (ends[i] + ends[i + 1]) / 2, label = { x: plot.X(middle), y: plot.box.bottom - 8, "text-anchor": "middle" };
    make("text", { ...label, class: middle < used ? "on-gain" : "" }, plot.inside, `s=${s[i]}, a=${a[i]}`);
  });
  make("line", { x1: plot.box.left, x2: plot.box.right, y1: plot.Y(price), y2: plot.Y(price), class: "line orange dash" }, plot.inside);
  make("line", { x1: plot.X(used), x2: plot.X(used), y1: plot.box.top, y2: plot.box.bottom, class: "line orange" }, plot.inside);
  const narrow = plot.box.right < 420, numbers = `λ = ${show(price)}${narrow ? "" : `, used ${show(used)}`}, gain ${show(now.predicted[state.index])}`;
  make("text", { x: plot.box.right, y: 18, "text-anchor": "end" }, plot.svg, numbers);
}

const BOUNDS = [
  { key: "ratio", style: "blue", name: "r, the exact ratio" },
  { key: "bound_visitation", style: "green dash", name: "min ρ′/ρ" },
  { key: "bound_posterior", style: "green", name: "1/(1 + γD′/((1−γ) min ρ′))" },
  { key: "bound_prior", style: "purple", name: "1 − γD/((1−γ) min ρ)" },
  { key: "bound_lemma34", style: "orange", name: "Lemma 3.4, as printed" },
];

function drawRatio() {
  const { scene, index } = state, now = sweep();
  byId("ratio").querySelector(".legend").hidden = !now;
  if (!now) return nothingLeft("ratio");
  const plot = frame(plotOf("ratio"), {
    x: [now.delta[0], now.delta.at(-1), "log"], y: [-0.15, 1.08 * Math.max(1, ...now.ratio)],
    xName: "radius δ", yName: "ratio r and its lower bounds", height: tall(340), right: widthOf(plotOf("ratio")) < 340 ? 34 : 84,
  });
  horizontal(plot, 0, "axis");
  horizontal(plot, scene.beta0, "grey dots", plot.box.right > 320 ? `β₀ = ${scene.beta0}` : "β₀");
  horizontal(plot, scene.beta1, "grey dots", plot.box.right > 320 ? `β₁ = ${scene.beta1}` : "β₁");
  vertical(plot, now.delta[index]);
  for (const { key, style } of [...BOUNDS].reverse()) polyline(plot, now.delta.map((d, i) => [d, now[key][i]]), `line ${style}`);
  dot(plot, now.delta[index], now.ratio[index], "dot");
  legend(byId("ratio").querySelector(".legend"), BOUNDS.map((row) => ({ ...row, value: show(now[row.key][index]) })));
}

function nothingLeft(id) {
  const note = document.createElement("p");
  note.className = "absent";
  const missing = state.scene.gap[state.k];
  note.textContent = missing === 0
    ? "A* = 0: this policy is optimal, there is nothing left to gain."
    : `A* = 0, but η* − η = ${show(missing)}: what could be gained lies in states that are never visited, and Lemma 3.2 does not apply.`;
  plotOf(id).replaceChildren(note);
}

function drawRun() {
  const { scene, k } = state, places = document.querySelectorAll("#run .plot");
  const series = [[scene.gap, "η* − η, missing return"], [scene.advantage, "A*, policy advantage"], [scene.delta, "δ, radius"]];
  series.forEach(([values, name], i) => {
    const positive = values.filter((v) => v > 0);
    const y = [Math.min(...positive) / 2, Math.max(...positive) * 2, "log"];
    const plot = frame(places[i], { x: [-0.5, scene.eta.length - 0.5], y, xName: "iteration k", yName: name, height: tall(300) });
    polyline(plot, values.map((v, j) => [j, v > 0 ? v : null]), "line grey");
    vertical(plot, k);
    values.forEach((v, j) => {
      if (v === 0) return;
      if (scene.accepted[j] === false) cross(plot, j, v, j === k ? 8 : 5);
      else dot(plot, j, v, j === k ? "trial" : "dot", j === k ? 8 : 4.5);
    });
  });
}

const MOVES = { "←": [-1, 0], "→": [1, 0], "↑": [0, -1], "↓": [0, 1] };

function drawGrid() {
  const { methods } = state.scene.grid, places = document.querySelectorAll("#grid .plot");
  const all = methods.flatMap((method) => method.values.flat()).filter((v) => v !== null); // walls have no value
  const range = [Math.min(...all), Math.max(...all)];
  methods.forEach((method, i) => drawMap(places[i], method, range));
}

function drawMap(place, { name, eta, values, percent }, [low, high]) {
  const { letters, arrows } = state.scene.grid, j = Math.min(state.k, eta.length - 1);
  const rows = letters.length, columns = letters[0].length, width = widthOf(place);
  const cell = Math.min(width / columns, 420 / rows), left = (width - cell * columns) / 2, top = 54, height = top + cell * rows + 4;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${name}, values and policy` });
  make("text", { x: left, y: 18, class: "big" }, svg, name.length * 9.5 < width ? name : name.replace("policy iteration", "PI"));
  make("text", { x: left, y: 42 }, svg, `η = ${show(eta[j])}${j < state.k ? `, done after ${j}` : ""}`);
  values[j].forEach((v, s) => {
    const x = left + (s % columns) * cell, y = top + Math.floor(s / columns) * cell, share = (100 * (v - low)) / (high - low || 1);
    const style = v === null ? "fill: var(--soft)" : `fill: color-mix(in oklab, var(--high) ${share.toFixed(1)}%, var(--low))`;
    make("rect", { x, y, width: cell, height: cell, class: "cell", style }, svg);
    if (v === null) return;
    const numbered = cell > 58, cx = x + cell / 2, cy = y + cell * (numbered ? 0.42 : 0.5);
    percent[j][s].forEach((p, a) => {
      const [dx, dy] = MOVES[arrows[a]], reach = ((numbered ? 0.32 : 0.42) * cell * p) / 100;
      if (p >= 5) arrow(svg, cx, cy, cx + dx * reach, cy + dy * reach, "arrow");
    });
    const letter = letters[Math.floor(s / columns)][s % columns];
    if (!".F".includes(letter)) make("text", { x: x + (cell < 40 ? 1 : 4), y: y + 15 }, svg, letter);
    if (numbered) make("text", { x: cx, y: y + cell - 5, "text-anchor": "middle" }, svg, Math.abs(v) < 0.01 ? "0.00" : show(v, 3));
  });
  place.replaceChildren(svg);
}

const PANELS = [
  ["lemma36", "gain", ["best feasible gain", "promised by Lemma 3.6", "with ρ in the bound"]],
  ["lemma37", "1 − r", ["exact step", "allowed by Lemma 3.7", "with Pinsker’s inequality"]],
];

function drawPanel(id, yName, names) {
  const { delta } = DATA.panels, panel = DATA.panels[id], now = sweep();
  const wanted = Math.log(now ? now.delta[state.index] : delta[0]);
  const nearest = delta.reduce((best, d, i) => (Math.abs(Math.log(d) - wanted) < Math.abs(Math.log(delta[best]) - wanted) ? i : best), 0);
  const all = [...panel.truth, ...panel.printed, ...panel.repaired];
  const plot = frame(plotOf(id), {
    x: [delta[0], delta.at(-1), "log"], y: [Math.min(...all) / 1.5, Math.max(...all) * 1.5, "log"],
    xName: "KL radius δ", yName, height: 340,
  });
  vertical(plot, delta[nearest]);
  const rows = [["printed", "orange"], ["repaired", "green"], ["truth", "blue"]];
  for (const [key, style] of rows) polyline(plot, delta.map((d, i) => [d, panel[key][i]]), `line ${style}`);
  dot(plot, delta[nearest], panel.printed[nearest], "trial");
  dot(plot, delta[nearest], panel.truth[nearest], "dot");
  const value = (key) => show(panel[key][nearest]);
  legend(byId(id).querySelector(".legend"), [
    { style: "blue", key: "truth", name: names[0], value: value("truth") },
    { style: "orange", key: "printed", name: names[1], value: value("printed") },
    { style: "green", key: "repaired", name: names[2], value: value("repaired") },
    { style: "grey dots", key: "delta", name: "at radius", value: show(delta[nearest]) },
  ]);
}

// What the marks of the two views of a two-state MDP mean.
const MARKS = [
  { style: "blue", name: "the run so far" },
  { style: "orange", name: "the step at this radius" },
  { style: "orange dots", name: "steps at all other radii" },
];

// A view that not every MDP has. If this one lacks it, say what it needs, and offer the scenes that have it.
function drawPartial(id, need, draw) {
  const section = byId(id), present = Boolean(state.scene[id]), offers = DATA.scenes.filter((scene) => scene[id]).slice(0, 3);
  section.hidden = offers.length === 0;
  for (const part of section.querySelectorAll(".why, .equations, .plots, .plot, .legend")) part.hidden = !present;
  section.querySelector(".absent")?.remove();
  if (present) return draw();
  const note = document.createElement("p");
  note.className = "absent";
  note.append(`This view ${need}. `);
  for (const scene of offers) {
    const button = document.createElement("button");
    button.textContent = `Show ${scene.name}`;
    button.addEventListener("click", () => choose(DATA.scenes.indexOf(scene)));
    note.append(button);
  }
  section.append(note);
}

function drawStatus() {
  const { scene, k, index } = state, now = sweep(), parts = [["η(πₖ)", "eta", scene.eta[k]], ["A*", "advantage", scene.advantage[k]]];
  if (now) {
    parts.push(["predicted gain", "predicted", now.predicted[index]], ["true gain", "actual", now.actual[index]]);
    parts.push(["ratio r", "r", now.ratio[index]]);
  }
  byId("status").replaceChildren(...parts.map(([name, key, value]) => {
    const span = document.createElement("span"), number = document.createElement("b");
    number.dataset.key = key;
    number.textContent = show(value, 5);
    span.append(`${name} = `, number);
    return span;
  }), verdict(now));
  byId("k").max = scene.eta.length - 1;
  byId("k").value = k;
  byId("k-shown").textContent = `${k} of ${scene.eta.length - 1}`;
  byId("radius").disabled = !now;
  byId("own").disabled = !now || state.follow;
  byId("radius-shown").textContent = now ? show(now.delta[index], 5) : "–";
  if (now) {
    byId("radius").max = now.delta.length - 1;
    byId("radius").value = index;
  }
}

function verdict(now) {
  const word = document.createElement("b");
  word.id = "verdict";
  if (!now) word.textContent = state.scene.gap[state.k] === 0 ? "optimal" : "A* = 0, yet not optimal";
  else if (state.index === now.own) word.textContent = state.scene.accepted[state.k] ? "accepted" : "rejected";
  return word;
}

// In the lesson only the views of the step are seen.
const seen = (id) => state.step === undefined || byId(id).classList.contains("on");
const OF_RADIUS = {
  square: () => drawPartial("square", "needs two states and two actions", drawSquare),
  polytope: () => drawPartial("polytope", "needs two states", drawPolytope),
  water: drawWater,
  gain: drawGain,
  ratio: drawRatio,
  ladder: drawLadder,
  ...Object.fromEntries(PANELS.map((panel) => [panel[0], () => drawPanel(...panel)])),
};
const OTHERS = {
  problem: () => drawPartial("problem", "needs at most three states", drawProblem),
  run: drawRun,
  grid: () => drawPartial("grid", "needs a grid world", drawGrid),
  noise: drawNoise,
  walk: drawWalk,
  deep: drawDeep,
};

// The views that change with the radius, and all of them.
function drawRadius() {
  drawStatus();
  for (const [id, view] of Object.entries(OF_RADIUS)) if (seen(id)) view();
  fillFacts();
}

function draw() {
  drawRadius();
  for (const [id, view] of Object.entries(OTHERS)) if (seen(id)) view();
}
