// A labelled input with a place for the sentence that says what is wrong with it.

import { attribute, freshId, h, show, text } from "../dom.js";

/** `make(id)` answers the input, select or textarea. */
export function field(label, make, hint = null) {
  const id = freshId("field");
  const errorId = `${id}-error`;
  const input = make(id);
  const error = h("p", { class: "field-error", id: errorId, hidden: true });
  const hintNode = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  const node = h("div", { class: "field" }, h("label", { for: id }, label), input, hintNode, error);
  input.addEventListener("input", () => complain(null));

  function complain(sentence) {
    text(error, sentence ?? "");
    show(error, sentence !== null, input);
    attribute(input, "aria-invalid", sentence !== null ? "true" : null);
    const described = [hint && `${id}-hint`, sentence !== null && errorId].filter(Boolean);
    attribute(input, "aria-describedby", described.join(" ") || null);
  }
  return { node, input, complain };
}

/** Shows a problem at the field it names, else in `rest`. Moves the focus to the field. */
export function complainAt(fields, problem, rest) {
  const at = fields[problem.field];
  if (!at) return rest(problem.detail);
  at.complain(problem.detail);
  // An input inside closed options could not take the focus.
  at.input.closest("details")?.setAttribute("open", "");
  at.input.focus();
}
