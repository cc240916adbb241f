// Shows one answer: the class with its probabilities or the value with its unit, and who gave it.

const MOST_BARS = 10;
const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function bars(probabilities, winner) {
  const entries = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const list = element("ul", "bars");
  for (const [name, share] of entries.slice(0, MOST_BARS)) {
    const fill = element("span", "fill");
    fill.style.setProperty("--share", share);
    const row = element(
      "li", name === String(winner) ? "winner" : "",
      element("span", "name", name), element("span", "track", fill), element("span", "share", percent.format(share)),
    );
    list.append(row);
  }
  if (entries.length > MOST_BARS) {
    list.append(element("li", "quiet", `and ${entries.length - MOST_BARS} more`));
  }
  return list;
}

function verdict(prediction, model) {
  if ("class" in prediction) {
    const parts = [element("p", "verdict", String(prediction.class))];
    if (prediction.probabilities) parts.push(bars(prediction.probabilities, prediction.class));
    return parts;
  }
  const unit = prediction.unit ?? model.output.unit;
  const value = element("p", "verdict", number.format(prediction.value));
  if (unit && unit !== "1") value.append(element("small", "", ` ${unit}`));
  return [value, element("p", "quiet", model.output.name.replaceAll("_", " "))];
}

function facts(answer, prediction) {
  const rows = [
    ["version", prediction.model_version ?? answer.model_version],
    ["served by", answer.served_by],
    ["asked", answer.asked],
    ["request", answer.request_id],
    ["round trip", `${answer.ms < 10 ? answer.ms.toFixed(1) : Math.round(answer.ms)} ms`],
  ];
  const list = element("dl", "facts");
  for (const [name, value] of rows) {
    if (value) list.append(element("dt", "", name), element("dd", "", String(value)));
  }
  return list;
}

function curl(answer) {
  const text = [
    `curl -X POST '${answer.url}' \\`,
    `  -H 'content-type: application/json' -H "x-api-key: $API_KEY" \\`,
    `  -d '${answer.body.replaceAll("'", "'\\''")}'`,
  ].join("\n");
  const more = element("details", "curl", element("summary", "", "The same request with curl"));
  const code = element("pre", "", element("code", "", text));
  code.tabIndex = 0;
  more.append(code);
  return more;
}

/** Empty the place of the result. */
export function clearResult(root) {
  root.replaceChildren();
}

/** Show an answer of the records API in `root`. */
export function showResult(root, answer, model) {
  const [prediction] = answer.predictions;
  const parts = verdict(prediction, model);
  if (answer.degraded) {
    parts.push(element("p", "notice warn", "Degraded: the newest version could not answer, the last good one did."));
  }
  root.replaceChildren(...parts, facts(answer, prediction), curl(answer));
}
