// Sends one record to this origin or to the gateway, and makes one shape of every way to fail.

/** Carries a problem document (RFC 9457), whoever found the problem. */
export class Problem extends Error {
  constructor(document) {
    super(document.title);
    this.document = document;
  }
}

let blocked = "";
document.addEventListener("securitypolicyviolation", (event) => {
  if (event.effectiveDirective === "connect-src") blocked = event.blockedURI;
});

/** Where a route asks, and what it is called when it does not answer. */
function targetOf(route, model, settings) {
  if (route === "web") return { url: new URL("web/predict", document.baseURI), name: "This page's server" };
  if (!settings.api) {
    throw new Problem({
      title: "Where is the gateway?",
      detail: "Give the address of the gateway API under Connection.",
      wants: "api",
    });
  }
  const url = new URL(`${settings.api}/v2/models/${encodeURIComponent(model.model)}/infer`);
  return { url, name: `The gateway at ${url.host}` };
}

/** What fetch says without a reason: down, refused by CORS, or refused by this page's policy. */
function unreachable(url, name, settings) {
  if (blocked && url.href.startsWith(blocked)) {
    return new Problem({
      title: "Refused by this page",
      detail: `The policy of this page does not let it call ${url.origin}.`,
      wants: "api",
    });
  }
  if (url.origin === window.location.origin) {
    return new Problem({ title: "No answer", detail: `${name} did not answer. Is it still running?` });
  }
  const noKey = settings.key ? "" : " There is no API key, and a browser may not read that refusal across origins.";
  return new Problem({
    title: "No answer",
    detail: `${name} is down, or does not allow pages from ${window.location.origin} (AllowedOrigins).${noKey}`,
    wants: settings.key ? undefined : "key",
  });
}

async function documentOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

/**
 * Ask for one record.
 *
 * @returns {Promise<object>} the answer of the API with `ms` (time until the whole answer was
 *   here), `asked` (origin) and `url`.
 * @throws {Problem}
 */
export async function ask(route, model, record, settings) {
  const { url, name } = targetOf(route, model, settings);
  const body = JSON.stringify({ records: [record] });
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (settings.key) headers["x-api-key"] = settings.key;
  const started = performance.now();
  blocked = "";
  let response;
  try {
    response = await fetch(url, { method: "POST", headers, body, credentials: "omit", cache: "no-store" });
  } catch {
    // The report of a refusal by the policy comes as an event of its own, just after.
    await new Promise((resolve) => { setTimeout(resolve, 0); });
    throw unreachable(url, name, settings);
  }
  const answer = await documentOf(response);
  const ms = performance.now() - started;
  if (!response.ok) throw refusal(response, answer, settings);
  return { ...answer, ms, asked: url.origin, url: url.href, body };
}

function refusal(response, answer, settings) {
  const problem = {
    title: answer.title ?? `Status ${response.status}`,
    detail: answer.detail ?? answer.message ?? "",
    errors: answer.errors ?? [],
    request: (answer.instance ?? response.headers.get("x-request-id") ?? "").replace("urn:servery:request:", ""),
  };
  if (response.status === 401 || response.status === 403) {
    problem.title = settings.key ? "This API key is not accepted" : "An API key is needed";
    problem.wants = "key";
  }
  return new Problem(problem);
}

/** The problem document for whatever was thrown. */
export function problemOf(error) {
  if (error instanceof Problem) return error.document;
  return { title: "This page failed", detail: String(error) };
}
