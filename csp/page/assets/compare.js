"use strict";
/* Two crystals overlaid: fifteen molecules of the first on the second. */
Csp.compare = (() => {
  let viewer = null;
  let chart = null;
  let overlays = null;
  const MOST = 200; // structures to choose from in a list: thousands would take a second to lay out

  const nameOf = (key) => (typeof key === "number" ? Csp.data.structures.id[key] : key);
  const keyOf = (text) => (text.startsWith("#") ? Number(text.slice(1)) : text);
  const valueOf = (key) => (typeof key === "number" ? `#${key}` : key);
  const chosen = (id) => keyOf(Csp.byId(id).value);

  /** How two crystals overlay, if that was computed; the rotation from one to the other. */
  function overlayOf(one, other) {
    if (!overlays) {
      overlays = new Map(Csp.data.overlays.map((entry) => [JSON.stringify(entry.slice(0, 2)), entry]));
    }
    const [a, b] = [nameOf(one), nameOf(other)];
    const straight = overlays.get(JSON.stringify([a, b]));
    const entry = straight || overlays.get(JSON.stringify([b, a]));
    if (!entry) return null;
    const [, , matched, compared, rmsd, flat] = entry;
    const rows = [flat.slice(0, 3), flat.slice(3, 6), flat.slice(6, 9)];
    const rotation = straight ? rows : [0, 1, 2].map((i) => rows.map((row) => row[i]));
    return { matched, compared, rmsd, rotation };
  }

  /** The first crystal's cluster carried onto the second, and the molecules it meets. */
  function superposed(first, second, rotation) {
    const { add, minus, dot, norm, mean } = Csp.crystal;
    const turn = (p) => rotation.map((row) => dot(row, p));
    let best = { cost: Infinity };
    for (const one of first.molecules) {
      const cluster = Csp.viewer.cluster(first, one.centre, 15);
      const turned = cluster.map((m) => ({ ...m, points: m.points.map((p) => turn(minus(p, one.centre))), centre: turn(minus(m.centre, one.centre)) }));
      const reach = Math.max(...turned.map((m) => norm(m.centre))) + 4;
      for (const other of second.molecules) {
        const shell = Csp.crystal.around(second, other.centre, reach).map((m) => Csp.crystal.moved(m, other.centre.map((v) => -v)));
        const partners = turned.map((m) => shell.reduce((near, s) => (gap(m, s) < gap(m, near) ? s : near)));
        const cost = turned.reduce((total, m, k) => total + Math.min(9, gap(m, partners[k])), 0);
        if (cost < best.cost) best = { cost, turned, partners };
      }
    }
    const near = best.turned.map((m, k) => minus(best.partners[k].centre, m.centre)).filter((d) => norm(d) < 2);
    const shift = near.length ? mean(near) : [0, 0, 0];
    return { turned: best.turned.map((m) => Csp.crystal.moved(m, shift)), partners: [...new Set(best.partners)] };

    /** Squared distances of the centres and of each atom to the nearest of its kind. */
    function gap(m, s) {
      const apart = minus(m.centre, s.centre);
      const far = dot(apart, apart);
      if (far > 9) return far + 9;
      let total = 0, n = 0;
      m.points.forEach((p, i) => {
        if (m.symbols[i] === "H") return;
        let least = Infinity;
        s.points.forEach((q, j) => {
          if (s.symbols[j] !== m.symbols[i]) return;
          const d = minus(p, q);
          least = Math.min(least, dot(d, d));
        });
        total += least;
        n += 1;
      });
      return total / Math.max(1, n);
    }
  }

  function draw() {
    const [one, other] = [chosen("first"), chosen("second")];
    const found = one === other ? null : overlayOf(one, other);
    const verdict = Csp.byId("verdict");
    verdict.replaceChildren();
    if (one === other) verdict.append("Choose two different crystals.");
    else if (!found) {
      verdict.append("The overlay of these two was not computed.", Csp.element("small", {}, `csp compare does it: the lowest structures of each level were overlaid with one another and with the observed forms only.`));
    } else {
      verdict.append(`${found.matched} of ${found.compared} molecules match` + (found.rmsd === null ? "" : `, RMSD${String(found.matched).replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d])} = ${found.rmsd.toFixed(3)} Å`),
        Csp.element("small", {}, found.matched === found.compared ? "The same packing within 25 % and 25°, hydrogens ignored." : "Different packings: tolerances 25 % and 25°, hydrogens ignored."));
    }
    drawViewer(one, other, found);
    facts(one, other);
    chart.draw();
  }

  function drawViewer(one, other, found) {
    if (!viewer) return;
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    if (found) {
      const { turned, partners } = superposed(Csp.crystalOf(one), Csp.crystalOf(other), found.rotation);
      Csp.viewer.addMolecules(viewer, turned, { thin: true, colour: Csp.colour("first") });
      Csp.viewer.addMolecules(viewer, partners, { thin: true, colour: Csp.colour("second") });
      viewer.zoomTo();
    }
    viewer.render();
  }

  function facts(one, other) {
    const of = (key) => {
      const crystal = Csp.crystalOf(key);
      const [a, b, c, ...angles] = crystal.parameters;
      const common = {
        "a, b, c": `${[a, b, c].map((v) => v.toFixed(2)).join(", ")} Å`,
        "α, β, γ": `${angles.map((v) => v.toFixed(1)).join(", ")}°`,
      };
      if (typeof key !== "number") return { kind: "observed form", ...common };
      const item = Csp.item(key);
      return {
        kind: item.form ? `predicted, found as ${item.form}` : "predicted",
        "space group": `${Csp.group(item.group)}, Z′ = ${Csp.zPrime(item.zPrime)}`, ...common,
        density: `${item.density.toFixed(3)} g/cm³`, "force field": `+${item.above.toFixed(2)} kJ/mol`,
        ...(item.better && { corrected: `+${item.better.above.toFixed(2)} ± ${item.better.sigma.toFixed(2)} kJ/mol` }),
      };
    };
    const [left, right] = [of(one), of(other)];
    const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
    const likeness = Csp.powder.similarity(Csp.powder.of(one), Csp.powder.of(other)).toFixed(3);
    Csp.byId("both").replaceChildren(Csp.element("tbody", {},
      Csp.element("tr", {}, Csp.element("th", { scope: "row" }, ""), ...[[one, "first"], [other, "second"]].map(([key, side]) =>
        Csp.element("td", {}, Csp.element("span", { class: `swatch ${side}` }), ` ${nameOf(key)}`))),
      ...names.map((name) => Csp.element("tr", {}, Csp.element("th", { scope: "row" }, name), Csp.element("td", {}, left[name] ?? ""), Csp.element("td", {}, right[name] ?? ""))),
      Csp.element("tr", {}, Csp.element("th", { scope: "row" }, "powder similarity"), Csp.element("td", { colspan: "2" }, likeness)),
    ));
  }

  function option(key) {
    if (typeof key !== "number") return Csp.element("option", { value: key }, key);
    const item = Csp.item(key);
    return Csp.element("option", { value: valueOf(key) },
      `${(item.better ?? item).rank} · ${Csp.group(item.group)} · ${item.id}${item.form ? ` · ${item.form}` : ""}`);
  }
  /** Observed forms, structures found as them, and the lowest ones. */
  function options() {
    const group = (label, keys) => (keys.length ? [Csp.element("optgroup", { label }, ...keys.map(option))] : []);
    const order = Csp.order();
    const listed = order.filter((i, k) => k < MOST || Csp.data.structures.form[i]);
    const label = listed.length < order.length ? `The lowest ${MOST}; any other by its button “Compare”` : "Predicted, by energy";
    return [...group("Observed", Csp.data.observed.map((form) => form.name)), ...group(label, listed)];
  }
  /** Choose it in a list, which it joins where it is not among the lowest. */
  function put(id, key) {
    const list = Csp.byId(id);
    list.value = valueOf(key);
    if (list.value === valueOf(key)) return;
    list.append(option(key));
    list.value = valueOf(key);
  }

  /** Put a structure first; against it an observed form, or its neighbour by energy. */
  function choose(i) {
    if (!chart) start();
    put("first", i);
    const { form } = Csp.item(i);
    const own = Csp.data.observed.find((each) => form.split(", ").includes(each.name));
    const order = Csp.order();
    const [fallback] = order.filter((other) => other !== i);
    put("second", own ? own.name : Csp.data.observed[0]?.name ?? fallback ?? i);
    draw();
  }

  function start() {
    if (chart) return;
    viewer = Csp.viewer.create("overlay");
    for (const id of ["first", "second"]) {
      Csp.byId(id).append(...options());
      Csp.byId(id).addEventListener("change", draw);
    }
    Csp.byId("swap").addEventListener("click", () => {
      const [one, other] = [chosen("first"), chosen("second")];
      put("first", other);
      put("second", one);
      draw();
    });
    chart = Csp.chart("both-powder", () => {
      const [one, other] = [chosen("first"), chosen("second")];
      return Csp.powder.option({ name: nameOf(one), key: one }, { name: nameOf(other), key: other });
    });
    const order = Csp.order();
    choose(order.find((i) => Csp.data.structures.form[i]) ?? order[0]);
    Csp.on("theme", draw);
  }

  return { start, choose, overlayOf, superposed };
})();
