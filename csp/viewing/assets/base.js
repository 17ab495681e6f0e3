"use strict";
/* What everything that is drawn shares: elements and colours of the document. */
const Csp = { data: null };

Csp.byId = (id) => document.getElementById(id);

/** An element; text of the data is set as text, never as HTML. */
Csp.element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
};

Csp.isDark = () => document.documentElement.dataset.theme === "dark";
Csp.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
