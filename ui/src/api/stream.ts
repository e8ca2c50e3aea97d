import { request } from "./client";

export interface StreamedEvent {
  /** `message` where the stream names none. */
  event: string;
  data: unknown;
}

/** The events of a `text/event-stream` answer to a POST, as they arrive; ends with the stream or the signal. */
export async function* stream(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<StreamedEvent> {
  const response = await request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal,
  });
  if (response.body === null) return;
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    // Leaving early hangs up, so that the studio stops generating.
    await reader.cancel().catch(() => undefined);
  }
}

function parse(block: string): StreamedEvent | null {
  const lines = block.split(/\r?\n/);
  const field = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
  const data = field("data").join("\n");
  if (data === "") return null;
  return { event: field("event")[0] ?? "message", data: JSON.parse(data) as unknown };
}
