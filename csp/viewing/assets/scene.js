"use strict";
/* One crystal, alone in its document. */
(() => {
  Csp.data = JSON.parse(Csp.byId("crystal").textContent);
  const crystal = Csp.crystal.read(Csp.data.cif);
  const viewer = Csp.viewer.create("viewer");
  function draw() {
    if (!viewer) return;
    Csp.viewer.show(viewer, crystal, { extent: Csp.byId("extent").value, hbonds: true, edges: true });
    viewer.render();
  }
  Csp.byId("extent").addEventListener("change", draw);
  document.querySelectorAll("[data-axis]").forEach((button) => button.addEventListener("click", () =>
    viewer && Csp.viewer.lookAlong(viewer, crystal.cell, Number(button.dataset.axis))));
  draw();
  document.documentElement.dataset.ready = "yes";
})();
