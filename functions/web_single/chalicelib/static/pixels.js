// A square set of inputs with one common range is an image: it is drawn, not typed.
//
// Pointer: press and draw; neighbours take a part of the ink, as a pen's edge does.
// Keyboard: arrow keys move, space or enter fills and empties, + and - change by a step.

const SMALLEST = 4;
const STEPS = 8;

/** Whether these inputs are the pixels of a square image. */
export function isImage(inputs) {
  const side = Math.sqrt(inputs.length);
  const [first] = inputs;
  return Number.isInteger(side) && side >= SMALLEST
    && first.minimum != null && first.maximum != null && first.maximum > first.minimum
    && inputs.every((one) => (one.dtype === "float" || one.dtype === "int")
      && !one.nullable && !one.categories
      && one.minimum === first.minimum && one.maximum === first.maximum);
}

function button(text, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
  return made;
}

class Pixel {
  constructor(input, row, column) {
    Object.assign(this, { input, row, column, level: input.minimum });
    this.cell = document.createElement("div");
    this.cell.setAttribute("role", "gridcell");
    this.cell.tabIndex = -1;
    this.set(input.minimum);
  }

  value() {
    return this.level;
  }

  set(value) {
    const { minimum, maximum, dtype } = this.input;
    const inside = Math.min(maximum, Math.max(minimum, value ?? minimum));
    this.level = dtype === "int" ? Math.round(inside) : Number(inside.toPrecision(6));
    this.cell.style.setProperty("--level", (this.level - minimum) / (maximum - minimum));
    this.describe();
  }

  describe() {
    const at = `row ${this.row + 1}, column ${this.column + 1}: ${this.level} of ${this.input.maximum}`;
    this.cell.setAttribute("aria-label", this.message ? `${at}, ${this.message}` : at);
  }

  setError(message) {
    this.message = message;
    this.cell.title = message;
    if (message) this.cell.setAttribute("aria-invalid", "true");
    else this.cell.removeAttribute("aria-invalid");
    this.describe();
  }
}

class Drawing {
  constructor(inputs) {
    this.side = Math.sqrt(inputs.length);
    this.range = inputs[0].maximum - inputs[0].minimum;
    this.erasing = false;
    this.pixels = inputs.map(
      (input, index) => new Pixel(input, Math.floor(index / this.side), index % this.side),
    );
    this.board = document.createElement("div");
    this.board.className = "board";
    this.board.setAttribute("role", "grid");
    this.board.setAttribute("aria-label", `Image of ${this.side} by ${this.side} pixels`);
    this.board.style.setProperty("--side", this.side);
    for (let row = 0; row < this.side; row += 1) {
      const line = document.createElement("div");
      line.setAttribute("role", "row");
      line.append(...this.pixels.filter((one) => one.row === row).map((one) => one.cell));
      this.board.append(line);
    }
    this.pixels[0].cell.tabIndex = 0;
    this.listen();
  }

  at(row, column) {
    const inside = row >= 0 && column >= 0 && row < this.side && column < this.side;
    return inside ? this.pixels[row * this.side + column] : undefined;
  }

  of(target) {
    return this.pixels.find((one) => one.cell === target);
  }

  paint(pixel) {
    if (this.erasing) {
      pixel.set(pixel.input.minimum);
      return;
    }
    pixel.set(pixel.input.maximum);
    for (const [down, right] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) {
      const next = this.at(pixel.row + down, pixel.column + right);
      const soft = pixel.input.minimum + this.range / 4;
      if (next && next.level < soft) next.set(soft);
    }
  }

  focus(pixel) {
    for (const one of this.pixels) one.cell.tabIndex = one === pixel ? 0 : -1;
    pixel.cell.focus();
  }

  listen() {
    let last;
    const draw = (event) => {
      const pixel = this.of(document.elementFromPoint(event.clientX, event.clientY));
      if (!pixel || pixel === last) return;
      last = pixel;
      this.paint(pixel);
    };
    this.board.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      last = undefined;
      this.board.setPointerCapture(event.pointerId);
      draw(event);
    });
    this.board.addEventListener("pointermove", (event) => {
      if (this.board.hasPointerCapture(event.pointerId)) draw(event);
    });
    this.board.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const pixel = this.of(event.target);
    if (!pixel || event.ctrlKey || event.metaKey || event.altKey) return;
    const { minimum, maximum } = pixel.input;
    const step = Math.max(this.range / STEPS, pixel.input.dtype === "int" ? 1 : 0);
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const changes = {
      " ": () => pixel.set(pixel.level > minimum ? minimum : maximum),
      Enter: () => pixel.set(pixel.level > minimum ? minimum : maximum),
      "+": () => pixel.set(pixel.level + step),
      "-": () => pixel.set(pixel.level - step),
    };
    if (event.key in moves) {
      const [down, right] = moves[event.key];
      this.focus(this.at(pixel.row + down, pixel.column + right) ?? pixel);
    } else if (event.key in changes) {
      changes[event.key]();
    } else return;
    event.preventDefault();
  }
}

/**
 * Append a drawing for these inputs to `root`.
 *
 * @returns {Map<string, {value, set, setError}>} by the name of the input
 */
export function pixels(root, inputs) {
  const drawing = new Drawing(inputs);
  const tools = document.createElement("div");
  tools.className = "tools";
  const pen = button("Draw", true);
  const eraser = button("Erase", false);
  const clear = button("Clear");
  const choose = (erasing) => {
    drawing.erasing = erasing;
    pen.setAttribute("aria-pressed", String(!erasing));
    eraser.setAttribute("aria-pressed", String(erasing));
  };
  pen.addEventListener("click", () => choose(false));
  eraser.addEventListener("click", () => choose(true));
  clear.addEventListener("click", () => {
    for (const one of drawing.pixels) {
      one.set(one.input.minimum);
      one.setError("");
    }
    choose(false);
  });
  tools.append(pen, eraser, clear);
  const hint = document.createElement("small");
  hint.className = "hint";
  hint.textContent = `Draw with mouse or finger. With the keyboard: arrows, space, + and -. `
    + `Values ${inputs[0].minimum} to ${inputs[0].maximum}.`;
  const frame = document.createElement("div");
  frame.className = "drawing";
  frame.append(tools, drawing.board, hint);
  root.append(frame);
  return new Map(drawing.pixels.map((one) => [one.input.name, one]));
}
