// One control for one input: number, choice, yes/no or text, each with label, unit and hint.

let serial = 0;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A step that makes about a hundred out of the range: 1, 0.1, 0.01 ... */
export function stepOf({ dtype, minimum, maximum }) {
  if (dtype === "int") return 1;
  const bounded = Number.isFinite(minimum) && Number.isFinite(maximum) && maximum > minimum;
  return bounded ? Number(`1e${Math.floor(Math.log10((maximum - minimum) / 50))}`) : "any";
}

function hintOf(input) {
  const low = input.minimum ?? null;
  const high = input.maximum ?? null;
  const range = {
    both: `${low} to ${high}`, low: `${low} or more`, high: `${high} or less`, none: "",
  }[low === null ? (high === null ? "none" : "high") : (high === null ? "low" : "both")];
  return [input.description, range].filter(Boolean).join(" · ");
}

function numberControl(input, id, compact) {
  const step = stepOf(input);
  const box = element("input", {
    id, name: input.name, type: "number", inputmode: input.dtype === "int" ? "numeric" : "decimal",
    min: input.minimum, max: input.maximum, step, required: input.nullable ? null : "",
  });
  const parts = [box];
  if (input.unit !== "1") parts.push(element("span", { class: "unit", "aria-hidden": "true" }, input.unit));
  const widgets = [element("div", { class: "with-unit" }, ...parts)];
  let slider;
  if (!compact && input.minimum != null && input.maximum != null) {
    slider = element("input", {
      type: "range", min: input.minimum, max: input.maximum, step, tabindex: "-1", "aria-hidden": "true",
    });
    slider.addEventListener("input", () => { box.value = slider.value; });
    box.addEventListener("input", () => { slider.value = box.value; });
    widgets.push(slider);
  }
  return {
    focus: box,
    widgets,
    get: () => (box.value === "" ? undefined : Number(box.value)),
    put: (value) => {
      box.value = value ?? "";
      if (slider) slider.value = box.value;
    },
    enable: (on) => {
      box.disabled = !on;
      if (slider) slider.disabled = !on;
    },
  };
}

function choiceControl(input, id, choices) {
  const box = element("select", { id, name: input.name });
  if (input.nullable) box.append(element("option", { value: "" }, "unknown"));
  choices.forEach(([, label], index) => box.append(element("option", { value: index }, label)));
  return {
    focus: box,
    widgets: [element("div", { class: "choice" }, box)],
    get: () => (box.value === "" ? null : choices[Number(box.value)][0]),
    put: (value) => {
      const index = choices.findIndex(([each]) => each === value);
      box.value = index < 0 ? (input.nullable ? "" : 0) : index;
    },
  };
}

function switchControl(input, id) {
  const box = element("input", { id, name: input.name, type: "checkbox", class: "switch" });
  return {
    focus: box, widgets: [box], get: () => box.checked, put: (value) => { box.checked = value === true; },
  };
}

function textControl(input, id) {
  const box = element("input", { id, name: input.name, type: "text", required: input.nullable ? null : "" });
  return {
    focus: box,
    widgets: [box],
    get: () => (box.value === "" ? undefined : box.value),
    put: (value) => { box.value = value ?? ""; },
    enable: (on) => { box.disabled = !on; },
  };
}

function kindOf(input, id, compact) {
  if (input.categories) return choiceControl(input, id, input.categories.map((each) => [each, String(each)]));
  if (input.dtype === "bool") {
    return input.nullable ? choiceControl(input, id, [[true, "yes"], [false, "no"]]) : switchControl(input, id);
  }
  return input.dtype === "string" ? textControl(input, id) : numberControl(input, id, compact);
}

/** The "unknown" box of an input that may be null and whose control cannot say so itself. */
function unknownBox(made, id) {
  const box = element("input", { type: "checkbox", id: `${id}-unknown` });
  const sync = () => made.enable(!box.checked);
  box.addEventListener("change", sync);
  return { box, sync, label: element("label", { class: "unknown", for: box.id }, box, "unknown") };
}

/**
 * Append the control of one input to `root`.
 *
 * @returns {{value, set, setError}} `value()` is undefined where there is none yet, null where
 *   it is unknown.
 */
export function control(root, input, compact) {
  const id = `input-${serial += 1}`;
  const made = kindOf(input, id, compact);
  const unknown = input.nullable && made.enable ? unknownBox(made, id) : null;
  const name = element("label", { for: id }, input.name.replaceAll("_", " "));
  if (input.unit !== "1") name.append(element("span", { class: "hidden" }, ` in ${input.unit}`));
  const hint = element("small", { class: "hint", id: `${id}-hint` }, hintOf(input));
  const error = element("small", { class: "error", id: `${id}-error` });
  made.focus.setAttribute("aria-describedby", `${hint.id} ${error.id}`);
  const head = element("div", { class: "head" }, name);
  if (unknown) head.append(unknown.label);
  root.append(element("div", { class: "field" }, head, ...made.widgets, hint, error));
  return {
    value: () => (unknown?.box.checked ? null : made.get()),
    set: (value) => {
      if (unknown) {
        unknown.box.checked = value === null || value === undefined;
        unknown.sync();
      }
      made.put(value);
    },
    setError: (message) => {
      error.textContent = message;
      if (message) made.focus.setAttribute("aria-invalid", "true");
      else made.focus.removeAttribute("aria-invalid");
    },
  };
}
