"use strict";
/* All structures in a table that sorts and filters. */
Csp.table = (() => {
  const A_PAGE = 25;
  const wanted = { text: "", group: "", zPrime: "", above: "", observed: false, computed: false };
  let sorting = { key: null, up: true };
  let page = 0;

  const level = (pick) => (item) => (item.better ? pick(item.better) : null);
  const COLUMNS = [
    { key: "better", name: "rank", value: level((b) => b.rank), corrected: true },
    { key: "above2", name: "corrected\nkJ/mol ± σ", value: level((b) => b.above), show: ({ better: b }) => `${Csp.number(b.above)} ± ${b.sigma.toFixed(2)}${b.unlike ? " ?" : ""}`, corrected: true },
    { key: "pMinimum", name: "P(min)", value: level((b) => b.pMinimum), show: (item) => chance(item.better.pMinimum), corrected: true, down: true },
    { key: "pNear", name: "P(≤ 2)", value: level((b) => b.pNear), show: (item) => Csp.percent(item.better.pNear), corrected: true, down: true },
    { key: "ranks", name: "rank\n5–95 %", value: level((b) => b.low), show: ({ better: b }) => `${b.low}–${b.high}`, corrected: true },
    { key: "rank", name: "force-field\nrank", value: (item) => item.rank },
    { key: "above", name: "force field\nkJ/mol", value: (item) => item.above, show: (item) => Csp.number(item.above) },
    { key: "group", name: "space group", value: (item) => item.group, show: (item) => Csp.group(item.group), text: true },
    { key: "zPrime", name: "Z′", value: (item) => item.zPrime, show: (item) => Csp.zPrime(item.zPrime) },
    { key: "density", name: "density\ng/cm³", value: (item) => item.density, show: (item) => item.density.toFixed(3), down: true },
    { key: "times", name: "times\nfound", value: (item) => item.times, down: true },
    { key: "conformer", name: "conformer", value: (item) => item.conformer, text: true },
    { key: "computed", name: "computed", value: level((b) => (b.computed ? 0 : 1)), show: (item) => (item.better.computed ? "yes" : ""), text: true, corrected: true },
    { key: "id", name: "id", value: (item) => item.id, text: true },
    { key: "form", name: "observed", value: (item) => item.form || "\uffff", show: (item) => item.form, text: true },
  ];
  const columns = () => COLUMNS.filter((column) => !column.corrected || Csp.data.corrected);

  function chance(part) {
    const bar = Csp.element("span", { class: "bar", style: `width:${(3 * part).toFixed(2)}rem` });
    return Csp.element("span", {}, part < 0.005 ? "" : bar, Csp.percent(part));
  }

  /** Structures that pass the filters, in order. */
  function chosen() {
    const text = wanted.text.trim().toLowerCase();
    const limit = parseFloat(wanted.above);
    const found = Csp.order().map(Csp.item).filter((item) =>
      (!text || [item.id, item.group, Csp.group(item.group), item.form].some((word) => word.toLowerCase().includes(text)))
      && (!wanted.group || item.group === wanted.group)
      && (!wanted.zPrime || String(item.zPrime) === wanted.zPrime)
      && !((item.better ?? item).above > limit)
      && (!wanted.observed || item.form)
      && (!wanted.computed || item.better?.computed)
      && (!Csp.state.brushed || Csp.state.brushed.has(item.i)));
    const column = COLUMNS.find(({ key }) => key === sorting.key);
    if (!column) return found;
    const sign = sorting.up ? 1 : -1;
    return found.map((item) => [column.value(item), item])
      .sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0)).map(([, item]) => item);
  }

  function head() {
    const cells = columns().map((column) => {
      const isSorted = sorting.key === column.key;
      const arrow = isSorted ? (sorting.up ? " ▲" : " ▼") : "";
      return Csp.element("th", { scope: "col", class: column.text ? "text" : null, "aria-sort": isSorted ? (sorting.up ? "ascending" : "descending") : "none" },
        Csp.element("button", { type: "button", "data-column": column.key, onclick: () => sort(column) }, column.name + arrow));
    });
    return Csp.element("thead", {}, Csp.element("tr", {}, ...cells));
  }
  function sort(column) {
    sorting = { key: column.key, up: sorting.key === column.key ? !sorting.up : !column.down };
    page = 0;
    draw();
    document.querySelector(`[data-column="${column.key}"]`).focus();
  }

  function row(item) {
    const cells = columns().map((column) => {
      const shown = column.show ? column.show(item) : String(column.value(item));
      return Csp.element("td", { class: column.text ? "text" : null }, shown);
    });
    return Csp.element("tr", {
      tabindex: "0", class: item.form ? "seen" : null, "data-i": item.i, "aria-selected": String(item.i === Csp.state.selected),
      onclick: () => Csp.set("selected", item.i),
    }, ...cells);
  }
  function keys(event) {
    const at = event.target.closest?.("tr[data-i]");
    if (!at) return;
    const next = { ArrowDown: at.nextElementSibling, ArrowUp: at.previousElementSibling }[event.key];
    if (next) next.focus();
    else if (event.key === "Enter" || event.key === " ") Csp.set("selected", Number(at.dataset.i));
    else return;
    event.preventDefault();
  }

  function draw() {
    const items = chosen();
    const last = Math.max(0, Math.ceil(items.length / A_PAGE) - 1);
    page = Math.min(page, last);
    const body = items.slice(page * A_PAGE, (page + 1) * A_PAGE);
    Csp.byId("rows").replaceChildren(head(), Csp.element("tbody", {}, ...body.map(row)));
    const turn = (by, name, off) => Csp.element("button", { type: "button", disabled: off, onclick: () => { page += by; draw(); } }, name);
    const all = Csp.data.structures.id.length;
    Csp.byId("pages").replaceChildren(
      turn(-1, "‹ Lower", page === 0), turn(1, "Higher ›", page === last),
      Csp.element("span", { role: "status", id: "shown" }, items.length
        ? `${page * A_PAGE + 1}–${page * A_PAGE + body.length} of ${items.length}${items.length < all ? ` (${all} in all)` : ""}`
        : "No structure passes these filters"),
      Csp.element("button", { type: "button", class: "quiet", onclick: () => download(items) }, "Save as CSV"),
    );
  }

  function download(items) {
    const names = columns().map((column) => column.key);
    const quote = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const lines = items.map((item) => columns().map((column) => quote(column.key === "form" ? item.form : String(column.value(item)))).join(","));
    Csp.saveText("structures.csv", "text/csv", [names.join(","), ...lines].join("\n") + "\n");
  }

  function filters() {
    const set = (key) => (event) => {
      wanted[key] = event.target.type === "checkbox" ? event.target.checked : event.target.value;
      page = 0;
      draw();
    };
    const options = (values, show) => [Csp.element("option", { value: "" }, "all"), ...values.map((value) => Csp.element("option", { value }, show(value)))];
    const counts = new Map();
    Csp.data.structures.group.forEach((group) => counts.set(group, (counts.get(group) || 0) + 1));
    const groups = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
    const primes = [...new Set(Csp.data.structures.zPrime)].sort((a, b) => a - b).map(String);
    const tick = (key, name) => Csp.element("label", {}, Csp.element("input", { type: "checkbox", id: `only-${key}`, style: "min-height:0", onchange: set(key) }), ` ${name}`);
    const brushed = Csp.element("button", { type: "button", id: "region", hidden: true, "aria-pressed": "true", onclick: () => Csp.clearBrush() }, "region ×");
    Csp.byId("filters").append(
      Csp.element("label", {}, "Find ", Csp.element("input", { type: "search", id: "find", size: "14", placeholder: "id, group, form", oninput: set("text") })),
      Csp.element("label", {}, "Space group ", Csp.element("select", { id: "filter-group", onchange: set("group") }, ...options(groups, (group) => `${Csp.group(group)} (${counts.get(group)})`))),
      Csp.element("label", {}, "Z′ ", Csp.element("select", { id: "filter-z", onchange: set("zPrime") }, ...options(primes, (value) => Csp.zPrime(Number(value))))),
      Csp.element("label", {}, "within ", Csp.element("input", { type: "number", id: "filter-above", min: "0", step: "1", style: "width:4.5rem", oninput: set("above") }), " kJ/mol"),
      tick("observed", "observed"), ...(Csp.data.corrected ? [tick("computed", "computed")] : []), brushed,
    );
    Csp.on("brushed", (found) => {
      brushed.hidden = found === null;
      brushed.textContent = found ? `region: ${found.size} ×` : "";
      page = 0;
      draw();
    });
  }

  function start() {
    filters();
    Csp.byId("rows").addEventListener("keydown", keys);
    Csp.on("selected", (i) => document.querySelectorAll("#rows tbody tr").forEach((tr) => tr.setAttribute("aria-selected", String(Number(tr.dataset.i) === i))));
    draw();
  }

  return { start };
})();
