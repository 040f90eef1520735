// The views that only the lesson needs: the problem, predicted and true gain, the ladder, noise, and a network.

// Two or three states in a row; an arc for every action and successor, thicker where it is likelier.
function drawProblem() {
  const { transitions, rewards } = state.scene.problem, place = plotOf("problem"), width = widthOf(place), height = 264, y = 104;
  const [radius, side0, near] = width < 300 ? [22, 76, 26] : width < 420 ? [26, 92, 36] : [34, 118, 58]; // circle, its place, loops
  const n = rewards.length, at = (s) => side0 + ((width - 2 * side0) * s) / Math.max(n - 1, 1);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `The decision problem ${state.scene.name}: ${n} states` });
  transitions.forEach((actions, s) => actions.forEach((row, a) => row.forEach((p, t) => {
    if (p < 0.005) return;
    const style = `line ${["blue", "orange", "green"][a % 3]}`, thick = { "stroke-width": 1 + 3 * p }, side = a % 2 ? 1 : -1;
    const label = (x, yy, anchor) => make("text", { x, y: yy, "text-anchor": anchor, class: "tick" }, svg, show(p, 2));
    if (s === t) {
      const out = s < n / 2 ? -1 : 1, reach = near + (near / 3.6) * a, lift = side * (26 + 10 * a);
      make("path", { d: `M${at(s) + out * radius * 0.59} ${y + side * radius * 0.8}C${at(s) + out * reach} ${y + lift * 2.6} ${at(s) + out * reach * 1.4} ${y + lift} ${at(s) + out * (radius - 1)} ${y + side * 8}`, class: style, ...thick }, svg);
      label(at(s) + out * (reach + 6), y + lift * 1.9, out < 0 ? "end" : "start");
    } else {
      const way = Math.sign(t - s), bend = (way > 0 ? -1 : 1) * (24 + 34 * a), middle = (at(s) + at(t)) / 2;
      const [x1, x2] = [at(s) + way * (radius - 4), at(t) - way * (radius - 2)], yy = y + bend * 0.4;
      make("path", { d: `M${x1} ${yy}Q${middle} ${y + bend * 2.1} ${x2} ${yy}`, class: style, ...thick }, svg);
      arrow(svg, x2 - way * 9, yy + bend * 0.16, x2, yy, style);
      label(middle, y + bend * 1.25 + (bend < 0 ? -5 : 14), "middle");
    }
  })));
  rewards.forEach((row, s) => {
    make("circle", { cx: at(s), cy: y, r: radius, class: "circle" }, svg);
    make("text", { x: at(s), y: y + 6, "text-anchor": "middle", class: "big" }, svg, radius < 34 ? s : `state ${s}`);
    const [x, anchor] = n === 2 && width < 420 ? [s * width, s ? "end" : "start"] : [at(s), "middle"]; // not over each other
    row.forEach((r, a) => make("text", { x, y: y + 116 + 19 * a, "text-anchor": anchor, class: `fill ${["blue", "orange", "green"][a % 3]}` }, svg, `${width < 300 ? "" : "action "}${a} pays ${show(r, 2)}`));
  });
  place.replaceChildren(svg);
}

function drawGain() {
  const now = sweep(), { index } = state;
  byId("gain").querySelector(".legend").hidden = !now;
  if (!now) return nothingLeft("gain");
  const plot = frame(plotOf("gain"), {
    x: [now.delta[0], now.delta.at(-1), "log"], y: extent([0, ...now.predicted, ...now.actual]), xName: "radius δ", yName: "gain", height: tall(340),
  });
  vertical(plot, now.delta[index]);
  polyline(plot, now.delta.map((d, i) => [d, now.predicted[i]]), "line orange");
  polyline(plot, now.delta.map((d, i) => [d, now.actual[i]]), "line green answer");
  dot(plot, now.delta[index], now.predicted[index], "trial");
  dot(plot, now.delta[index], now.actual[index], "good answer");
  legend(byId("gain").querySelector(".legend"), [
    { style: "orange", name: "predicted gain, L(π′) − L(π)", value: show(now.predicted[index]) },
    { style: "green answer", name: "true gain, η(π′) − η(π)", value: show(now.actual[index]) },
  ]);
}

const RUNGS = [
  ["what is lost in truth, 1 − r", ""],
  ["where V changes is not known", "γ D span(V′ − V)"],
  ["V′ unknown: the whole future at its worst", "γ D span(f) / (1−γ)"],
  ["the state that changes most, for all states", "α for (1−γ) D"],
  ["the largest advantage: TRPO", "4 max|A| α for span(f)"],
  ["the rarest start, for all states", "δ / p₀ for α"],
  ["the least predicted gain: Lemma 3.4", "(1−γ) δ A* for the gain"],
];

