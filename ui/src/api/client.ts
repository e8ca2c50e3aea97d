import createClient, { type Middleware } from "openapi-fetch";
import { reached } from "./connection";
import { ApiError, errorOf, unreachable } from "./errors";
import type { paths } from "./schema";
import { askToSignIn, useSession } from "./session";

const answers: Middleware = {
  onRequest({ request }) {
    const { token } = useSession.getState();
    if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
  async onResponse({ response }) {
    reached(true);
    if (response.ok) return;
    if (response.status === 401) askToSignIn();
    throw await errorOf(response);
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return error;
    reached(false);
    return unreachable();
  },
};

/** The studio's API, typed by its OpenAPI document. Failures throw `ApiError`; see `unwrap` and `unwrapPage`. */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  fetch: (request) => globalThis.fetch(request),
});
api.use(answers);

export interface Pagination {
  page: number;
  limit: number;
  total: number;
  has_next: boolean;
  /** Whether `total` is an estimate, because very many match. */
  estimated?: boolean;
}

export interface Paged<Item> {
  items: Item[];
  pagination: Pagination;
}

/** What is in the envelope: `unwrap(api.GET("/api/v1/jobs/{id}", …))`. */
export async function unwrap<Data>(call: Promise<{ data?: { data: Data } }>): Promise<Data> {
  const { data } = await call;
  if (data === undefined) throw empty();
  return data.data;
}

/** A page of a list, and how many there are in all. */
export async function unwrapPage<Item>(
  call: Promise<{ data?: { data: Item[]; pagination: Pagination } }>,
): Promise<Paged<Item>> {
  const { data } = await call;
  if (data === undefined) throw empty();
  return { items: data.data, pagination: data.pagination };
}

/** For what openapi-fetch does not do: streams and uploads. The same token, the same errors. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const { token } = useSession.getState();
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    reached(false);
    throw unreachable();
  });
  reached(true);
  if (response.ok) return response;
  if (response.status === 401) askToSignIn();
  throw await errorOf(response);
}

function empty(): ApiError {
  return new ApiError("The studio answered with nothing.", {
    code: "EmptyAnswer",
    status: 200,
    retryable: true,
    details: {},
  });
}
