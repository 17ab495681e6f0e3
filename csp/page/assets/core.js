"use strict";
/* What the parts of the page share: its data and state, numbers, charts. */
Csp.state = {};
Csp.listeners = {};

/** The data of the page: base64 of deflated JSON. */
Csp.unpack = async (text) => {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};

/** Change the state and tell who listens. */
Csp.set = (key, value) => {
  Csp.state[key] = value;
  for (const listen of Csp.listeners[key] || []) listen(value);
};
Csp.on = (key, listen) => (Csp.listeners[key] ||= []).push(listen);

/** A number with a true minus sign. */
Csp.number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
Csp.percent = (value) => (value > 0 && value < 0.005 ? "< 1 %" : `${Math.round(100 * value)} %`);
/** A space group as it is printed: screw axes as subscripts, inversions as bars. */
Csp.group = (symbol) => (Csp.data.groups[symbol] ?? symbol).replace(/-(\d)/g, (_, n) => `${n}\u0305`);
/** A level of theory without its preset. */
Csp.short = (level) => level.split("/")[0].toUpperCase().replace(/-(QE|CP2K|PYSCF)$/, "");
Csp.zPrime = (value) => ({ 0.125: "⅛", 0.25: "¼", 0.5: "½", 0.75: "¾", 1.5: "1½" })[value] || String(value);

/** Okabe and Ito's colours without their yellow, and shapes, so that colour is never alone. */
Csp.palette = () => Csp.isDark()
  ? ["#56b4e9", "#f0883e", "#2fbf94", "#d99bc0", "#e6b422", "#8ea2ff", "#c7cdd6"]
  : ["#0072b2", "#d55e00", "#009e73", "#b0568f", "#c98a00", "#4a5fc1", "#6b7480"];
Csp.shapes = [
  "M6 1a5 5 0 1 0 .01 0z", "M1.5 1.5h9v9h-9z", "M6 .5 11.5 11H.5z", "M6 0 12 6 6 12 0 6z",
  "M4.2 .5h3.6v3.7h3.7v3.6H7.8v3.7H4.2V7.8H.5V4.2h3.7z", "M6 11.5 .5 1h11z", "M6 2.2a3.8 3.8 0 1 0 .01 0z",
];
Csp.symbol = (k) => `path://${Csp.shapes[k]}`;

/** A step of cividis, from 0 to 1. */
Csp.cividis = (part) => {
  const stops = Csp.isDark()
    ? [[62, 96, 160], [124, 123, 120], [187, 173, 108], [255, 234, 70]]
    : [[0, 32, 77], [66, 78, 107], [124, 123, 120], [201, 170, 60]];
  const place = Math.min(0.9999, Math.max(0, part)) * (stops.length - 1);
  const [low, rest] = [Math.floor(place), place % 1];
  const mixed = stops[low].map((value, i) => Math.round(value + rest * (stops[low + 1][i] - value)));
  return `rgb(${mixed.join(",")})`;
};

/* Charts are painted by the processor: thousands of small symbols by a graphics card that
   is only emulated, as on many servers and remote desktops, take seconds. */
echarts.setPlatformAPI({
  createCanvas: () => {
    const canvas = document.createElement("canvas");
    canvas.getContext("2d", { willReadFrequently: true });
    return canvas;
  },
});

Csp.charts = [];
/** A chart that is drawn again when the theme or its size changes. */
Csp.chart = (id, option) => {
  const place = Csp.byId(id);
  if (!place) return null;
  const chart = echarts.init(place, null, { renderer: "canvas" });
  const draw = () => chart.setOption(option(), { notMerge: true });
  new ResizeObserver(() => {
    if (place.clientWidth !== chart.getWidth() || place.clientHeight !== chart.getHeight()) chart.resize();
  }).observe(place);
  Csp.charts.push({ chart, draw });
  draw();
  return { chart, draw };
};

/** What all charts look like. */
Csp.axis = (name, more = {}) => ({
  type: "value", name, nameLocation: "middle", nameGap: 28, scale: true,
  nameTextStyle: { color: Csp.colour("soft"), fontSize: 12 },
  axisLabel: { color: Csp.colour("soft"), hideOverlap: true, formatter: Csp.tick },
  axisLine: { show: true, lineStyle: { color: Csp.colour("line") } },
  splitLine: { lineStyle: { color: Csp.colour("faint") } },
  ...more,
});
Csp.tick = (value) => String(+value.toFixed(6)).replace("-", "−");
Csp.tooltip = (more = {}) => ({
  backgroundColor: Csp.colour("card"), borderColor: Csp.colour("line"), confine: true,
  textStyle: { color: Csp.colour("ink") }, ...more,
});

Csp.save = (name, url) => {
  const link = Csp.element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
};
Csp.saveText = (name, type, text) => {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Csp.save(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};

/** What is to be known of structure i, the names of both levels' columns in one place. */
Csp.item = (i) => {
  const { structures: s, corrected: c } = Csp.data;
  return {
    i, id: s.id[i], rank: i + 1, group: s.group[i], zPrime: s.zPrime[i], energy: s.energy[i],
    above: s.above[i], density: s.density[i], cell: s.cell[i], times: s.times[i],
    conformer: s.conformer[i], form: s.form[i],
    better: c && {
      rank: c.rank[i], energy: c.energy[i], above: c.above[i], sigma: c.sigma[i],
      pMinimum: c.pMinimum[i], pNear: c.pNear[i], expected: c.expected[i], low: c.low[i],
      high: c.high[i], computed: c.computed[i], unlike: c.unlike[i],
    },
  };
};
/** Structures by the energy that counts most. */
Csp.order = () => {
  const { structures, corrected } = Csp.data;
  const indices = structures.id.map((_, i) => i);
  return corrected ? indices.sort((i, j) => corrected.rank[i] - corrected.rank[j]) : indices;
};
Csp.step = (by) => {
  const order = Csp.order();
  const place = order.indexOf(Csp.state.selected) + by;
  if (place >= 0 && place < order.length) Csp.set("selected", order[place]);
};

/** The crystal of structure i or of an observed form by its name; kept once read. */
Csp.crystalOf = (() => {
  const known = new Map();
  return (key) => {
    if (!known.has(key)) {
      const text = typeof key === "number" ? Csp.data.cifs[key] : Csp.data.observed.find((form) => form.name === key).cif;
      if (known.size > 60) known.clear();
      known.set(key, Csp.crystal.read(text));
    }
    return known.get(key);
  };
})();