function drawLadder() {
  const now = sweep(), place = plotOf("ladder");
  if (!now) return nothingLeft("ladder");
  const values = now.ladder.map((row) => row[state.index]), width = widthOf(place), line = width < 420 ? 42 : 46, height = RUNGS.length * line + 46;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": "Bounds of 1 − r, from the exact loss to Lemma 3.4" });
  const positive = values.filter((v) => v > 0), low = Math.log10(Math.min(...positive, 1)) - 0.3, high = Math.log10(Math.max(...positive, 10)) + 0.1;
  const X = (v) => 8 + ((Math.log10(v) - low) / (high - low)) * (width - 150);
  const step = state.step === undefined ? RUNGS.length : state.awaiting ? 1 : RUNGS.length;
  values.forEach((v, i) => {
    const y = 22 + i * line, group = make("g", { class: i >= step ? "answer" : "" }, svg), [name, formula] = RUNGS[i];
    make("text", { x: 8, y: y + 12 }, group, formula && width > 640 ? `${name}:  ${formula}` : name);
    if (v === null || v <= 0) return void make("text", { x: 8, y: y + 30, class: "tick" }, group, v === null ? "says nothing: some state is no possible start" : `${show(v, 3)}: nothing is lost`);
    make("rect", { x: 8, y: y + 17, width: Math.max(X(v) - 8, 2), height: 13, class: i === 0 ? "gain" : i === values.length - 1 ? "bad" : "bar" }, group);
    const before = i > 0 ? values[i - 1] : null;
    make("text", { x: X(v) + 8, y: y + 29, class: "tick" }, group, `${show(v, 3)}${before > 0 ? `   × ${show(v / before, 3)}` : ""}`);
  });
  if (high > 0) {
    make("line", { x1: X(1), x2: X(1), y1: 14, y2: height - 26, class: "now" }, svg);
    make("text", { x: X(1) + 4, y: height - 10, class: "tick" }, svg, "above 1 a bound says nothing");
  }
  place.replaceChildren(svg);
}

const noise = { size: 1, count: 1 };

function drawNoise() {
  const { batches, mdp } = DATA.noise, now = batches[noise.size], last = noise.count - 1, [first, second] = document.querySelectorAll("#noise .plot");
  byId("noise-of").textContent = `${mdp}, half the way to the optimum`;
  byId("batch-size").max = batches.length - 1;
  byId("batch-size").value = noise.size;
  byId("batch-size-shown").textContent = now.n;
  const rows = [["predicted", "orange", "predicted"], ["true gain", "green", "gain"], ["measured: difference of returns", "purple", "returns"], ["measured: reverse surrogate", "blue", "reverse"]];
  const all = rows.flatMap(([, , key]) => now[key]), plot = frame(first, { x: extent(all), y: [-0.6, 3.6], xName: "gain, in units of η* − η(uniform)", yName: "", height: 300, ticks: false });
  vertical(plot, 0);
  rows.forEach(([, colour, key], i) => now[key].slice(0, noise.count).forEach((v, j) => dot(plot, v, 3 - i + ((j * 7) % 11 - 5) / 22, `mark ${colour}${j === last ? " latest" : ""}`, j === last ? 7 : 4)));
  const better = now.gain[last] > 0, right = now.accepted[last] === better;
  byId("batch").textContent = `Batch ${noise.count}: predicted ${show(now.predicted[last], 2)}, true ${show(now.gain[last], 2)}, measured ${show(now.returns[last], 2)}. (4.14) ${now.accepted[last] ? "accepts" : "rejects"} a step that makes the policy ${better ? "better" : "worse"}: ${right ? "right" : "wrong"}.`;
  const shares = frame(second, { x: [10, 10000, "log"], y: [0, 0.6], xName: "batch size N", yName: widthOf(second) < 320 ? "share of wrong signs" : "share of wrong signs, of 400 batches", height: 300 });
  vertical(shares, now.n);
  for (const [key, colour] of [["wrong_returns", "purple"], ["wrong_reverse", "blue"]]) {
    polyline(shares, batches.map((b) => [b.n, b[key]]), `line ${colour} answer`);
    batches.forEach((b) => dot(shares, b.n, b[key], `mark ${colour} answer`, 4.5));
  }
  polyline(shares, [[10, 0.5], [10000, 0.5]], "line grey dots");
  legend(byId("noise").querySelector(".legend"), rows.map(([name, style, key]) => ({ style, name, value: { predicted: `${show(now.overfit, 3)} times the truth`, returns: `wrong sign ${show(100 * now.wrong_returns, 3)}%`, reverse: `wrong sign ${show(100 * now.wrong_reverse, 3)}%` }[key] })));
}

