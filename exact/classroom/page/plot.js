// Drawing: one SVG per plot at the width of its place, so that letters keep their size on every screen.

function make(tag, attributes, parent, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function powerOfTen(exponent) {
  return "10" + [...String(exponent)].map((c) => SUPERSCRIPTS[c]).join("");
}

// A number to so many significant digits: 0.01234, −2.300·10⁵.
function show(x, precision = 4) {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 10 ** precision)) {
    const [mantissa, exponent] = x.toExponential(precision - 1).split("e");
    return mantissa.replace("-", "−") + "·" + powerOfTen(Number(exponent));
  }
  return x.toPrecision(precision).replace("-", "−");
}

function linearTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return ticks.map((value) => ({ value, label: value.toFixed(decimals).replace("-", "−") }));
}

// Powers of ten, and between them 2 and 5 times a power where there are too few and there is room.
function logTicks(low, high, count) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first < 2) {
    const powers = Array.from({ length: last - first + 3 }, (_, i) => 10 ** (first - 1 + i));
    const between = (steps) => powers.flatMap((power) => steps.map((m) => m * power)).filter((v) => low <= v && v <= high);
    const values = [[1, 2, 5], [1, 3]].map(between).find((found) => found.length <= 1.7 * count) ?? between([1]);
    return values.map((value) => ({ value, label: String(Number(value.toPrecision(1))) }));
  }
  const every = Math.max(1, Math.ceil((last - first + 1) / count));
  const ticks = [];
  for (let e = last; e >= first; e -= every) ticks.push({ value: 10 ** e, label: powerOfTen(e) });
  return ticks;
}

function scale([low, high, kind], from, to) {
  const f = kind === "log" ? Math.log10 : (v) => v;
  return (v) => from + ((f(v) - f(low)) / (f(high) - f(low))) * (to - from);
}

// A window may have no width yet when the page is drawn first; the resize that follows draws it again.
const widthOf = (place) => Math.max(place.clientWidth, 160);

// Where the middle of a text may lie, so that it stays inside a drawing of that width.
function inside(x, text, width) {
  const half = 4.6 * text.length;
  return Math.max(half, Math.min(x, width - half));
}

// An empty plot in `place`: axes with ticks and names, and a clipped group `inside` for the data.
// x and y are [low, high, "log" or nothing]; the data's corner is bottom left.
function frame(place, { x, y, xName, yName, height, square = false, right = 16, ticks: ticked = true }) {
  const width = widthOf(place);
  const margin = { left: 66, right, top: 30, bottom: 50 };
  if (square) {
    const side = Math.min(width - margin.left - margin.right, height - margin.top - margin.bottom);
    margin.left = Math.max(margin.left, (width - side) / 2);
    margin.right = width - margin.left - side;
    height = side + margin.top + margin.bottom;
  }
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${yName} against ${xName}` });
  const box = { left: margin.left, right: width - margin.right, top: margin.top, bottom: height - margin.bottom };
  const X = scale(x, box.left, box.right), Y = scale(y, box.bottom, box.top);
  const clip = `clip-${place.closest("section").id}-${[...place.parentNode.children].indexOf(place)}`;
  const area = { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top };
  make("rect", area, make("clipPath", { id: clip }, svg));
  const data = make("g", { "clip-path": `url(#${clip})` }, svg);
  make("rect", { ...area, class: "axis" }, svg);
  const ticks = (range, count) => (range[2] === "log" ? logTicks : linearTicks)(range[0], range[1], count);
  for (const { value, label } of ticks(x, Math.max(2, area.width / 80))) {
    make("line", { x1: X(value), x2: X(value), y1: box.bottom, y2: box.bottom + 5, class: "axis" }, svg);
    make("text", { x: inside(X(value), label, width), y: box.bottom + 20, "text-anchor": "middle", class: "tick" }, svg, label);
  }
  for (const { value, label } of ticked ? ticks(y, Math.max(2.5, area.height / 50)) : []) {
    make("line", { x1: box.left - 5, x2: box.left, y1: Y(value), y2: Y(value), class: "axis" }, svg);
    make("text", { x: box.left - 9, y: Y(value) + 5, "text-anchor": "end", class: "tick" }, svg, label);
  }
  make("text", { x: inside((box.left + box.right) / 2, xName, width), y: box.bottom + 42, "text-anchor": "middle" }, svg, xName);
  make("text", { x: square ? box.left - 50 : 8, y: 18 }, svg, yName);
  place.replaceChildren(svg);
  return { svg, inside: data, X, Y, box };
}

// A line through the points [x, y]; a point with a missing number, or one that a log axis cannot show, breaks it.
function polyline(plot, points, style) {
  let path = "", joined = false;
  for (const [x, y] of points) {
    const shown = y !== null && Number.isFinite(plot.Y(y));
    if (shown) path += `${joined ? "L" : "M"}${plot.X(x).toFixed(2)} ${plot.Y(y).toFixed(2)}`;
    joined = shown;
  }
  return make("path", { d: path, class: style }, plot.inside);
}

function dot(plot, x, y, style, r = 6) {
  if (y === null || !Number.isFinite(plot.Y(y))) return;
  make("circle", { cx: plot.X(x), cy: plot.Y(y), r, class: style }, plot.svg);
}

function cross(plot, x, y, r = 6, style = "") {
  if (y === null || !Number.isFinite(plot.Y(y))) return;
  const [cx, cy] = [plot.X(x), plot.Y(y)];
  make("path", { d: `M${cx - r} ${cy - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`, class: `cross ${style}` }, plot.svg);
}

function arrow(parent, x1, y1, x2, y2, style) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 1) return;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length], h = Math.min(9, length * 0.45);
  const barb = (side) => `M${x2} ${y2}L${x2 - h * (ux + side * 0.5 * uy)} ${y2 - h * (uy - side * 0.5 * ux)}`;
  make("path", { d: `M${x1} ${y1}L${x2} ${y2}${barb(1)}${barb(-1)}`, class: style }, parent);
}

function vertical(plot, x, style = "now") {
  make("line", { x1: plot.X(x), x2: plot.X(x), y1: plot.box.top, y2: plot.box.bottom, class: style }, plot.inside);
}

function horizontal(plot, y, style, label) {
  make("line", { x1: plot.box.left, x2: plot.box.right, y1: plot.Y(y), y2: plot.Y(y), class: style }, plot.inside);
  if (label) make("text", { x: plot.box.right + 6, y: plot.Y(y) + 5 }, plot.svg, label);
}

// [low, high] of the numbers, widened by a share of their range.
function extent(values, share = 0.06) {
  const shown = values.filter((v) => v !== null);
  const low = Math.min(...shown), high = Math.max(...shown);
  const pad = share * (high - low || Math.abs(high) || 1);
  return [low - pad, high + pad];
}

function legend(place, rows) {
  place.replaceChildren(...rows.map(({ style, name, value, key }) => {
    const row = document.createElement("li"), label = document.createElement("span"), number = document.createElement("span");
    const swatch = make("svg", { viewBox: "0 0 30 12", "aria-hidden": "true" });
    make("line", { x1: 0, x2: 30, y1: 6, y2: 6, class: `line ${style}` }, swatch);
    label.textContent = name;
    row.append(swatch, label);
    if (value === undefined) return row;
    number.textContent = value;
    number.className = "value";
    number.dataset.key = key;
    row.append(number);
    return row;
  }));
}
