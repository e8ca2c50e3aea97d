/** What the studio answered in place of what was asked for. */
export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    message: string,
    readonly facts: {
      /** The class of error: `NotFound`, `NotEnoughMemory`. */
      code: string;
      /** The HTTP status; 0 where no answer came. */
      status: number;
      retryable: boolean;
      /** All that the answer says of it. */
      details: Readonly<Record<string, unknown>>;
      /** What to do about it, in words. */
      remedy?: string;
      /** Under which the studio's log tells more. */
      requestId?: string;
    },
  ) {
    super(message);
  }

  get code() {
    return this.facts.code;
  }
  get status() {
    return this.facts.status;
  }
  get retryable() {
    return this.facts.retryable;
  }
  get remedy() {
    return this.facts.remedy;
  }
  get requestId() {
    return this.facts.requestId;
  }

  /** Of a 422: what is wrong with each field, by its path below `under`: `sae.k` of `config.sae.k`. */
  fields(under = ""): Record<string, string> {
    const { problems } = this.facts.details;
    if (!Array.isArray(problems)) return {};
    const prefix = under === "" ? "" : `${under}.`;
    const pairs = problems.flatMap((problem: unknown): [string, string][] => {
      const [path, message] = typeof problem === "string" ? split(problem) : [];
      if (path === undefined || message === undefined || !path.startsWith(prefix)) return [];
      return [[path.slice(prefix.length), message.replace(/^Value error, /, "")]];
    });
    return Object.fromEntries(pairs);
  }
}

/** `config.sae.k: Input should be greater than 0`. */
function split(problem: string): string[] {
  const at = problem.indexOf(": ");
  return at < 0 ? [] : [problem.slice(0, at), problem.slice(at + 2)];
}

/** The error that an answer carries. Also of answers that are none of the studio's: of a proxy, of a crash. */
export async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const error = record(record(body).error);
  const details = record(error.details);
  return new ApiError(text(error.message) ?? `The studio answered ${response.status} ${response.statusText}.`, {
    code: text(error.code) ?? `HTTP${response.status}`,
    status: response.status,
    retryable: error.retryable === true || response.status >= 502,
    details,
    remedy: text(details.remedy),
    requestId: response.headers.get("x-request-id") ?? text(details.request_id),
  });
}

/** No answer at all. */
export function unreachable(): ApiError {
  return new ApiError("The studio does not answer.", {
    code: "Unreachable",
    status: 0,
    retryable: true,
    details: {},
    remedy: "Look whether it runs (mistudio status), and start it again: mistudio up.",
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
