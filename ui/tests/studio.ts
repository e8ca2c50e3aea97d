import { vi } from "vitest";

/** What the studio answers: the value of the envelope's `data`, a whole `Response`, or a function of the request. */
type Answer = unknown;
interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  /** Fires when the page hangs up. */
  signal: AbortSignal;
}

/**
 * A studio at the other end of `fetch`: `{ "GET /saes": list([sae]) }`, paths without /api/v1. What is not named is
 * answered with 404. Returns all that was asked.
 */
export function fakeStudio(answers: Readonly<Record<string, Answer>>): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const request = input instanceof Request ? input : new Request(new URL(input, window.location.origin), init);
    const url = new URL(request.url);
    const text = await request.text();
    const path = url.pathname.replace(/^\/api\/v1/, "");
    const one = {
      method: request.method,
      path,
      query: url.searchParams,
      body: text === "" ? undefined : (JSON.parse(text) as unknown),
      signal: request.signal,
    };
    asked.push(one);
    const answer = answers[`${request.method} ${path}`];
    if (answer === undefined) return failure(404, "NotFound", `There is nothing at ${path}.`);
    const value: unknown = typeof answer === "function" ? (answer as (asked: Asked) => unknown)(one) : answer;
    if (value instanceof Response) return value;
    return json(value instanceof Listed ? value.body : { data: value });
  });
  return asked;
}

class Listed {
  constructor(readonly body: object) {}
}

/** A page of a list that is all of it. */
export function list(items: readonly unknown[], total = items.length): Listed {
  return new Listed({
    data: items,
    pagination: { page: 1, limit: 100, total, has_next: false, estimated: false },
  });
}

export function failure(status: number, code: string, message: string, remedy = "Try something else."): Response {
  return json({ error: { code, message, details: { remedy }, retryable: false } }, status);
}

/** A stream of events, all of them at once. */
export function events(all: readonly { type: string }[]): Response {
  const text = all.map((each) => `event: ${each.type}\ndata: ${JSON.stringify(each)}\n\n`).join("");
  return new Response(text, { headers: { "Content-Type": "text/event-stream" } });
}

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}
