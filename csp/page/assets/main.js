"use strict";
/* The page starts. */
(() => {
  function tiles() {
    const { structures, corrected, observed, level, completeness } = Csp.data;
    const made = [["structures", String(structures.id.length), `within ${Math.max(...structures.above).toFixed(0)} kJ/mol of the lowest`]];
    const [lowest] = Csp.order().map(Csp.item);
    if (corrected) {
      const computed = corrected.computed.filter(Boolean).length;
      made.push(["lowest, corrected", `${Csp.group(lowest.group)}${lowest.form ? ` · ${lowest.form}` : ""}`, `P(global minimum) ${Csp.percent(lowest.better.pMinimum)}`]);
      made.push(["computed", `${computed} of ${structures.id.length}`, level ? `highest level ${Csp.short(level)}` : "at a higher level"]);
    } else made.push(["lowest, force field", `${Csp.group(lowest.group)}${lowest.form ? ` · ${lowest.form}` : ""}`, `${Csp.number(lowest.energy)} kJ/mol`]);
    const marked = structures.form.flatMap((form, i) => (form ? [Csp.item(i)] : []));
    for (const item of marked.slice(0, 3)) {
      const ranks = item.better ? `rank ${item.better.rank}` : `rank ${item.rank}`;
      made.push([`observed form ${item.form}`, ranks, item.better ? `force field: rank ${item.rank}, +${item.above.toFixed(1)} kJ/mol` : `+${item.above.toFixed(2)} kJ/mol`]);
    }
    const lost = observed.filter((form) => !marked.some((item) => item.form.split(", ").includes(form.name)));
    for (const form of lost) made.push([`observed form ${form.name}`, "not found", `among ${form.compared} structures`]);
    const widest = completeness[completeness.length - 1];
    const n = widest ? widest.draws.length - 1 : 0;
    if (widest && widest.total[n] !== null) {
      made.push([`seen within ${widest.window} kJ/mol`, `${Math.floor(100 * widest.seen[n] / Math.max(1, widest.total[n]))} %`, `${widest.seen[n]} of an estimated ${widest.total[n].toFixed(0)} minima`]);
    }
    Csp.byId("tiles").append(...made.map(([name, value, more]) =>
      Csp.element("div", {}, Csp.element("dt", {}, name), Csp.element("dd", {}, value, Csp.element("small", {}, more)))));
    Csp.byId("subtitle").textContent = `Crystal-energy landscape: ${structures.id.length} structures, force field${Csp.data.forceField ? ` ${Csp.data.forceField}` : ""}`
      + (level ? `, corrected to ${Csp.short(level)}` : "");
  }

  function theme(name) {
    document.documentElement.dataset.theme = name;
    for (const { draw } of Csp.charts) draw();
    Csp.viewer.recolour();
    Csp.set("theme", name);
  }

  /** For paper the page is laid out anew: light, its width, everything unfolded. */
  function printing() {
    const page = document.documentElement;
    let before = null;
    addEventListener("beforeprint", () => {
      const folded = [...document.querySelectorAll("details:not([open])")];
      before = { theme: page.dataset.theme, folded };
      page.dataset.paper = "yes";
      for (const part of folded) part.open = true;
      resize();
      theme("light");
    });
    addEventListener("afterprint", () => {
      delete page.dataset.paper;
      for (const part of before.folded) part.open = false;
      resize();
      theme(before.theme);
    });
  }
  function resize() {
    for (const { chart } of Csp.charts) chart.resize();
    Csp.viewer.resize();
  }

  /** What is costly and lies further down is made when it comes near, or after a while. */
  function whenSeen(id, make) {
    let isMade = false;
    const once = () => {
      if (!isMade) make();
      isMade = true;
      watch.disconnect();
    };
    const watch = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && once(), { rootMargin: "300px" });
    watch.observe(Csp.byId(id));
    setTimeout(once, 2500);
    addEventListener("beforeprint", once);
  }

  async function start() {
    Csp.data = await Csp.unpack(Csp.byId("data").textContent);
    const { structures, corrected } = Csp.data;
    Csp.state = { selected: 0, mode: corrected ? "both" : "cheap", colour: "group", window: Math.max(...structures.above) > 20 ? "20.0" : "all", brushed: null };
    Csp.state.selected = Csp.order()[0];
    tiles();
    Csp.landscape.start();
    Csp.table.start();
    Csp.byId("theme").addEventListener("click", () => theme(Csp.isDark() ? "light" : "dark"));
    document.documentElement.dataset.shown = "yes"; // the landscape: the rest follows
    await new Promise((next) => { setTimeout(next, 0); });
    Csp.structure.start();
    Csp.curves.start();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => theme(event.matches ? "dark" : "light"));
    printing();
    whenSeen("compare", Csp.compare.start);
    document.documentElement.dataset.ready = "yes";
  }

  start().catch((error) => {
    const place = Csp.byId("trouble");
    place.hidden = false;
    place.textContent = `This browser cannot show the report (${error.message}): use a current Firefox, Chrome, Edge or Safari. The same numbers are in landscape.csv and report.md.`;
    throw error;
  });
})();