function drawWalk() {
  const { mu, progress } = DATA.noise.walks, places = document.querySelectorAll("#walk .plot");
  const draw = (place, rows, y, yName) => {
    const plot = frame(place, { x: [0, rows[0].length - 1], y, xName: "rounds of N = 256 steps", yName, height: 260 });
    rows.forEach((row, i) => polyline(plot, row.map((v, k) => [k, v]), i === 0 ? "line orange" : "line grey thin"));
  };
  draw(places[0], mu, [0.005, 1, "log"], "μ, coefficient of the radius");
  draw(places[1], progress, [-0.1, 1.05], "share of the way to η*");
}

const RATIO_SHOWN = 5; // a ratio of two noisy numbers can be anything
const film = { timer: null, frame: 0 };

function drawDeep() {
  const { curve, films, env, command, rejected, gained, iterations } = DATA.deep, places = document.querySelectorAll("#deep .plot");
  if (byId("films").childElementCount === 0) {
    films.forEach(({ steps, picture, frames }) => {
      const figure = document.createElement("figure"), window_ = document.createElement("div"), caption = document.createElement("figcaption");
      Object.assign(window_.style, { backgroundImage: `url(${picture})`, backgroundSize: `${100 * frames}% 100%` });
      window_.className = "film";
      window_.setAttribute("role", "img");
      window_.setAttribute("aria-label", `${env} after ${steps} steps of training`);
      caption.textContent = steps === 0 ? "before training" : `after ${steps.toLocaleString("en")} steps`;
      figure.append(window_, caption);
      byId("films").append(figure);
    });
    byId("deep-command").textContent = `${env}, ${iterations} iterations, ${show(100 * rejected, 2)}% of the steps rejected, ${show(100 * gained, 2)}% of the measured gains above 0. ${command}`;
  }
  const thousands = curve.steps.map((s) => s / 1000), steps = [0, thousands.at(-1)], height = tall(230);
  const mark = (plot, i, x, y, style = "") => (curve.accepted[i] ? dot(plot, x, y, `dot ${style}`, 3) : cross(plot, x, y, 4, style));
  const marks = (plot, values) => values.forEach((v, i) => mark(plot, i, thousands[i], v));
  let plot = frame(places[0], { x: steps, y: extent(curve.return100), xName: "thousand environment steps", yName: "return, mean of 100 episodes", height });
  polyline(plot, thousands.map((s, i) => [s, curve.return100[i]]), "line green");
  plot = frame(places[1], { x: [...extent(curve.predicted_gain), "log"].with(0, Math.min(...curve.predicted_gain) / 1.3), y: extent(curve.actual_gain), xName: "predicted gain (normalised)", yName: "measured gain", height });
  horizontal(plot, 0, "axis");
  curve.predicted_gain.forEach((p, i) => mark(plot, i, p, curve.actual_gain[i], "answer"));
  const region = [...curve.kl, ...curve.delta];
  plot = frame(places[2], { x: steps, y: [Math.min(...region) / 1.3, Math.max(...region) * 1.3, "log"], xName: "thousand environment steps", yName: "radius δ (line), KL (marks)", height });
  polyline(plot, thousands.map((s, i) => [s, curve.delta[i]]), "line grey thin");
  marks(plot, curve.kl);
  plot = frame(places[3], { x: steps, y: [-RATIO_SHOWN * 1.1, RATIO_SHOWN * 1.1], xName: "thousand environment steps", yName: `ratio r, cut at ±${RATIO_SHOWN}`, height });
  horizontal(plot, 0, "axis");
  horizontal(plot, 1, "grey dots");
  marks(plot, curve.ratio.map((r) => Math.max(-RATIO_SHOWN, Math.min(RATIO_SHOWN, r))));
}

function playFilms(on = film.timer === null) {
  clearInterval(film.timer);
  film.timer = on ? setInterval(() => {
    film.frame += 1;
    document.querySelectorAll(".film").forEach((one, i) => {
      const { frames } = DATA.deep.films[i];
      one.style.backgroundPosition = `${(100 * (film.frame % frames)) / (frames - 1)}% 0`;
    });
  }, 110) : null;
  byId("film").textContent = on ? "Stop the films" : "Play the films";
}

byId("film").addEventListener("click", () => playFilms());
byId("batch-size").addEventListener("input", (event) => { noise.size = Number(event.target.value); noise.count = 1; drawNoise(); });
byId("draw-batch").addEventListener("click", () => { noise.count = (noise.count % DATA.noise.batches[noise.size].gain.length) + 1; drawNoise(); });
byId("all-batches").addEventListener("click", () => { noise.count = DATA.noise.batches[noise.size].gain.length; drawNoise(); });
