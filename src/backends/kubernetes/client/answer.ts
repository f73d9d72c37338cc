/** What is read of an answer that was no refusal. */

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly json: unknown;
}

export async function wholeAnswer(response: Response): Promise<HttpAnswer> {
  const text = await response.text();
  const json = jsonOf(text, response.headers.get("content-type") ?? "");
  // What could be read as JSON is that, though the server does not say so.
  const headers = { "content-type": "application/json", ...Object.fromEntries(response.headers) };
  return { status: response.status, headers, text, json };
}

/** As text, whatever it says to be. Of one that is longer the rest is not read, and its connection is given up. */
export async function beginningOf({ body }: Response, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of body ?? []) {
    chunks.push(bytes);
    size += bytes.byteLength;
    if (size >= mostBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, mostBytes).toString();
}

/**
 * A login page, or a proxy that cut the answer short: the call may have done its work all the same. What
 * came is not shown, for it may be the half of somebody's secrets.
 */
function jsonOf(text: string, type: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(
      `what came is not the answer of an API server, but ${type || "of no type"}, and not JSON`,
    );
  }
}
