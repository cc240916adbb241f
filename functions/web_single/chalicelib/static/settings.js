// What this tab knows about its caller: the API key and the address of the gateway API.
//
// Both may come in the fragment (#api=ADDRESS&key=KEY), which a browser never sends to a
// server. The key is taken out of the address bar at once, so that it does not end up in a
// bookmark or a shared link; it lives in the session storage of this tab and nowhere else.

const KEY = "servery.key";
const API = "servery.api";

/** The address without its trailing slash, or "" where it is none that a browser may call. */
export function cleanAddress(text) {
  try {
    const url = new URL(text);
    if (url.protocol !== "https:" && url.protocol !== "http:") return "";
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return "";
  }
}

export class Settings {
  #storage;

  constructor(location, storage, history) {
    this.#storage = storage;
    const given = new URLSearchParams(location.hash.slice(1));
    if (given.has("api")) this.api = given.get("api");
    if (given.has("key")) {
      this.key = given.get("key");
      given.delete("key");
      const rest = given.size ? `#${given}` : "";
      history.replaceState(null, "", location.pathname + location.search + rest);
    }
  }

  get key() {
    return this.#storage.getItem(KEY) ?? "";
  }

  set key(value) {
    this.#storage.setItem(KEY, value.trim());
  }

  get api() {
    return this.#storage.getItem(API) ?? "";
  }

  set api(value) {
    this.#storage.setItem(API, cleanAddress(value));
  }
}
