import { afterEach, describe, expect, it, vi } from "vitest";
import { api, request, unwrap, unwrapPage } from "./client";
import { stateOf, useConnection } from "./connection";
import { ApiError } from "./errors";
import { signIn, signOut, useSession } from "./session";
import { stream } from "./stream";

const answer = (body: unknown, init: ResponseInit = {}) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), {
    headers: { "Content-Type": "application/json", "X-Request-Id": "req_1" },
    ...init,
  });

function network(...answers: (Response | Error)[]) {
  const fetch = vi.fn((_request: Request | string, _init?: RequestInit) => {
    const next = answers.shift();
    return next instanceof Response ? Promise.resolve(next) : Promise.reject(next ?? new TypeError("No more answers."));
  });
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

afterEach(() => {
  vi.unstubAllGlobals();
  signOut();
  useSession.setState({ asked: false });
});

const counts = () => unwrap(api.GET("/api/v1/jobs/counts"));
const failure = (error: object) =>
  answer({ error: { code: "Busy", message: "No.", details: {}, ...error } }, { status: 409 });

it("gives what is in the envelope, and a page with its numbers", async () => {
  network(
    answer({ data: { counts: { running: 1 } }, meta: {} }),
    answer({ data: [], meta: {}, pagination: { page: 1, limit: 50, total: 0, has_next: false } }),
  );
  expect(await counts()).toEqual({ counts: { running: 1 } });
  expect(await unwrapPage(api.GET("/api/v1/jobs"))).toMatchObject({ items: [], pagination: { total: 0 } });
});

describe("an error", () => {
  it("carries what the studio says of it", async () => {
    network(failure({ message: "It runs already.", details: { remedy: "Wait." }, retryable: true }));
    const error = await counts().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: "Busy", status: 409, remedy: "Wait.", retryable: true, requestId: "req_1" });
    expect(stateOf(useConnection.getState())).toBe("polling");
  });

  it("of a form names its fields", () => {
    const error = new ApiError("No.", {
      code: "BadInput",
      status: 422,
      retryable: false,
      details: { problems: ["config.sae.k: Input should be greater than 0", "name: Value error, it is taken"] },
    });
    expect(error.fields("config")).toEqual({ "sae.k": "Input should be greater than 0" });
    expect(error.fields().name).toBe("it is taken");
  });

  it("of a proxy has words too", async () => {
    network(answer("<html>", { status: 502, statusText: "Bad Gateway" }));
    await expect(counts()).rejects.toMatchObject({ message: "The studio answered 502 Bad Gateway.", retryable: true });
  });

  it("of no answer says how to start the studio, and the page is offline", async () => {
    network(new TypeError("Failed to fetch"), new TypeError("Failed to fetch"));
    await expect(counts()).rejects.toMatchObject({
      code: "Unreachable",
      remedy: expect.stringContaining("mistudio up") as string,
    });
    expect(stateOf(useConnection.getState())).toBe("offline");
    await expect(request("/api/v1/jobs")).rejects.toMatchObject({ code: "Unreachable" });
  });
});

it("sends the token, and asks for one on 401", async () => {
  const fetch = network(answer({ data: {} }), failure({}), answer("", { status: 401 }));
  signIn("secret");
  await counts();
  expect((fetch.mock.calls[0]![0] as Request).headers.get("Authorization")).toBe("Bearer secret");
  await counts().catch(() => undefined);
  expect(useSession.getState().asked).toBe(false);
  await counts().catch(() => undefined);
  expect(useSession.getState().asked).toBe(true);
});

it("reads a stream of events, in whatever pieces it arrives", async () => {
  const pieces = ['event: token\ndata: {"te', 'xt":"Hi"}\n\nda', "ta: [1]\r\n\r\n: a comment\n\n"];
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });
  network(new Response(body));
  const seen = [];
  for await (const event of stream("/api/v1/steering/generate", {}, new AbortController().signal)) seen.push(event);
  expect(seen).toEqual([
    { event: "token", data: { text: "Hi" } },
    { event: "message", data: [1] },
  ]);
});
