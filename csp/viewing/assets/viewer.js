"use strict";
/* Crystals in three dimensions, by 3Dmol.js. */
Csp.viewer = (() => {
  const MOST_BONDS_SHOWN = 6000;
  const all = [];

  /** Whether a processor stands in for the graphics card: smooth edges then cost a second a frame. */
  function isEmulated() {
    const gl = document.createElement("canvas").getContext("webgl");
    const names = gl?.getExtension("WEBGL_debug_renderer_info");
    const name = names ? gl.getParameter(names.UNMASKED_RENDERER_WEBGL) : "";
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }

  /** A viewer in an element; null, and a sentence there, without WebGL. */
  function create(id) {
    const place = Csp.byId(id);
    try {
      const viewer = $3Dmol.createViewer(place, { backgroundColor: Csp.colour("card"), antialias: !isEmulated() });
      if (!viewer) throw new Error("no WebGL");
      all.push(viewer);
      new ResizeObserver(() => viewer.resize()).observe(place);
      return viewer;
    } catch (error) {
      place.replaceChildren(Csp.element("p", {}, "This browser draws no 3D (WebGL is off): everything else works."));
      return null;
    }
  }

  /** Molecules as one model; carbon in a colour of its own if given. */
  function addMolecules(viewer, molecules, style) {
    const atoms = [];
    for (const molecule of molecules) {
      const first = atoms.length;
      molecule.symbols.forEach((elem, i) => {
        const [x, y, z] = molecule.points[i];
        const bonds = molecule.neighbours[i].map((j) => first + j);
        atoms.push({ elem, x, y, z, bonds, bondOrder: bonds.map(() => 1), serial: first + i, index: first + i });
      });
    }
    const model = viewer.addModel();
    model.addAtoms(atoms);
    model.setStyle({}, styleOf(style));
    if (style.carbon) model.setStyle({ elem: "C" }, styleOf({ ...style, colour: style.carbon }));
    return atoms.length;
  }
  function styleOf({ spacefill, thin, colour }) {
    const scheme = colour ? { color: colour } : { colorscheme: "Jmol" };
    if (spacefill) return { sphere: { ...scheme } };
    return { stick: { radius: thin ? 0.1 : 0.13, ...scheme }, sphere: { scale: thin ? 0.14 : 0.23, ...scheme } };
  }

  const point = ([x, y, z]) => ({ x, y, z });

  function addBonds(viewer, bonds, colour) {
    bonds.slice(0, MOST_BONDS_SHOWN).forEach((bond) => viewer.addCylinder({
      start: point(bond.start), end: point(bond.end), radius: 0.05, dashed: true, dashLength: 0.18,
      gapLength: 0.18, color: colour, fromCap: 1, toCap: 1,
    }));
  }

  /** The twelve edges of the cell, its axes named. */
  function addCell(viewer, cell) {
    const at = (f) => point(Csp.crystal.cartesian(cell, f));
    const corners = [[0, 0], [0, 1], [1, 0], [1, 1]];
    const soft = Csp.colour("soft");
    for (let axis = 0; axis < 3; axis += 1) for (const [u, v] of corners) {
      const start = [0, 0, 0], end = [0, 0, 0];
      start[(axis + 1) % 3] = end[(axis + 1) % 3] = u;
      start[(axis + 2) % 3] = end[(axis + 2) % 3] = v;
      end[axis] = 1;
      const isAxis = u === 0 && v === 0;
      viewer.addCylinder({
        start: at(start), end: at(end), radius: isAxis ? 0.045 : 0.025,
        color: isAxis ? ["#d55e00", "#009e73", "#0072b2"][axis] : soft,
      });
    }
    ["a", "b", "c"].forEach((name, axis) => {
      const f = [0, 0, 0];
      f[axis] = 1.06;
      viewer.addLabel(name, { position: at(f), fontColor: Csp.colour("ink"), fontSize: 14, showBackground: false, inFront: true });
    });
    viewer.addLabel("0", { position: at([-0.05, -0.05, -0.05]), fontColor: Csp.colour("soft"), fontSize: 12, showBackground: false, inFront: true });
  }

  /** Look along a lattice vector. */
  function lookAlong(viewer, cell, axis) {
    const [x, y, z] = cell[axis].map((value) => value / Csp.crystal.norm(cell[axis]));
    const q = z < -0.999999 ? [1, 0, 0, 0] : [y, -x, 0, 1 + z];
    const size = Math.hypot(...q);
    const view = viewer.getView();
    viewer.setView([...view.slice(0, 4), ...q.map((value) => value / size)]);
    viewer.render();
  }

  function recolour() {
    for (const viewer of all) viewer.setBackgroundColor(Csp.colour("card"));
  }
  function resize() {
    for (const viewer of all) viewer.resize();
  }

  /** Molecules to show of a crystal. */
  function extent(crystal, which) {
    if (which === "molecule") return [crystal.molecules[0]];
    if (which === "cell") return touching(crystal);
    if (which === "cluster") return cluster(crystal, crystal.molecules[0].centre, 15);
    return Csp.crystal.block(crystal, Number(which));
  }
  /** Molecules centred in the cell, its faces, edges and corners included. */
  function touching(crystal) {
    const { cell } = crystal;
    const edge = 0.01;
    const fractional = ([x, y, z]) => {
      const w = z / cell[2][2];
      const v = (y - w * cell[2][1]) / cell[1][1];
      return [(x - v * cell[1][0] - w * cell[2][0]) / cell[0][0], v, w];
    };
    return Csp.crystal.block(crystal, 2).filter((m) => fractional(m.centre).every((value) => value > -edge && value < 1 + edge));
  }
  /** Hydrogen bonds of what is shown; of one cell also those to the molecules just outside. */
  function bondsOf(crystal, molecules, which) {
    if (which !== "cell") return Csp.crystal.hydrogenBonds(molecules);
    const reach = Math.max(...crystal.parameters.slice(0, 3)) + 6;
    const near = Csp.crystal.around(crystal, Csp.crystal.mean(molecules.map((m) => m.centre)), reach);
    const isSame = (bond, m) => m.points.some((p) => Csp.crystal.norm(Csp.crystal.minus(p, bond.end)) < 1e-3);
    return Csp.crystal.hydrogenBonds(molecules, near)
      .filter((bond) => !molecules.some((m) => isSame(bond, m) && m.points.some((p) => Csp.crystal.norm(Csp.crystal.minus(p, bond.start)) < 1e-3)));
  }

  /** A crystal in place of what was there, seen nearly along b. */
  function show(viewer, crystal, { extent: which, hbonds, edges, spacefill }) {
    const molecules = extent(crystal, which);
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    addMolecules(viewer, molecules, { spacefill });
    if (hbonds && !spacefill) addBonds(viewer, bondsOf(crystal, molecules, which), Csp.colour("accent"));
    if (edges) addCell(viewer, crystal.cell);
    viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
    viewer.zoomTo();
    lookAlong(viewer, crystal.cell, 1);
    viewer.rotate(12, "y");
    viewer.rotate(10, "x");
    viewer.zoom(1.15);
  }

  /** The n molecules whose centres are nearest to a point. */
  function cluster(crystal, centre, n) {
    for (let reach = 8; ; reach += 4) {
      const found = Csp.crystal.around(crystal, centre, reach);
      if (found.length >= n) return found.slice(0, n);
    }
  }

  return { create, show, addMolecules, addBonds, addCell, lookAlong, recolour, resize, cluster };
})();
