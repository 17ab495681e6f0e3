"use strict";
/* The landscape: energy against density, by either level, both, or the shift. */
Csp.landscape = (() => {
  const MOST_KINDS = 6;
  const MODES = { both: "Side by side", shift: "Shift", cheap: "Force field", better: "Corrected" };
  const WINDOWS = { "5.0": "5", "10.0": "10", "20.0": "20", all: "All" };
  let drawn = null;
  let kinds = [];
  const hidden = new Set();

  const COLOURS = {
    group: ["space group", (item) => Csp.group(item.group)],
    zPrime: ["Z′", (item) => `Z′ = ${Csp.zPrime(item.zPrime)}`],
    times: ["times found", null],
    conformer: ["conformer", (item) => item.conformer],
    computed: ["computed", (item) => (item.better?.computed ? "computed" : "predicted")],
  };

  /** Which structures share a colour: name, colour, shape, indices; the largest first. */
  function grouped() {
    const items = Csp.data.structures.id.map((_, i) => Csp.item(i));
    if (Csp.state.colour === "times") return byTimes(items);
    const of = COLOURS[Csp.state.colour][1];
    const found = new Map();
    for (const item of items) {
      const name = of(item);
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(item.i);
    }
    const sorted = [...found].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
    const palette = Csp.palette();
    const named = sorted.slice(0, MOST_KINDS).map(([name, indices], k) => ({ name, indices, colour: palette[k], shape: k }));
    const rest = sorted.slice(MOST_KINDS).flatMap(([, indices]) => indices);
    if (rest.length) named.push({ name: "other", indices: rest, colour: palette[MOST_KINDS], shape: MOST_KINDS });
    return named;
  }
  function byTimes(items) {
    const bounds = [[1, 1], [2, 3], [4, 9], [10, 29], [30, Infinity]];
    return bounds.map(([low, high], k) => ({
      name: low === high ? "once" : high === Infinity ? `${low} times or more` : `${low}–${high} times`,
      indices: items.filter((item) => item.times >= low && item.times <= high).map((item) => item.i),
      colour: Csp.cividis(k / (bounds.length - 1)), shape: 0,
    })).filter((kind) => kind.indices.length).reverse();
  }

  const cheap = (i) => Csp.data.structures.above[i];
  const better = (i) => Csp.data.corrected.above[i];

  function panels() {
    const mode = Csp.data.corrected ? Csp.state.mode : "cheap";
    const left = { title: `force field${Csp.data.forceField ? ` · ${Csp.data.forceField}` : ""}`, energy: cheap, errors: false };
    const right = { title: `corrected · ${Csp.short(Csp.data.level) || "higher level"}`, energy: better, errors: true };
    if (mode === "both") return [left, right];
    if (mode === "shift") return [{ ...right, title: `from the force field (dot) to ${Csp.short(Csp.data.level) || "the corrected level"}`, errors: false, arrows: true }];
    return [mode === "cheap" ? left : right];
  }

  function option() {
    kinds = grouped();
    const shown = panels();
    const narrow = Csp.byId("chart").clientWidth < 620;
    const stacked = narrow && shown.length === 2;
    const highest = parseFloat(Csp.state.window) || Math.max(...shown.flatMap((panel) => Csp.data.structures.id.map((_, i) => panel.energy(i)))) * 1.03;
    const densities = Csp.data.structures.density.filter((_, i) => shown.some((panel) => panel.energy(i) <= highest));
    const [low, high] = [Math.min(...densities), Math.max(...densities)];
    const margin = 0.04 * (high - low) || 0.01;
    const place = (k) => {
      if (shown.length === 1) return { left: 52, right: 18, top: 34, bottom: 46 };
      if (stacked) return { left: 52, right: 14, top: k ? "57%" : 28, height: "37%" };
      return k ? { left: "53.5%", right: 18, top: 34, bottom: 46 } : { left: 52, right: "51%", top: 34, bottom: 46 };
    };
    const axes = shown.map((_, k) => k);
    return {
      animation: false,
      aria: { enabled: false },
      grid: axes.map(place),
      title: shown.map((panel, k) => ({
        text: panel.title, left: place(k).left, top: stacked && k ? "51%" : 4,
        textStyle: { fontSize: 13, fontWeight: 600, color: Csp.colour("soft") },
      })),
      xAxis: axes.map((k) => Csp.axis("density, g/cm³", {
        gridIndex: k, min: low - margin, max: high + (narrow ? 4 : 2) * margin, axisLabel: { color: Csp.colour("soft"), hideOverlap: true, formatter: Csp.tick, showMinLabel: false, showMaxLabel: false },
        ...(stacked && !k ? { name: "" } : {}),
      })),
      yAxis: axes.map((k) => Csp.axis(k && !stacked ? "" : "above the lowest, kJ/mol", { gridIndex: k, min: -0.04 * highest, max: highest, nameGap: 34, axisLabel: { color: Csp.colour("soft"), formatter: (value) => (value < 0 ? "" : Csp.tick(value)), showMinLabel: false } })),
      dataZoom: [
        { type: "inside", xAxisIndex: axes, filterMode: "none" },
        { type: "inside", yAxisIndex: axes, filterMode: "none" },
      ],
      tooltip: Csp.tooltip({ trigger: "item", formatter: (hit) => tip(hit.data?.[2]) }),
      brush: {
        xAxisIndex: "all", brushType: "rect", brushMode: "single", transformable: true, seriesIndex: "all",
        brushStyle: { color: "rgba(120,150,190,0.18)", borderColor: Csp.colour("accent") }, outOfBrush: { colorAlpha: 0.25 },
        throttleType: "debounce", throttleDelay: 150,
      },
      toolbox: { show: false },
      series: shown.flatMap((panel, k) => seriesOf(panel, k)),
    };
  }

  function seriesOf(panel, k) {
    const axes = { xAxisIndex: k, yAxisIndex: k };
    const visible = kinds.filter((kind) => !hidden.has(kind.name));
    const { density } = Csp.data.structures;
    const size = Csp.data.structures.id.length > 1500 ? 5 : 8;
    const made = [];
    for (const kind of visible) {
      const data = kind.indices.map((i) => [density[i], panel.energy(i), i]);
      if (panel.errors) made.push({ ...bars(kind, panel), ...axes });
      if (panel.arrows) made.push({ ...arrows(kind), ...axes });
      made.push({
        ...axes, type: "scatter", name: kind.name, symbol: Csp.symbol(kind.shape), symbolSize: kind.shape === MOST_KINDS ? 0.75 * size : size, data,
        itemStyle: { color: kind.colour, opacity: 0.85 }, emphasis: { scale: 1.6 }, cursor: "pointer",
      });
    }
    const forms = Csp.data.structures.form.flatMap((name, i) => (name ? [{ i, name }] : []));
    made.push({
      ...axes, type: "scatter", name: "observed", symbol: "diamond", symbolSize: 19, z: 6, cursor: "pointer",
      data: forms.map(({ i, name }) => ({ value: [density[i], panel.energy(i), i], name })),
      itemStyle: { color: "transparent", borderColor: Csp.colour("mark"), borderWidth: 2.2 },
      label: { show: true, position: "right", formatter: (hit) => hit.name, color: Csp.colour("mark"), fontWeight: 700, fontSize: 13, textBorderColor: Csp.colour("card"), textBorderWidth: 3 },
      tooltip: { formatter: (hit) => tip(hit.value[2]) },
    });
    const chosen = Csp.state.selected;
    made.push({
      ...axes, id: `selected-${k}`, type: "scatter", name: "selected", symbol: "circle", symbolSize: 24, z: 7, silent: true,
      data: [[density[chosen], panel.energy(chosen), chosen]],
      itemStyle: { color: "transparent", borderColor: Csp.colour("ink"), borderWidth: 2 },
    });
    return made;
  }

  /** What many points share, as one path: thousands of shapes of their own are slow. */
  function together(parts) {
    return {
      type: "custom", silent: true, clip: true, z: 1, tooltip: { show: false }, data: [[0, 0]],
      renderItem: (_, api) => {
        const at = (density, energy) => api.coord([density, energy]).map((value) => value.toFixed(1));
        return { type: "group", children: parts(at) };
      },
    };
  }
  const lines = (kind, at, start, end) => {
    const { density } = Csp.data.structures;
    const path = kind.indices.map((i) => {
      const [x, low] = at(density[i], start(i));
      return `M${x} ${low}V${at(density[i], end(i))[1]}`;
    });
    return { type: "path", shape: { pathData: path.join("") }, style: { fill: "none", stroke: kind.colour, lineWidth: 1, opacity: 0.4 } };
  };

  /** One standard deviation up and down. */
  function bars(kind, panel) {
    const { sigma } = Csp.data.corrected;
    return together((at) => [lines(kind, at, (i) => panel.energy(i) - sigma[i], (i) => panel.energy(i) + sigma[i])]);
  }

  /** From the energy of the force field to the corrected one. */
  function arrows(kind) {
    const { density } = Csp.data.structures;
    return together((at) => {
      const dots = kind.indices.map((i) => {
        const [x, y] = at(density[i], cheap(i));
        return `M${x - 1.6} ${y}a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0 -3.2 0`;
      });
      return [
        lines(kind, at, cheap, better),
        { type: "path", shape: { pathData: dots.join("") }, style: { fill: kind.colour, opacity: 0.5 } },
      ];
    });
  }

  /** What hovering over a point says; text, never HTML. */
  function tip(i) {
    if (i === undefined) return "";
    const item = Csp.item(i);
    const lines = [
      `${Csp.group(item.group)}, Z′ = ${Csp.zPrime(item.zPrime)}, ${item.density.toFixed(3)} g/cm³`,
      `force field: rank ${item.rank}, +${item.above.toFixed(2)} kJ/mol`,
      item.better && `corrected: rank ${item.better.rank}, +${item.better.above.toFixed(2)} ± ${item.better.sigma.toFixed(2)} kJ/mol`,
      `found ${item.times} ${item.times === 1 ? "time" : "times"}`,
    ].filter(Boolean);
    return Csp.element("div", { class: "tip" }, Csp.element("b", {}, item.form ? `${item.id} · ${item.form}` : item.id),
      ...lines.map((line) => Csp.element("div", {}, line)));
  }

  function legend() {
    const place = Csp.byId("legend");
    place.replaceChildren(...kinds.map((kind) => {
      const image = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      for (const [name, value] of [["width", 12], ["height", 12], ["aria-hidden", "true"]]) image.setAttribute(name, value);
      path.setAttribute("d", Csp.shapes[kind.shape]);
      path.setAttribute("fill", kind.colour);
      image.append(path);
      return Csp.element("button", {
        type: "button", "aria-pressed": String(!hidden.has(kind.name)),
        onclick: () => { if (!hidden.delete(kind.name)) hidden.add(kind.name); draw(); },
      }, image, kind.name, Csp.element("small", {}, String(kind.indices.length)));
    }));
  }

  function draw() {
    drawn.draw();
    legend();
  }

  /** The selection alone has changed. */
  function mark() {
    const chosen = Csp.state.selected;
    const { density } = Csp.data.structures;
    drawn.chart.setOption({
      series: panels().map((panel, k) => ({ id: `selected-${k}`, data: [[density[chosen], panel.energy(chosen), chosen]] })),
    });
    announce();
  }
  function announce() {
    const item = Csp.item(Csp.state.selected);
    Csp.byId("announce").textContent = `${item.form ? `${item.form}: ` : ""}${item.id}, ${Csp.group(item.group)}, `
      + `force field rank ${item.rank} (+${item.above.toFixed(2)} kJ/mol)`
      + (item.better ? `, corrected rank ${item.better.rank} (+${item.better.above.toFixed(2)} ± ${item.better.sigma.toFixed(2)})` : "");
  }

  /** Buttons of which one is pressed. */
  function segments(id, names, key) {
    const place = Csp.byId(id);
    if (!place) return;
    place.replaceChildren(...Object.entries(names).map(([value, name]) => Csp.element("button", {
      type: "button", "data-value": value, onclick: () => Csp.set(key, value),
    }, name)));
    const press = (now) => place.childNodes.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.value === String(now))));
    Csp.on(key, press);
    press(Csp.state[key]);
  }

  function brushing() {
    const button = Csp.byId("brush");
    const cursor = (brushType) => drawn.chart.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption: { brushType, brushMode: "single" } });
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      cursor(on ? "rect" : false);
    });
    const clear = () => {
      drawn.chart.dispatchAction({ type: "brush", areas: [] });
      button.setAttribute("aria-pressed", "false");
      cursor(false);
      Csp.set("brushed", null);
    };
    Csp.byId("unbrush").addEventListener("click", clear);
    drawn.chart.on("brushSelected", ({ batch }) => {
      const series = drawn.chart.getOption().series;
      const found = new Set();
      for (const { seriesIndex, dataIndex } of batch[0]?.selected ?? []) {
        if (series[seriesIndex].type !== "scatter" || series[seriesIndex].name === "selected") continue;
        for (const n of dataIndex) {
          const value = series[seriesIndex].data[n];
          found.add((value.value ?? value)[2]);
        }
      }
      if (batch[0]?.areas.length) Csp.set("brushed", found);
    });
    Csp.on("brushed", (brushed) => { Csp.byId("unbrush").hidden = brushed === null; });
    Csp.clearBrush = clear;
  }

  function keys(event) {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (by) Csp.step(by);
    else if (event.key === "Home") Csp.set("selected", Csp.order()[0]);
    else return;
    event.preventDefault();
  }

  function start() {
    segments("modes", MODES, "mode");
    segments("windows", WINDOWS, "window");
    Csp.byId("windows").prepend(Csp.element("span", { class: "hint", style: "margin:0 .5rem 0 0;align-self:center" }, "kJ/mol shown"));
    const choice = Csp.byId("colour");
    choice.append(...Object.entries(COLOURS).filter(([key]) => key !== "computed" || Csp.data.corrected)
      .map(([key, [name]]) => Csp.element("option", { value: key }, name)));
    choice.addEventListener("change", () => { hidden.clear(); Csp.set("colour", choice.value); });
    drawn = Csp.chart("chart", option);
    drawn.chart.on("click", (hit) => {
      const i = (hit.data?.value ?? hit.data)?.[2];
      if (Number.isInteger(i)) Csp.set("selected", i);
    });
    Csp.byId("chart").addEventListener("keydown", keys);
    for (const key of ["mode", "window", "colour"]) Csp.on(key, draw);
    Csp.on("theme", legend);
    Csp.on("selected", mark);
    brushing();
    Csp.byId("picture").addEventListener("click", () => Csp.save("landscape.png", drawn.chart.getDataURL({ pixelRatio: 3, backgroundColor: Csp.colour("card") })));
    legend();
    announce();
  }

  return { start };
})();
