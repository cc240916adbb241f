// Puts the page together: asks what is served, builds the form, sends it, shows what came back.

import { ask, problemOf } from "./ask.js";
import { buildForm } from "./form.js";
import { showResult, clearResult } from "./result.js";
import { Settings } from "./settings.js";

const byId = (id) => document.getElementById(id);
const settings = new Settings(window.location, window.sessionStorage, window.history);

function show(part) {
  for (const id of ["loading", "failure", "empty", "work"]) byId(id).hidden = id !== part;
}

function showFailure(text) {
  byId("failure").textContent = text;
  show("failure");
}

function showEmpty(model) {
  byId("empty-model").textContent = model.model;
  byId("empty-commands").replaceChildren(
    ...model.commands.map((command) => {
      const item = document.createElement("li");
      const code = document.createElement("code");
      code.textContent = command;
      item.append(code);
      return item;
    }),
  );
  show("empty");
}

function showProblem(problem, form) {
  const left = form.showErrors(problem.errors ?? []);
  const box = byId("problem");
  const title = document.createElement("b");
  title.textContent = problem.title ?? "Something went wrong";
  const detail = document.createElement("p");
  detail.textContent = problem.detail ?? "";
  const list = document.createElement("ul");
  list.append(
    ...left.map(({ field, message }) => {
      const item = document.createElement("li");
      item.textContent = field ? `${field}: ${message}` : message;
      return item;
    }),
  );
  const parts = [title, detail];
  if (left.length) parts.push(list);
  if (problem.request) {
    const request = document.createElement("small");
    request.textContent = `Request ${problem.request}`;
    parts.push(request);
  }
  box.replaceChildren(...parts);
  box.hidden = false;
  if (problem.wants === "key") {
    byId("connection").open = true;
    byId("key").focus();
  } else if (problem.wants === "api") {
    byId("connection").open = true;
    byId("api").focus();
  } else {
    form.focusFirstError();
  }
}

function wireConnection(model) {
  const key = byId("key");
  const api = byId("api");
  if (!settings.api && model.api_url) settings.api = model.api_url;
  key.value = settings.key;
  api.value = settings.api;
  const note = () => {
    byId("route-gateway-note").textContent = settings.api
      ? new URL(settings.api).host
      : "another server, across origins";
  };
  byId("connection-form").addEventListener("submit", (event) => event.preventDefault());
  key.addEventListener("input", () => { settings.key = key.value; });
  api.addEventListener("change", () => {
    settings.api = api.value;
    api.value = settings.api || api.value;
    note();
  });
  note();
}

function wireForm(model) {
  const form = buildForm(byId("fields"), model.inputs);
  byId("example").addEventListener("click", () => {
    form.fillExample();
    form.showErrors([]);
  });
  byId("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = byId("ask");
    if (button.getAttribute("aria-disabled") === "true") return;
    byId("problem").hidden = true;
    byId("answer-none").hidden = true;
    clearResult(byId("result"));
    const missing = form.missing();
    if (missing.length) {
      showProblem({ title: "Not yet complete", detail: "These inputs have no value.", errors: missing }, form);
      return;
    }
    form.showErrors([]);
    button.setAttribute("aria-disabled", "true");
    byId("answer").setAttribute("aria-busy", "true");
    const route = new FormData(event.target).get("route");
    try {
      const answer = await ask(route, model, form.record(), settings);
      showResult(byId("result"), answer, model);
      byId("answer").scrollIntoView({ block: "nearest" });
    } catch (error) {
      showProblem(problemOf(error), form);
    } finally {
      button.removeAttribute("aria-disabled");
      byId("answer").removeAttribute("aria-busy");
    }
  });
}

function showWork(model) {
  document.title = `${model.model} - Servery`;
  byId("who").hidden = false;
  byId("model-name").textContent = model.model;
  byId("model-version").textContent = model.model_version;
  byId("form-lead").textContent = leadOf(model);
  wireConnection(model);
  wireForm(model);
  show("work");
}

function leadOf(model) {
  const { output } = model;
  if (model.task === "classification") {
    const classes = output.classes ?? [];
    const few = classes.length <= 6 ? `: ${classes.join(", ")}` : "";
    return `Predicts ${plain(output.name)}, one of ${classes.length} classes${few}.`;
  }
  return `Predicts ${plain(output.name)}${output.unit === "1" ? "" : ` in ${output.unit}`}.`;
}

function plain(name) {
  return name.replaceAll("_", " ");
}

async function start() {
  show("loading");
  try {
    const response = await fetch("web/model", { headers: { accept: "application/json" } });
    const model = await response.json();
    if (!response.ok) showFailure(`${model.title ?? "Not available"}: ${model.detail ?? ""}`);
    else if (model.released) showWork(model);
    else showEmpty(model);
  } catch {
    showFailure("The server of this page did not answer. Is it still running?");
  }
}

byId("empty-again").addEventListener("click", start);
start();
