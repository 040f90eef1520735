// A table of numbers to type in, for the live app. Every field has the name of its row and column for a screen reader.

function element(tag, attributes, parent, text = "") {
  const made = Object.assign(document.createElement(tag), { textContent: text });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function render({ model, el }) {
  const rows = model.get("rows"), columns = model.get("columns");
  const table = element("table", { class: "numbers" }, el);
  const head = element("tr", {}, table);
  element("td", {}, head);
  for (const column of columns) element("th", { scope: "col" }, head, column);
  model.get("values").forEach((numbers, i) => {
    const line = element("tr", {}, table);
    element("th", { scope: "row" }, line, rows[i]);
    numbers.forEach((number, j) => {
      const label = `${rows[i]} ${columns[j]}`;
      const input = element("input", { type: "number", step: model.get("step"), value: number, "aria-label": label }, element("td", {}, line));
      input.addEventListener("change", () => {
        const values = model.get("values").map((row) => [...row]);
        values[i][j] = Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber;
        model.set("values", values);
        model.save_changes();
      });
    });
  });
}

export default { render };
