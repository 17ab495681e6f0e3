"use strict";
/* Powder patterns, as csp compares them: Cu Kα1, one profile, no thermal motion. */
Csp.powder = (() => {
  const STEP = 0.02;

  /** Reflections between two angles: [2θ, intensity]. */
  function reflections(crystal, low, high) {
    const { wavelength, factors } = Csp.data.powder;
    const [a, b, c] = crystal.cell;
    const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const volume = Csp.crystal.dot(a, cross(b, c));
    const reciprocal = [cross(b, c), cross(c, a), cross(a, b)].map((row) => row.map((value) => value / volume));
    const most = 2 * Math.sin(high * Math.PI / 360) / wavelength;
    const least = 2 * Math.sin(low * Math.PI / 360) / wavelength;
    const n = [a, b, c].map((vector) => Math.floor(most * Csp.crystal.norm(vector)));
    const kinds = [...new Set(crystal.atoms.map((atom) => atom.symbol))].filter((symbol) => factors[symbol]);
    const found = [];
    for (let h = 0; h <= n[0]; h += 1) for (let k = -n[1]; k <= n[1]; k += 1) for (let l = -n[2]; l <= n[2]; l += 1) {
      if (h === 0 && (k < 0 || (k === 0 && l <= 0))) continue; // Friedel: half of them, twice
      const g = [0, 1, 2].map((m) => h * reciprocal[0][m] + k * reciprocal[1][m] + l * reciprocal[2][m]);
      const length = Csp.crystal.norm(g);
      if (length > most || length < least) continue;
      const s2 = length * length / 4;
      let [real, imaginary] = [0, 0];
      for (const symbol of kinds) {
        const sum = factors[symbol].reduce((total, [p, q]) => total + p * Math.exp(-q * s2), 0);
        const factor = Csp.data.elements[symbol].number - 41.78214 * s2 * sum;
        for (const atom of crystal.atoms) {
          if (atom.symbol !== symbol) continue;
          const phase = 2 * Math.PI * (h * atom.f[0] + k * atom.f[1] + l * atom.f[2]);
          real += factor * Math.cos(phase);
          imaginary += factor * Math.sin(phase);
        }
      }
      const sine = wavelength * length / 2;
      const theta = Math.asin(sine);
      const polarised = (1 + Math.cos(2 * theta) ** 2) / (sine * sine * Math.cos(theta));
      found.push([2 * theta * 180 / Math.PI, 2 * (real * real + imaginary * imaginary) * polarised / volume ** 2]);
    }
    return found;
  }

  /** The pattern on a grid from the first angle to the last. */
  function pattern(crystal) {
    const { first, last, width, lorentzian } = Csp.data.powder;
    const size = Math.round((last - first) / STEP) + 1;
    const values = new Float64Array(size);
    const half = width / 2;
    const gauss = Math.sqrt(Math.LN2 / Math.PI) / half;
    for (const [angle, intensity] of reflections(crystal, first - 2 * width, last + 2 * width)) {
      for (let i = 0; i < size; i += 1) {
        const shift = (first + i * STEP - angle) / half;
        const narrow = Math.abs(shift) < 6 ? gauss * Math.exp(-Math.LN2 * shift * shift) : 0;
        values[i] += intensity * (lorentzian / (Math.PI * half * (shift * shift + 1)) + (1 - lorentzian) * narrow);
      }
    }
    return values;
  }

  /** Likeness of two patterns by de Gelder's triangle, 2 degrees wide. */
  function similarity(f, g, width = 2) {
    const reach = Math.floor(width / STEP);
    const correlation = (u, v) => {
      let total = 0;
      for (let i = 0; i < u.length; i += 1) {
        let near = 0;
        for (let r = Math.max(-reach, -i); r <= reach && i + r < v.length; r += 1) near += (1 - Math.abs(r) * STEP / width) * v[i + r];
        total += u[i] * near;
      }
      return total;
    };
    return Math.min(1, correlation(f, g) / Math.sqrt(correlation(f, f) * correlation(g, g)));
  }

  /** Points of a line, the highest at 100 or, upside down, at −100. */
  function line(values, sign = 1) {
    const highest = Math.max(...values) || 1;
    return Array.from(values, (value, i) => [+(Csp.data.powder.first + i * STEP).toFixed(2), sign * 100 * value / highest]);
  }

  const known = new Map();
  function of(key) {
    if (!known.has(key)) known.set(key, pattern(Csp.crystalOf(key)));
    return known.get(key);
  }

  /** Two patterns, one above and one beneath the axis; either may be absent. */
  function option(upper, lower) {
    const { first, last } = Csp.data.powder;
    const series = (side, sign, colour) => side && {
      type: "line", name: side.name, data: line(of(side.key), sign), showSymbol: false, silent: true,
      lineStyle: { width: 1.3, color: Csp.colour(colour) }, itemStyle: { color: Csp.colour(colour) },
    };
    return {
      animation: false, grid: { left: 46, right: 16, top: 30, bottom: 44 },
      legend: { top: 0, textStyle: { color: Csp.colour("ink") }, icon: "roundRect" },
      xAxis: Csp.axis("2θ, degrees (Cu Kα₁, 1.5406 Å)", { min: first, max: last }),
      yAxis: Csp.axis("intensity", { min: lower ? -105 : 0, max: 105, axisLabel: { show: false }, splitLine: { show: false }, nameGap: 12 }),
      dataZoom: [{ type: "inside", xAxisIndex: 0 }],
      series: [series(upper, 1, "first"), series(lower, -1, "second")].filter(Boolean),
    };
  }

  return { pattern, similarity, of, option };
})();
