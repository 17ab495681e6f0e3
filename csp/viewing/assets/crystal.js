"use strict";
/* A CIF file becomes whole molecules: cell, symmetry, bonds, contacts. */
Csp.crystal = (() => {
  const SAME_SITE = 0.1; // Å, images of one atom on a special position
  const BOND_SLACK = 0.3; // Å beyond the sum of covalent radii
  const HBOND = { longest: 2.6, narrowest: 120 }; // Å from H to acceptor, degrees
  const DONORS = new Set(["N", "O", "F", "S"]);
  const ACCEPTORS = new Set(["N", "O", "F", "S", "Cl", "Br", "I"]);
  const METALS = new Set(["Li", "Na", "Mg", "K", "Ca", "Rb", "Sr", "Cs", "Ba"]);

  const add = (a, b) => a.map((value, k) => value + b[k]);
  const minus = (a, b) => a.map((value, k) => value - b[k]);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const norm = (a) => Math.sqrt(dot(a, a));
  const mean = (points) => points.reduce(add).map((value) => value / points.length);

  /** Words of a CIF line, quotes respected. */
  const words = (line) => (line.match(/'(?:[^']|'(?=\S))*'|"[^"]*"|\S+/g) || [])
    .map((word) => word.replace(/^(['"])(.*)\1$/, "$2"));

  /** Tags and columns of a CIF file with one structure. */
  function parse(text) {
    const tags = {};
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && line[0] !== "#");
    for (let i = 0; i < lines.length; i += 1) {
      if (lines[i].toLowerCase() === "loop_") {
        const names = [];
        while (lines[i + 1]?.startsWith("_")) names.push(lines[i += 1]);
        names.forEach((name) => { tags[name] = []; });
        while (lines[i + 1] && !/^(_|loop_|data_)/i.test(lines[i + 1])) {
          const row = words(lines[i += 1]);
          names.forEach((name, k) => tags[name].push(row[k]));
        }
      } else if (lines[i][0] === "_") {
        const [name, value] = words(lines[i]);
        tags[name] = value;
      }
    }
    return tags;
  }

  /** Rotation and translation of "x,-y+1/2,z". */
  function operation(text) {
    const rotation = [], translation = [];
    for (const part of text.split(",")) {
      const row = [0, 0, 0];
      let shift = 0;
      for (const [, sign, axis, top, bottom] of part.replace(/\s/g, "").matchAll(/([+-]?)(?:([xyz])|([\d.]+)(?:\/(\d+))?)/g)) {
        const factor = sign === "-" ? -1 : 1;
        if (axis) row["xyz".indexOf(axis)] += factor;
        else shift += factor * Number(top) / Number(bottom || 1);
      }
      rotation.push(row);
      translation.push(shift);
    }
    return (f) => rotation.map((row, k) => dot(row, f) + translation[k]);
  }

  /** Lattice vectors as rows: a along x, b in the plane of x and y. */
  function lattice([a, b, c, alpha, beta, gamma]) {
    const [ca, cb, cg] = [alpha, beta, gamma].map((angle) => Math.cos(angle * Math.PI / 180));
    const sg = Math.sin(gamma * Math.PI / 180);
    const y = (ca - cb * cg) / sg;
    return [[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * y, c * Math.sqrt(1 - cb * cb - y * y)]];
  }
  const cartesian = (cell, f) => [0, 1, 2].map((k) => f[0] * cell[0][k] + f[1] * cell[1][k] + f[2] * cell[2][k]);
  const wrap = (value) => { const w = value - Math.floor(value); return w > 1 - 1e-9 ? 0 : w; };

  /** All atoms of the cell, each once, fractional in [0, 1). */
  function fullCell(cell, tags) {
    const symbols = tags._atom_site_type_symbol || tags._atom_site_label;
    const texts = tags._space_group_symop_operation_xyz || tags._symmetry_equiv_pos_as_xyz || ["x,y,z"];
    const operations = [texts].flat().map((text) => operation(text.toLowerCase()));
    const atoms = [];
    symbols.forEach((symbol, row) => {
      const site = ["x", "y", "z"].map((axis) => parseFloat(tags[`_atom_site_fract_${axis}`][row]));
      const own = [];
      for (const apply of operations) {
        const f = apply(site).map(wrap);
        const isNew = own.every((other) => norm(cartesian(cell, minus(f, other).map((d) => d - Math.round(d)))) > SAME_SITE);
        if (isNew) own.push(f);
      }
      own.forEach((f) => atoms.push({ symbol: symbol.match(/^[A-Za-z]{1,2}/)[0], f }));
    });
    return atoms;
  }

  const SHIFTS = [];
  for (let i = -1; i <= 1; i += 1) for (let j = -1; j <= 1; j += 1) for (let k = -1; k <= 1; k += 1) SHIFTS.push([i, j, k]);

  /** Bonds from every atom: [neighbour, lattice shift, distance]. */
  function bonds(cell, atoms, radius) {
    const found = atoms.map(() => []);
    atoms.forEach((one, i) => atoms.forEach((other, j) => {
      if (METALS.has(one.symbol) || METALS.has(other.symbol)) return;
      const limit = radius(one.symbol) + radius(other.symbol) + BOND_SLACK;
      for (const shift of SHIFTS) {
        const d = norm(cartesian(cell, minus(add(other.f, shift), one.f)));
        if (d > 0.4 && d < limit) found[i].push([j, shift, d]);
      }
    }));
    const nearest = (i) => found[i].reduce((best, bond) => (bond[2] < best[2] ? bond : best));
    return found.map((list, i) => list.filter(([j, , d]) =>
      (atoms[i].symbol !== "H" || d <= nearest(i)[2] + 1e-6)
      && (atoms[j].symbol !== "H" || d <= nearest(j)[2] + 1e-6)));
  }

  /** Molecules unbroken, their centroids in the cell. */
  function molecules(cell, atoms, links) {
    const place = new Array(atoms.length).fill(null);
    const found = [];
    atoms.forEach((_, start) => {
      if (place[start]) return;
      place[start] = atoms[start].f;
      const members = [start];
      for (let n = 0; n < members.length; n += 1) {
        for (const [j, shift] of links[members[n]]) {
          if (place[j]) continue;
          const home = minus(place[members[n]], atoms[members[n]].f);
          place[j] = add(add(atoms[j].f, shift), home);
          members.push(j);
        }
      }
      const centre = mean(members.map((i) => place[i]));
      const back = centre.map((value) => Math.floor(value + 1e-6));
      const index = new Map(members.map((i, n) => [i, n]));
      found.push({
        symbols: members.map((i) => atoms[i].symbol),
        points: members.map((i) => cartesian(cell, minus(place[i], back))),
        neighbours: members.map((i) => links[i].map(([j]) => index.get(j))),
        centre: cartesian(cell, minus(centre, back)),
      });
    });
    return found;
  }

  function read(text) {
    const tags = parse(text);
    const parameters = ["length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"]
      .map((name) => parseFloat(tags[`_cell_${name}`]));
    const cell = lattice(parameters);
    const atoms = fullCell(cell, tags);
    const radius = (symbol) => Csp.data.elements[symbol]?.covalent ?? 1.2;
    return { parameters, cell, atoms, molecules: molecules(cell, atoms, bonds(cell, atoms, radius)) };
  }

  const moved = (molecule, by) => ({
    ...molecule, points: molecule.points.map((p) => add(p, by)), centre: add(molecule.centre, by),
  });

  /** Molecules of n × n × n cells. */
  function block(crystal, n) {
    const found = [];
    for (let i = 0; i < n; i += 1) for (let j = 0; j < n; j += 1) for (let k = 0; k < n; k += 1) {
      const by = cartesian(crystal.cell, [i, j, k]);
      crystal.molecules.forEach((molecule) => found.push(moved(molecule, by)));
    }
    return found;
  }

  /** Molecules within a distance of a point by their centres, the nearest first. */
  function around(crystal, point, reach) {
    const { cell } = crystal;
    const volume = Math.abs(cell[0][0] * cell[1][1] * cell[2][2]);
    const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    const n = [0, 1, 2].map((k) => Math.ceil(reach * norm(cross(cell[(k + 1) % 3], cell[(k + 2) % 3])) / volume) + 1);
    const found = [];
    for (let i = -n[0]; i <= n[0]; i += 1) for (let j = -n[1]; j <= n[1]; j += 1) for (let k = -n[2]; k <= n[2]; k += 1) {
      const by = cartesian(cell, [i, j, k]);
      for (const molecule of crystal.molecules) {
        const distance = norm(minus(add(molecule.centre, by), point));
        if (distance <= reach) found.push([distance, moved(molecule, by)]);
      }
    }
    return found.sort((a, b) => a[0] - b[0]).map(([, molecule]) => molecule);
  }

  const angle = (a, b) => Math.acos(Math.max(-1, Math.min(1, dot(a, b) / norm(a) / norm(b)))) * 180 / Math.PI;

  /** Hydrogen bonds between molecules: D–H···A. */
  function hydrogenBonds(list, among = list) {
    const acceptors = [];
    among.forEach((molecule, m) => molecule.symbols.forEach((symbol, a) => {
      if (ACCEPTORS.has(symbol)) acceptors.push([molecule, m, a]);
    }));
    const found = [];
    list.forEach((molecule) => molecule.symbols.forEach((symbol, h) => {
      const d = symbol === "H" ? molecule.neighbours[h][0] : undefined;
      if (d === undefined || !DONORS.has(molecule.symbols[d])) return;
      const start = molecule.points[h];
      for (const [other, , a] of acceptors) {
        if (other === molecule) continue;
        const way = minus(other.points[a], start);
        const distance = norm(way);
        if (distance < 0.5 || distance > HBOND.longest) continue;
        const bend = angle(minus(molecule.points[d], start), way);
        if (bend < HBOND.narrowest) continue;
        found.push({
          donor: molecule.symbols[d], acceptor: other.symbols[a], start, end: other.points[a], distance,
          far: norm(minus(other.points[a], molecule.points[d])), bend,
        });
      }
    }));
    return found;
  }

  /** Distinct hydrogen bonds and the contacts shortest against van der Waals radii. */
  function contacts(crystal) {
    const reach = 2 * Math.max(...crystal.molecules.map((m) => Math.max(...m.points.map((p) => norm(minus(p, m.centre)))))) + 4;
    const bonded = new Map(), close = new Map();
    for (const molecule of crystal.molecules) {
      const shell = around(crystal, molecule.centre, reach);
      const [self] = shell;
      const others = shell.slice(1);
      for (const bond of hydrogenBonds([self], others)) {
        bonded.set(`${bond.donor}${bond.acceptor}${bond.distance.toFixed(2)}`, bond);
      }
      for (const other of others) self.points.forEach((p, i) => other.points.forEach((q, j) => {
        const distance = norm(minus(p, q));
        if (distance > 4) return;
        const pair = [self.symbols[i], other.symbols[j]].sort();
        const radii = pair.map((symbol) => Csp.data.elements[symbol]?.vdw ?? 1.8);
        close.set(`${pair}${distance.toFixed(2)}`, { pair, distance, less: distance - radii[0] - radii[1] });
      }));
    }
    const sorted = (map, key) => [...map.values()].sort((a, b) => a[key] - b[key]);
    return { hydrogenBonds: sorted(bonded, "distance"), shortest: sorted(close, "less").slice(0, 4) };
  }

  return { read, block, around, moved, hydrogenBonds, contacts, cartesian, add, minus, dot, norm, mean };
})();
