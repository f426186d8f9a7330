// The few lines of DOM help that all views share. Text reaches the page only as text nodes, so
// nothing a person types can become markup.

/** Makes an element: `h("p", { class: "note", on: { click } }, "text", child)`. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    } else {
      attribute(node, name, value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets or removes an attribute, touching the page only when something changes. */
export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** Sets the text only when it differs, so that screen readers and selections are left alone. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** Shows or hides. A hidden element that had the focus hands it to `heir`. */
export function show(node, visible, heir) {
  if (node.hidden === !visible) return;
  const hadFocus = !visible && node.contains(document.activeElement);
  node.hidden = !visible;
  if (hadFocus) (heir ?? document.getElementById("main")).focus();
}

const lists = new WeakMap();

/**
 * Makes the children of `parent` follow `items`. `make(item)` answers `{ node, update(item) }`
 * once for each key; nodes are kept and moved only when they must, so focus survives updates.
 */
export function keyed(parent, items, keyOf, make) {
  const known = lists.get(parent) ?? new Map();
  lists.set(parent, known);
  const wanted = new Set(items.map(keyOf));
  for (const [key, part] of known) {
    if (wanted.has(key)) continue;
    const hadFocus = part.node.contains(document.activeElement);
    part.node.remove();
    known.delete(key);
    if (hadFocus) document.getElementById("main").focus();
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let part = known.get(key);
    if (!part) {
      part = make(item);
      known.set(key, part);
    }
    part.update(item);
    if (part.node === place) {
      place = place.nextElementSibling;
    } else {
      const focused = part.node.contains(document.activeElement) ? document.activeElement : null;
      parent.insertBefore(part.node, place);
      focused?.focus();
    }
  }
}

let nextId = 0;

/** An id for a label or a description; unique within the page. */
export function freshId(stem) {
  nextId += 1;
  return `${stem}-${nextId}`;
}
