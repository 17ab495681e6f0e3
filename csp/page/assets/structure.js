"use strict";
/* One structure: in 3D, in numbers, its powder pattern, its file. */
Csp.structure = (() => {
  let viewer = null;
  let chart = null;
  const shown = { hbonds: true, edges: true, spacefill: false, spin: false };

  function draw({ keepView = false } = {}) {
    if (!viewer) return;
    const view = viewer.getView();
    const { spin, ...parts } = shown;
    Csp.viewer.show(viewer, Csp.crystalOf(Csp.state.selected), { ...parts, extent: Csp.byId("extent").value });
    if (keepView) viewer.setView(view);
    viewer.render();
    viewer.spin(spin ? "y" : false, 0.5);
  }

  function facts(item) {
    const { better } = item;
    const rows = [
      ["space group", `${Csp.group(item.group)}, Z′ = ${Csp.zPrime(item.zPrime)}`],
      ["density", `${item.density.toFixed(3)} g/cm³`],
      ["a, b, c", `${item.cell.split(" ").slice(0, 3).join(", ")} Å`],
      ["α, β, γ", `${item.cell.split(" ").slice(3).map((angle) => Number(angle).toFixed(1)).join(", ")}°`],
      ["lattice energy, force field", `${Csp.number(item.energy)} kJ/mol`],
      ["above the lowest, force field", `${Csp.number(item.above)} kJ/mol, rank ${item.rank}`],
    ];
    if (better) {
      rows.push(
        ["energy, corrected", `${Csp.number(better.energy)} ± ${better.sigma.toFixed(2)} kJ/mol`],
        ["above the lowest, corrected", `${Csp.number(better.above)} kJ/mol, rank ${better.rank} (${better.low}–${better.high})`],
        ["P(global minimum)", Csp.percent(better.pMinimum)],
        ["P(within 2 kJ/mol)", Csp.percent(better.pNear)],
        ["computed at", Csp.short(better.computed) || (better.unlike ? "not computed; unlike all that were" : "not computed, predicted")],
        ...levelEnergies(item.id),
      );
    }
    rows.push(["times found", String(item.times)], ["conformer", item.conformer], ["drawn as", item.id]);
    const { hydrogenBonds, shortest } = Csp.crystal.contacts(Csp.crystalOf(item.i));
    hydrogenBonds.slice(0, 4).forEach((bond) => rows.push([
      `${bond.donor}–H···${bond.acceptor}`,
      `${bond.distance.toFixed(2)} Å (${bond.donor}···${bond.acceptor} ${bond.far.toFixed(2)} Å), ${bond.bend.toFixed(0)}°`,
    ]));
    if (!hydrogenBonds.length) rows.push(["hydrogen bonds", "none"]);
    const contact = shortest.find(({ pair }) => !(pair.includes("H") && hydrogenBonds.length)) || shortest[0];
    if (contact) rows.push([`closest ${contact.pair.join("···")}`, `${contact.distance.toFixed(2)} Å, radii ${contact.less < 0 ? "−" : "+"} ${Math.abs(contact.less).toFixed(2)} Å`]);
    for (const form of Csp.data.observed) {
      const found = Csp.compare.overlayOf(form.name, item.i);
      if (found && found.matched > 1) rows.push([`overlay with ${form.name}`, `${found.matched} of ${found.compared}, RMSD ${found.rmsd.toFixed(2)} Å`]);
    }
    return rows;
  }

  /** What was computed of a structure, level by level. */
  function levelEnergies(id) {
    return (Csp.data.diagnostics?.levels ?? []).flatMap((level) => {
      const place = level.ids.indexOf(id);
      return place < 0 ? [] : [[`computed, ${Csp.short(level.level)}`, `${Csp.number(level.energies[place])} kJ/mol`]];
    });
  }

  function tell() {
    const item = Csp.item(Csp.state.selected);
    const title = Csp.byId("h-structure");
    title.replaceChildren(item.better ? `Rank ${item.better.rank} · ` : `Rank ${item.rank} · `, `${Csp.group(item.group)} `);
    if (item.form) title.append(Csp.element("span", { class: "badge" }, item.form));
    Csp.byId("properties").replaceChildren(Csp.element("dl", { class: "facts" }, ...facts(item).map(([name, value]) =>
      Csp.element("div", {}, Csp.element("dt", {}, name), Csp.element("dd", {}, value)))));
    const order = Csp.order();
    Csp.byId("previous").disabled = order[0] === item.i;
    Csp.byId("next").disabled = order[order.length - 1] === item.i;
    Csp.byId("viewer").setAttribute("aria-label", `Crystal ${item.id} in three dimensions`);
  }

  function powder() {
    const item = Csp.item(Csp.state.selected);
    const name = Csp.byId("powder-form").value;
    const under = name ? { name: `${name}, observed crystal, simulated`, key: name } : null;
    const note = Csp.byId("powder-note");
    note.textContent = "Simulated, no thermal motion; force-field cells are off by a few per cent, so reflections are shifted. ";
    if (under) note.textContent += `Similarity with ${name}: ${Csp.powder.similarity(Csp.powder.of(item.i), Csp.powder.of(name)).toFixed(3)} (1: the same; shifts up to 2° tolerated).`;
    return Csp.powder.option({ name: `${item.id}${item.form ? ` (${item.form})` : ""}`, key: item.i }, under);
  }

  function toggle(id) {
    const button = Csp.byId(id);
    button.addEventListener("click", () => {
      shown[id] = !shown[id];
      button.setAttribute("aria-pressed", String(shown[id]));
      draw({ keepView: true });
    });
  }

  function start() {
    viewer = Csp.viewer.create("viewer");
    ["hbonds", "edges", "spacefill", "spin"].forEach(toggle);
    Csp.byId("extent").addEventListener("change", () => draw());
    document.querySelectorAll("[data-axis]").forEach((button) => button.addEventListener("click", () =>
      viewer && Csp.viewer.lookAlong(viewer, Csp.crystalOf(Csp.state.selected).cell, Number(button.dataset.axis))));
    Csp.byId("previous").addEventListener("click", () => Csp.step(-1));
    Csp.byId("next").addEventListener("click", () => Csp.step(1));
    Csp.byId("download").addEventListener("click", () => {
      const { id } = Csp.item(Csp.state.selected);
      Csp.saveText(`${id}.cif`, "chemical/x-cif", Csp.data.cifs[Csp.state.selected]);
    });
    Csp.byId("to-compare").addEventListener("click", () => {
      Csp.compare.choose(Csp.state.selected);
      Csp.byId("compare").scrollIntoView();
      Csp.byId("second").focus();
    });
    const forms = Csp.byId("powder-form");
    forms.append(...Csp.data.observed.map((form) => Csp.element("option", { value: form.name }, form.name)), Csp.element("option", { value: "" }, "nothing"));
    Csp.byId("powder-choice").hidden = !Csp.data.observed.length;
    const ownForm = () => {
      const { form } = Csp.item(Csp.state.selected);
      if ([...forms.options].some((option) => option.value === form)) forms.value = form;
    };
    ownForm();
    forms.addEventListener("change", () => chart.draw());
    chart = Csp.chart("powder", powder);
    Csp.on("selected", () => {
      ownForm();
      tell();
      draw();
      chart.draw();
    });
    Csp.on("theme", () => draw({ keepView: true }));
    tell();
    draw();
  }

  return { start };
})();
