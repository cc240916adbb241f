// A form out of a model's signature: one control for each input, or a drawing for images.

import { control } from "./controls.js";
import { isImage, pixels } from "./pixels.js";

const COMPACT_FROM = 13;

/** `records[3].petal_length`, `records.petal_length` or `petal_length` -> `petal_length`. */
export function inputOf(field) {
  return field.replace(/^records(\[\d+\])?\.?/, "");
}

/**
 * Build the form into `root`.
 *
 * @param {HTMLElement} root
 * @param {object[]} inputs the fields of the signature
 * @returns {{record, missing, fillExample, showErrors, focusFirstError}}
 */
export function buildForm(root, inputs) {
  const image = isImage(inputs);
  const compact = inputs.length >= COMPACT_FROM;
  root.classList.toggle("compact", compact && !image);
  root.replaceChildren();
  const controls = image
    ? pixels(root, inputs)
    : new Map(inputs.map((input) => [input.name, control(root, input, compact)]));

  const form = {
    record() {
      return Object.fromEntries(inputs.map(({ name }) => [name, controls.get(name).value()]));
    },
    missing() {
      return inputs
        .filter(({ name }) => controls.get(name).value() === undefined)
        .map(({ name }) => ({ field: name, message: "needs a value" }));
    },
    fillExample() {
      for (const input of inputs) controls.get(input.name).set(input.example);
    },
    /** Show errors at their inputs; returns those that belong to none. */
    showErrors(errors) {
      for (const one of controls.values()) one.setError("");
      return errors.filter(({ field, message }) => {
        const at = controls.get(inputOf(field ?? ""));
        at?.setError(message);
        return !at;
      });
    },
    focusFirstError() {
      root.querySelector("[aria-invalid=true]")?.focus();
    },
  };
  form.fillExample();
  return form;
}
