// The map of the live app: choose a brush and paint cells, by pointer or by keys. Python computes what follows from it.

const KINDS = [[".", "free"], ["#", "wall"], ["G", "goal"], ["H", "pit"], ["S", "start"]];
const LARGEST = 8;

function element(tag, attributes, parent, text = "") {
  const made = Object.assign(document.createElement(tag), { textContent: text });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

const nameOf = (letter) => (KINDS.find(([kind]) => kind === letter) ?? [letter, letter])[1];

function render({ model, el }) {
  let rows = model.get("rows").map((row) => [...row]), brush = "#", painting = false;
  const root = element("div", { class: "painter" }, el);
  const brushes = element("div", { class: "brushes", role: "group", "aria-label": "Brush" }, root);
  const board = element("div", { class: "board", role: "group", "aria-label": "Map: arrow keys move, Enter paints, . # G H S paint that letter" }, root);
  const sizes = element("div", { class: "sizes" }, root);

  function send() {
    model.set("rows", rows.map((row) => row.join("")));
    model.save_changes();
  }

  function choose(letter) {
    brush = letter;
    for (const button of brushes.children) button.setAttribute("aria-pressed", button.dataset.letter === letter);
  }

  const cellAt = (i, j) => board.children[i * rows[0].length + j];

  function show(i, j) {
    const cell = cellAt(i, j), letter = rows[i][j];
    cell.dataset.letter = letter;
    cell.textContent = letter === "." ? "" : letter;
    cell.setAttribute("aria-label", `row ${i + 1}, column ${j + 1}: ${nameOf(letter)}`);
  }

  function paint(i, j, letter = brush) {
    rows[i][j] = letter;
    show(i, j);
  }

  function onKey(event, i, j) {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const letter = KINDS.find(([kind]) => kind === event.key.toUpperCase())?.[0];
    if (by) {
      const next = rows[i + by[0]]?.[j + by[1]] && cellAt(i + by[0], j + by[1]);
      if (!next) return;
      for (const cell of board.children) cell.tabIndex = cell === next ? 0 : -1;
      next.focus();
    } else if (letter) {
      paint(i, j, letter);
      send();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function lay() {
    board.replaceChildren();
    board.style.gridTemplateColumns = `repeat(${rows[0].length}, 1fr)`;
    rows.forEach((row, i) => row.forEach((_, j) => {
      const cell = element("button", { type: "button", class: "cell", tabindex: i + j ? -1 : 0 }, board);
      cell.addEventListener("pointerdown", (event) => {
        event.target.releasePointerCapture?.(event.pointerId);
        painting = true;
        paint(i, j);
      });
      cell.addEventListener("pointerenter", () => { if (painting) paint(i, j); });
      cell.addEventListener("click", (event) => { if (event.detail === 0) { paint(i, j); send(); } }); // by a key
      cell.addEventListener("keydown", (event) => onKey(event, i, j));
      show(i, j);
    }));
  }

  function resize(height, width) {
    rows = Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => rows[i]?.[j] ?? "."));
    lay();
    send();
  }

  for (const [letter, name] of KINDS) {
    const button = element("button", { type: "button", "data-letter": letter }, brushes, name);
    button.addEventListener("click", () => choose(letter));
  }
  for (const [name, length, set] of [
    ["rows", () => rows.length, (n) => resize(n, rows[0].length)],
    ["columns", () => rows[0].length, (n) => resize(rows.length, n)],
  ]) {
    const label = element("label", {}, sizes, `${name} `);
    const input = element("input", { type: "number", min: 1, max: LARGEST, value: length() }, label);
    input.addEventListener("change", () => {
      input.value = Math.max(1, Math.min(LARGEST, Math.round(Number(input.value)) || length()));
      set(Number(input.value));
    });
  }
  const clear = element("button", { type: "button" }, sizes, "clear");
  clear.addEventListener("click", () => { rows = rows.map((row) => row.map(() => ".")); lay(); send(); });
  const stop = () => { if (painting) send(); painting = false; };
  addEventListener("pointerup", stop);
  choose(brush);
  lay();
  return () => removeEventListener("pointerup", stop);
}

export default { render };
