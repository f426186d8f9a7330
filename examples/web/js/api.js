// Speaks HTTP with the server. Every failure becomes a `Problem`, whose `detail` is a sentence
// that may be shown as it is.

import { nodes } from "./nodes.js";

const TIMEOUT_MS = 10_000;

export class Problem extends Error {
  constructor({ status = 0, code = "", detail = "", field = null, url = null }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.field = field;
    this.url = url;
  }

  /** True when the same request may well succeed later: the server was away or overloaded. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  get(path) {
    return this.#authorized("GET", path);
  }

  post(path, body) {
    return this.#authorized("POST", path, body);
  }

  /** Runs a command and answers its output. */
  async command(name, data) {
    return (await this.post("/api/commands", { name, data })).output;
  }

  /** A token the server no longer knows is replaced once by a new one for the same name. */
  async #authorized(method, path, body) {
    const token = this.#session.token;
    try {
      return await send(method, path, body, token);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      await this.#session.renew(token);
      return send(method, path, body, this.#session.token);
    }
  }
}

/** One request. Answers the JSON body, or throws a `Problem`. */
export async function send(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let json;
  try {
    response = await fetch(nodes.base + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const raw = await response.text();
    json = raw === "" ? null : parse(raw);
  } catch {
    throw new Problem({ detail: "The server cannot be reached right now." });
  }
  if (response.ok) return json;
  throw new Problem({
    status: response.status,
    code: json?.code ?? "",
    detail: json?.detail ?? "The server could not do that.",
    field: json?.field ?? null,
    url: json?.url ?? null,
  });
}

function parse(raw) {
  try {
    return JSON.parse(raw);
  } catch {
    return null;
  }
}
