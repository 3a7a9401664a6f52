// One chat request to the model endpoint, as a client would send it, read while it arrives.

import { ApiError } from "./client";

export interface Piece {
  /** Text that has just come. */
  text: string;
  requestId: string | null;
  /** Who answered, where the server says so. */
  provider: string | null;
}

interface Chunk {
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null } }[];
  error?: { message?: string; code?: string };
}

async function refused(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { message: string; code?: string } };
    return new ApiError(response.status, error.code ?? "refused", error.message);
  } catch {
    return new ApiError(response.status, "unreadable", `The server answered ${response.status} ${response.statusText}.`);
  }
}

/** The answer to `text`, piece by piece. ApiError when it is refused or breaks off with an error. */
export async function* ask(model: string, text: string, key: string, signal: AbortSignal): AsyncGenerator<Piece> {
  let response: Response;
  try {
    response = await fetch("/v1/chat/completions", {
      method: "POST",
      signal,
      headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: text }] }),
    });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ApiError(0, "unreachable", "OmniRoute does not answer. Is it still running?");
  }
  if (!response.ok || !response.body) throw await refused(response);
  const about = { requestId: response.headers.get("x-request-id"), provider: response.headers.get("x-omniroute-provider") };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (!data || data === "[DONE]") continue;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw new ApiError(response.status, chunk.error.code ?? "broken", chunk.error.message ?? "The answer broke off.");
      const delta = chunk.choices?.[0]?.delta;
      yield { text: delta?.content ?? delta?.reasoning_content ?? "", ...about };
    }
  }
}
