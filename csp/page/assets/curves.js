"use strict";
/* Completeness of the search, and how good the correction is. */
Csp.curves = (() => {
  const text = () => ({ color: Csp.colour("ink") });
  const grid = { left: 52, right: 18, top: 34, bottom: 46 };

  function completeness() {
    const palette = Csp.palette();
    const series = Csp.data.completeness.flatMap((curve, k) => {
      const at = (values) => curve.draws.map((n, i) => [n, values[i]]);
      const name = `within ${curve.window} kJ/mol`;
      const line = (values, more) => ({ type: "line", name, data: at(values), showSymbol: false, color: palette[k], ...more });
      return [
        line(curve.low, { stack: `band ${k}`, lineStyle: { opacity: 0 }, silent: true, tooltip: { show: false } }),
        line(curve.high.map((value, i) => (value === null ? null : value - curve.low[i])), { stack: `band ${k}`, lineStyle: { opacity: 0 }, areaStyle: { color: palette[k], opacity: 0.13 }, silent: true, tooltip: { show: false } }),
        line(curve.total, { lineStyle: { type: "dashed", width: 1.5 } }),
        line(curve.seen, { lineStyle: { width: 2.4 } }),
      ];
    });
    const highest = Math.max(1, ...Csp.data.completeness.map((curve) => curve.total[curve.total.length - 1] ?? curve.seen[curve.seen.length - 1]));
    const draws = Csp.data.completeness[0].draws;
    return {
      animation: false, grid: { ...grid, bottom: 64 }, color: palette, series,
      legend: { top: 0, textStyle: text(), icon: "roundRect" },
      title: { text: "solid: seen   dashed: seen and estimated not to be   band: 95 %", bottom: 0, right: 12, textStyle: { fontSize: 11, fontWeight: 400, color: Csp.colour("soft") } },
      xAxis: Csp.axis("draws", { type: "log", min: draws[0], max: draws[draws.length - 1] }),
      yAxis: Csp.axis("distinct minima", { min: 0, max: Math.ceil(1.5 * highest), nameGap: 36, axisLabel: { color: Csp.colour("soft"), showMaxLabel: false } }),
    };
  }

  const levelOf = (level) => Csp.short(level.level);

  /** Labels and predictions less the mean label, so that levels share one picture. */
  function centred(level) {
    const { labels, predicted, sigma } = level.left_out;
    const mean = labels.reduce((sum, value) => sum + value, 0) / labels.length;
    const less = (values) => values.map((value) => value - mean);
    return { ...level, left_out: { labels: less(labels), predicted: less(predicted), sigma } };
  }

  function leftOut() {
    const levels = Csp.data.diagnostics.levels.map(centred);
    const palette = Csp.palette();
    const values = levels.flatMap((level) => [...level.left_out.labels, ...level.left_out.predicted]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = 0.06 * (high - low) || 1;
    const series = levels.flatMap((level, k) => {
      const { labels, predicted, sigma } = level.left_out;
      return [
        {
          type: "custom", silent: true, encode: { x: 0, y: [1, 2] }, tooltip: { show: false },
          data: labels.map((label, i) => [label, predicted[i] - sigma[i], predicted[i] + sigma[i]]),
          renderItem: (_, api) => {
            const [x, y1] = api.coord([api.value(0), api.value(1)]);
            const [, y2] = api.coord([api.value(0), api.value(2)]);
            return { type: "line", shape: { x1: x, y1, x2: x, y2 }, style: { stroke: palette[k], opacity: 0.4 } };
          },
        },
        { type: "scatter", name: levelOf(level), symbol: Csp.symbol(k), symbolSize: 8, color: palette[k], data: labels.map((label, i) => [label, predicted[i], level.ids[i]]) },
      ];
    });
    const limits = { min: Math.floor(low - margin), max: Math.ceil(high + margin) };
    return {
      animation: false, grid, legend: { top: 0, textStyle: text() },
      tooltip: Csp.tooltip({ formatter: ({ data }) => Csp.element("div", { class: "tip" }, Csp.element("b", {}, String(data[2])), Csp.element("div", {}, `computed ${Csp.number(data[0])}, predicted ${Csp.number(data[1])} kJ/mol`)) }),
      xAxis: Csp.axis("computed, less the mean, kJ/mol", limits),
      yAxis: Csp.axis("predicted, kJ/mol", { ...limits, nameGap: 34 }),
      series: [diagonal(limits.min, limits.max), ...series],
    };
  }
  function diagonal(low, high) {
    return { type: "line", silent: true, showSymbol: false, data: [[low, low], [high, high]], lineStyle: { type: "dashed", width: 1, color: Csp.colour("soft") } };
  }

  /** Abramowitz and Stegun 7.1.26, to 1.5e-7. */
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * x);
    return 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
  }
  function calibration() {
    const palette = Csp.palette();
    const series = Csp.data.diagnostics.levels.map((level, k) => {
      const { labels, predicted, sigma } = level.left_out;
      const needed = labels.map((label, i) => erf(Math.abs(label - predicted[i]) / sigma[i] / Math.SQRT2)).sort((a, b) => a - b);
      const data = [[0, 0], ...needed.map((p, i) => [100 * p, 100 * (i + 1) / needed.length]), [100, 100]];
      return { type: "line", step: "end", name: levelOf(level), showSymbol: false, data, color: palette[k], lineStyle: { width: 2 } };
    });
    return {
      animation: false, grid, legend: { top: 0, textStyle: text(), icon: "roundRect" },
      xAxis: Csp.axis("interval, %", { min: 0, max: 100 }), yAxis: Csp.axis("truths within, %", { min: 0, max: 100, nameGap: 34 }),
      series: [diagonal(0, 100), ...series],
    };
  }

  function learning() {
    const points = Csp.data.diagnostics.learning_curve;
    const palette = Csp.palette();
    const line = (name, k, pick, more = {}) => ({ type: "line", name, symbol: Csp.symbol(k), symbolSize: 8, color: palette[k], data: points.map((point) => [point.n_train, pick(point)]), ...more });
    return {
      animation: false, grid, legend: { top: 0, textStyle: text() },
      xAxis: Csp.axis("structures learned from", { type: "log", min: Math.min(...points.map((p) => p.n_train)) * 0.9, max: Math.max(...points.map((p) => p.n_train)) * 1.1, axisLabel: { color: Csp.colour("soft"), formatter: (v) => String(Math.round(v)) } }),
      yAxis: Csp.axis("error, kJ/mol", { min: 0, nameGap: 34 }),
      series: [
        line("learned", 0, (p) => p.mae, { lineStyle: { width: 2.4 } }),
        line("constant", 1, (p) => p.mae_constant, { lineStyle: { type: "dashed" } }),
        line("linear in density", 2, (p) => p.mae_density, { lineStyle: { type: "dotted" } }),
      ],
    };
  }

  function start() {
    if (Csp.data.completeness.length) Csp.chart("completeness-chart", completeness);
    if (!Csp.data.corrected || !Csp.data.diagnostics) return;
    Csp.chart("left-out", leftOut);
    Csp.chart("calibration", calibration);
    if (Csp.data.diagnostics.learning_curve.length) Csp.chart("learning", learning);
    else {
      Csp.byId("learning").remove();
      Csp.byId("learning-caption").textContent = "No learning curve: too few structures were computed at the highest level (at least 12 are needed).";
    }
  }

  return { start };
})();
