"use strict";
// A trial is the same thing in every chart and in the table: what is pointed at is shown in all.
const told = document.getElementById("told");
const all = (css) => [...document.querySelectorAll(css)];
const parts = new Map();
for (const part of all("[data-trial]")) {
  const number = part.dataset.trial;
  parts.set(number, [...(parts.get(number) ?? []), part]);
}
let kept = null;

function show(number) {
  for (const part of all(".on")) part.classList.remove("on");
  document.body.classList.toggle("chosen", number !== null);
  told.textContent = "";
  if (number === null) return;
  for (const part of parts.get(number)) part.classList.add("on");
  const row = parts.get(number).find((part) => part.localName === "tr");
  const cells = [...row.cells].map((cell) => cell.textContent.trim()).filter((said) => said);
  told.textContent = `Trial ${cells.join(" · ")}`;
}

const numberOf = (target) => target.closest?.("[data-trial]")?.dataset.trial ?? null;
document.addEventListener("pointerover", (event) => {
  if (kept === null) show(numberOf(event.target));
});
document.addEventListener("focusin", (event) => {
  if (kept === null) show(numberOf(event.target));
});
document.addEventListener("click", (event) => {
  if (event.target.closest("label, button")) return;
  const number = numberOf(event.target);
  kept = number === kept ? null : number;
  show(kept);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") show((kept = null));
  if (event.key === "Enter" && numberOf(event.target)) show((kept = numberOf(event.target)));
});

for (const box of all("input[data-candidate]")) {
  box.addEventListener("change", () => {
    for (const part of all(`[data-candidate="${box.dataset.candidate}"]`)) {
      if (part !== box) part.toggleAttribute("hidden", !box.checked);
    }
  });
}

const body = document.querySelector("tbody");
for (const button of all("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const down = head.ariaSort === "ascending";
    for (const other of all("th")) other.removeAttribute("aria-sort");
    head.ariaSort = down ? "descending" : "ascending";
    const column = Number(button.dataset.column);
    const sign = down ? -1 : 1;
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      const cells = [a.cells[column], b.cells[column]];
      if (!cells.some((cell) => cell.classList.contains("figure"))) {
        return sign * cells[0].textContent.localeCompare(cells[1].textContent);
      }
      if (value(a) === undefined || value(b) === undefined) {
        return (value(a) === undefined) - (value(b) === undefined);
      }
      return sign * (Number(value(a)) - Number(value(b)));
    };
    body.append(...[...body.rows].sort(compare));
  });
}
